"""Failures are listed and tried again from the command line; a running server takes them up."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from made.commands import Lingula
from made.triage import made_jpeg

from lingula.radiology.identifiers import InstanceId, SiteName
from lingula.radiology.study import Priority, Status
from lingula.records.records import Assessment
from lingula.settings import load_settings
from lingula.wiring import System, build_system


@pytest.fixture
def system(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    """A system on this disk that is not started."""
    monkeypatch.setenv("LINGULA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LINGULA_PACKAGE", str(package))
    made = build_system(load_settings())
    yield made
    made.stop()


def failed(system: System, seed: int, site: str = "north") -> InstanceId:
    received = system.receiver.receive(made_jpeg(seed=seed), site=SiteName(site), door="test")
    system.records.begin_attempts([received.instance])
    statement = Assessment(
        instance=received.instance,
        status=Status.FAILED,
        priority=Priority.URGENT,
        assessed_at=system.clock(),
        seconds=0.0,
        code_version="test",
        reason="the pixels are damaged",
    )
    system.records.save_assessments([statement])
    return received.instance


def test_failures_are_listed_with_their_reason(lingula: Lingula, system: System) -> None:
    instance = failed(system, 1)
    (row,) = lingula("failures", "list", "--json").rows
    assert (row["instance"], row["site"], row["reason"]) == (instance, "north", "the pixels are damaged")
    assert "the pixels are damaged" in lingula("failures", "list").out
    lingula("sites", "add", "south")
    assert lingula("failures", "list", "--site", "south", "--json").rows == []


def test_one_or_all_are_tried_again_and_the_timeline_tells(lingula: Lingula, system: System) -> None:
    first, second, third = failed(system, 1), failed(system, 2), failed(system, 3, "south")
    ended = lingula("failures", "replay", first)
    assert ended.code == 0
    assert "1 is tried again" in ended.err
    assert system.records.instance(first).status is Status.RECEIVED
    assert "instance_replayed" in [one.action for one in system.records.timeline(0, None, 100)]
    assert "1 is tried again" in lingula("failures", "replay", "--all", "--site", "south").err
    assert system.records.instance(second).status is Status.FAILED
    assert "1 is tried again" in lingula("failures", "replay", "--all").err
    assert system.records.instance(third).status is Status.RECEIVED
    assert "0 are tried again" in lingula("failures", "replay", "--all").err


def test_what_did_not_fail_is_a_conflict_and_the_unknown_not_found(lingula: Lingula, system: System) -> None:
    received = system.receiver.receive(made_jpeg(), site=SiteName("north"), door="test")
    assert lingula("failures", "replay", received.instance).code == 5
    assert lingula("failures", "replay", "inone").code == 4


@pytest.mark.parametrize("words", [(), ("i1", "--all"), ("i1", "--site", "north")])
def test_what_to_replay_must_be_said(lingula: Lingula, words: tuple[str, ...]) -> None:
    assert lingula("failures", "replay", *words).code == 64
