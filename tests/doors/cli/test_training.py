"""Training says what is missing before it begins."""

import sys
from pathlib import Path

import pytest
from made.commands import Lingula

RECIPE = Path(__file__).parents[3] / "recipes" / "default.toml"


def test_training_without_a_data_folder_says_how_to_name_one(lingula: Lingula, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LINGULA_DATA", raising=False)
    ended = lingula("train", RECIPE)
    assert ended.code == 78
    assert "--data or LINGULA_DATA" in ended.err


def test_without_the_extra_the_command_to_install_it_is_named(
    lingula: Lingula, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("lingula.training.walk")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    ended = lingula("train", RECIPE, "--data", tmp_path)
    assert ended.code == 78
    assert "make setup EXTRAS=train" in ended.err


def test_a_recipe_that_is_not_there_ends_with_65(lingula: Lingula, tmp_path: Path) -> None:
    ended = lingula("train", "nothing.toml", "--data", tmp_path)
    assert ended.code == 65
    assert "nothing.toml" in ended.err


def test_a_folder_that_is_no_finished_run_is_not_exported(lingula: Lingula, tmp_path: Path) -> None:
    ended = lingula("export", tmp_path / "run", "--data", tmp_path)
    assert ended.code == 65
    assert "lingula train" in ended.err
