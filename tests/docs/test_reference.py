"""The generated pages say what the program does."""

import tomllib
from pathlib import Path

import pytest

from lingula.doors.cli.main import command_names
from lingula.log import FIELDS
from lingula.settings import Settings
from tools import recipe_reference, reference

FOLDER = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize(("name", "text"), reference.pages().items(), ids=reference.pages())
def test_a_generated_page_is_up_to_date(name: str, text: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == text, "run `make reference`"


def test_every_setting_and_command_has_its_place() -> None:
    pages = reference.pages()
    assert [name for name in Settings.model_fields if f"`LINGULA_{name.upper()}`" not in pages["settings.md"]] == []
    assert [name for name in command_names() if f"## lingula {name}\n" not in pages["cli.md"]] == []


def test_what_events_carry_is_what_the_log_may_write() -> None:
    page = (FOLDER / "events-and-metrics.md").read_text(encoding="utf-8")
    for field in ("seconds", "waited_seconds", "reason", "verdict"):
        assert f"`{field}`" in page
        assert field in FIELDS


def test_every_key_of_a_recipe_has_its_place() -> None:
    page = reference.pages()["recipe.md"]
    for heading, section in recipe_reference.sections().items():
        assert f"\n## {heading}\n" in page
        for key in section.model_fields:
            path = heading.strip("[]") + f".{key}"
            assert f"\n| `{key}` | " in page or f"[{path}]" in page, path


@pytest.mark.parametrize("path", sorted(recipe_reference.RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_recipe_says_what_it_is_in_its_first_line(path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith("# ")
    assert f"| `{path.name}` | " in reference.pages()["recipe.md"]


def test_what_is_to_be_edited_in_the_own_recipe_says_so() -> None:
    text = (recipe_reference.RECIPES / "own-csv.toml").read_text(encoding="utf-8")
    recipe = tomllib.loads(text)
    placeholders = (*recipe["data"]["credits"][0].values(), *recipe["package"]["intended_use"].values())
    assert [value for value in placeholders if isinstance(value, str) and not value.startswith("EDIT: ")] == []
