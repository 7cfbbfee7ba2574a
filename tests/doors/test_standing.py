"""Doors that stand open by themselves are opened in order, closed in the other, and known to health while open."""

from pathlib import Path

import pytest
from made.packages import made_package

from lingula.doors.standing import OpenDoors, standing_doors
from lingula.errors import SettingsError
from lingula.settings import load_settings
from lingula.wiring import Part, System, build_system


class MadeDoor:
    """A door that says what it does, and may refuse to open or close."""

    def __init__(self, name: str, said: list[str], *, opens: bool = True, closes: bool = True) -> None:
        self.name, self._said, self._opens, self._closes = name, said, opens, closes

    def open(self) -> None:
        if not self._opens:
            raise SettingsError(f"{self.name}: the port is taken")
        self._said.append(f"{self.name} open")

    def close(self) -> None:
        self._said.append(f"{self.name} closed")
        if not self._closes:
            raise RuntimeError

    def check(self) -> None:
        self._said.append(f"{self.name} asked")


@pytest.fixture
def system(tmp_path: Path) -> System:
    settings = {"queue_url": "nats://127.0.0.1:9/NOBODY", "package": str(made_package(tmp_path / "made"))}
    return build_system(load_settings({"home": tmp_path / "home", **settings}), parts=[Part.RECEIVE])


def test_all_are_opened_and_closed_in_the_other_order_once(system: System) -> None:
    said: list[str] = []
    doors = OpenDoors(system, lambda _: [MadeDoor("a", said), MadeDoor("b", said, closes=False)])

    doors.open()
    system.health.report()
    doors.close()
    doors.close()

    assert said[:2] == ["a open", "b open"]
    assert set(said[2:4]) == {"a asked", "b asked"}
    assert said[4:] == ["b closed", "a closed"]
    system.stop()


def test_a_door_that_cannot_be_opened_leaves_the_others_to_be_closed(system: System) -> None:
    said: list[str] = []
    doors = OpenDoors(system, lambda _: [MadeDoor("a", said), MadeDoor("b", said, opens=False)])

    with pytest.raises(SettingsError, match="b: the port is taken"):
        doors.open()
    doors.close()

    assert said == ["a open", "a closed"]
    system.stop()


def test_nothing_is_opened_once_the_program_ends(system: System) -> None:
    said: list[str] = []
    doors = OpenDoors(system, lambda _: [MadeDoor("a", said)])

    doors.close()
    doors.open()

    assert said == []
    system.stop()


def test_doors_belong_to_processes_that_receive(tmp_path: Path, system: System) -> None:
    assert {door.name for door in standing_doors(system)} >= {"dicom"}
    settings = load_settings({"home": tmp_path / "home", "queue_url": "nats://127.0.0.1:9/NOBODY"})
    showing = build_system(settings, parts=[Part.WEB])
    assert standing_doors(showing) == []
    showing.stop()
    system.stop()
