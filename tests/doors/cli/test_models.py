"""Packages are registered, compared, promoted with a reason and rolled back from the command line."""

import re
from pathlib import Path

import pytest
from made.commands import Lingula
from made.packages import made_package

from lingula.modelpackage.gate import Gate

FORMAT_1 = Path(__file__).parents[2] / "fixtures" / "format-1"


@pytest.fixture
def shelf(lingula: Lingula, tmp_path: Path) -> Path:
    """Two versions of one package on the shelf."""
    for version in ("1.0.0", "1.1.0"):
        assert lingula("models", "register", made_package(tmp_path / "made", version=version)).code == 0
    return tmp_path / "made"


def stages(lingula: Lingula) -> dict[str, str]:
    rows = lingula("models", "list", "--json").rows
    return {str(row["package"]): str(row["stage"]) for row in rows if row["name"] == "made"}


@pytest.mark.usefixtures("shelf")
def test_a_registered_package_is_a_candidate(lingula: Lingula) -> None:
    assert stages(lingula) == {"made-1.0.0": "candidate", "made-1.1.0": "candidate"}
    assert re.search(r"made-1\.1\.0 +candidate", lingula("models", "list").out)


@pytest.mark.usefixtures("shelf")
def test_a_promoted_package_serves_and_a_rollback_goes_back(lingula: Lingula) -> None:
    assert lingula("models", "promote", "made-1.0.0", "--because", "the first").code == 0
    ended = lingula("models", "promote", "made-1.1.0", "--because", "better on our radiographs", "--json")
    assert ended.rows[0]["stage"] == "serving"
    assert "running servers take it up within seconds" in ended.err
    assert stages(lingula) == {"made-1.0.0": "retired", "made-1.1.0": "serving"}
    assert lingula("models", "rollback", "--because", "worse at night").code == 0
    assert stages(lingula)["made-1.0.0"] == "serving"
    history = lingula("models", "history", "--json").rows
    assert [(row["action"], row["because"]) for row in history] == [
        ("promote", "the first"),
        ("promote", "better on our radiographs"),
        ("rollback", "worse at night"),
    ]
    assert "worse at night" in lingula("models", "history").out


@pytest.mark.usefixtures("shelf")
def test_a_package_shows_its_card_and_its_manifest(lingula: Lingula) -> None:
    assert lingula("models", "show", "made-1.0.0").out == "# Made for tests\n"
    assert lingula("models", "show", "made", "--json").rows[0]["version"] == "1.1.0"


def test_a_changed_package_is_found_out(lingula: Lingula, shelf: Path) -> None:
    kept = next(path for path in (Path(shelf).parent / "home" / "packages").glob("made-1.0.0*"))
    kept.write_bytes(made_package(shelf / "other", name="other").read_bytes())
    ended = lingula("models", "verify", "made-1.0.0")
    assert ended.code == 65
    assert lingula("models", "verify", "made-1.1.0", "--json").rows[0]["stage"] == "candidate"


def test_a_reason_and_a_known_name_are_needed(lingula: Lingula, shelf: Path) -> None:
    assert lingula("models", "promote", "made-1.0.0").code == 64
    assert lingula("models", "promote", "made-1.0.0", "--because", " ").code == 5
    assert lingula("models", "promote", "nothing-1.0.0", "--because", "x").code == 4
    assert lingula("models", "register", shelf / "nothing.lingula").code == 65


@pytest.mark.usefixtures("shelf")
def test_the_promoted_package_assesses(lingula: Lingula, pictures: Path) -> None:
    lingula("models", "promote", "made", "--because", "it is the newest")
    assert lingula("assess", pictures / "a.jpg", "--json").rows[0]["package"] == "made-1.1.0"
    assert lingula("assess", pictures / "a.jpg", "--package", "made-1.0.0", "--json").rows[0]["package"] == "made-1.0.0"


def test_what_falls_short_of_its_gate_is_refused_and_the_numbers_are_named(lingula: Lingula, tmp_path: Path) -> None:
    lingula("models", "register", made_package(tmp_path / "made", gate=Gate(auroc_at_least=0.9)))
    ended = lingula("models", "promote", "made", "--because", "it is new")

    assert ended.code == 5
    assert "made-1.0.0 does not reach its gate: AUROC is 0.5, at least 0.9 is asked" in ended.err
    assert stages(lingula) == {"made-1.0.0": "candidate"}


def test_a_package_without_a_gate_is_promoted_with_a_notice(lingula: Lingula) -> None:
    lingula("models", "register", FORMAT_1 / "made-1.0.0.lingula")
    ended = lingula("models", "promote", "made", "--because", "as before")

    assert ended.code == 0
    assert "made-1.0.0: it states no gate" in ended.err
    assert "states no gate" in str(lingula("models", "history", "--json").rows[0]["notice"])
    assert re.search(r"as before +it states no gate: nobody said", lingula("models", "history").out)


@pytest.mark.usefixtures("shelf")
def test_a_rollback_names_the_package_that_is_no_longer_trusted(lingula: Lingula) -> None:
    for version in ("1.0.0", "1.1.0"):
        lingula("models", "promote", f"made-{version}", "--because", "newer")

    assert lingula("models", "rollback", "--from", "made-1.1.0", "--because", "too many alarms").code == 0
    again = lingula("models", "rollback", "--from", "made-1.1.0", "--because", "too many alarms")
    assert again.code == 5
    assert "made-1.1.0 does not serve, made-1.0.0 does" in again.err
    assert stages(lingula)["made-1.0.0"] == "serving"


def test_the_list_says_what_a_package_replaced(lingula: Lingula, tmp_path: Path) -> None:
    lingula("models", "register", made_package(tmp_path / "made"))
    lingula("models", "promote", "made", "--because", "better")

    (row,) = [row for row in lingula("models", "list", "--json").rows if row["name"] == "made"]
    assert (row["begun_from"], row["teachers"]) == (None, [])
    assert str(row["replaced"]).startswith("pneumonia-children-")
