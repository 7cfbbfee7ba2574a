"""The generated pages say what the program does."""

from pathlib import Path

import pytest

from lingula.doors.cli.main import command_names
from lingula.log import FIELDS
from lingula.settings import Settings
from tools import reference

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
