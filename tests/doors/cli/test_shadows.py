"""A candidate is put in shadow, compared, and taken out again from the command line."""

import json
import re
from pathlib import Path

import pytest
from made.arrivals import after, made_arrival, made_result, made_shadow
from made.commands import Lingula
from made.packages import made_package

from lingula.radiology.study import Band
from lingula.records.records import RecordsPlace, open_records
from lingula.settings import load_settings


@pytest.fixture
def shelf(lingula: Lingula, tmp_path: Path) -> str:
    """Put a candidate on the shelf and give its digest."""
    ended = lingula("models", "register", made_package(tmp_path / "made", version="2.0.0"), "--json")
    return str(ended.rows[0]["sha256"])


def stated(sha256: str) -> None:
    """Let both packages state something on three radiographs that arrive in the future of the shadow."""
    place: RecordsPlace = open_records(load_settings().records_url)
    for number, band in enumerate((Band.LIKELY, Band.LIKELY, Band.UNLIKELY)):
        name = f"i{number}"
        place.records.add_instance(made_arrival(name, f"study{number}", received_at=after(number).replace(year=2099)))
        place.records.save_assessments([made_result(name, Band.LIKELY)])
        place.shadows.begin_shadows(
            sha256, [made_arrival(name).id], at=after(0).replace(year=2099), begun_before=after(0)
        )
        place.shadows.save_shadows([made_shadow(name, band, package=sha256)])
    place.records.close()


def test_a_shadow_is_started_with_a_reason_compared_and_stopped(lingula: Lingula, shelf: str, tmp_path: Path) -> None:
    started = lingula("models", "shadow", "made", "--because", "two weeks beside", "--json")
    assert started.rows[0]["stage"] == "shadow"
    assert "begin within seconds" in started.err
    stated(shelf)

    compared = lingula("models", "compare-shadow", "--json").rows[0]
    assert (compared["package"], compared["arrived"], compared["finished"]) == ("made-2.0.0", 3, 3)
    assert compared["bands"] == {"likely": {"likely": 2, "unlikely": 1}}
    text = lingula("models", "compare-shadow", "made", "--out", tmp_path / "out" / "shadow.txt").out
    assert "study study2: serving likely 0.9300, candidate unlikely 0.0200" in text
    assert (tmp_path / "out" / "shadow.txt").read_text() == text
    lingula("models", "compare-shadow", "--out", tmp_path / "shadow.json")
    assert json.loads((tmp_path / "shadow.json").read_text()) == compared

    assert lingula("models", "shadow", "--stop").code == 0
    history = lingula("models", "history", "--json").rows
    assert [(row["action"], row["because"]) for row in history] == [
        ("shadow", "two weeks beside"),
        ("stop shadow", "stopped by hand"),
    ]
    assert lingula("models", "compare-shadow", "--json").rows[0]["finished"] == 3


@pytest.mark.usefixtures("shelf")
def test_the_report_carries_no_identity(lingula: Lingula, shelf: str) -> None:
    lingula("models", "shadow", "made", "--because", "beside")
    stated(shelf)

    for words in ((), ("--json",)):
        printed = lingula("models", "compare-shadow", *words).out
        assert not re.search(r"Doe|4711|A1\b|1\.2\.3", printed)


@pytest.mark.usefixtures("shelf")
def test_what_cannot_be_done_is_said(lingula: Lingula) -> None:
    assert lingula("models", "compare-shadow").code == 4
    assert "was never in shadow" in lingula("models", "compare-shadow", "made").err
    assert lingula("models", "shadow", "made").code == 64
    assert lingula("models", "shadow", "--because", "x").code == 64
    assert lingula("models", "shadow", "--stop").code == 5
    assert lingula("models", "shadow", "made", "--because", " ").code == 5


@pytest.mark.usefixtures("shelf")
def test_a_pinned_setting_is_named_when_something_is_promoted(
    lingula: Lingula, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINGULA_PACKAGE", "made-2.0.0")
    ended = lingula("models", "promote", "made", "--because", "better")

    assert "LINGULA_PACKAGE is made-2.0.0 here: a server with this setting stays with it" in ended.err
