"""Doors that stand open by themselves beside HTTP: the DICOM port, and whoever looks into buckets and folders.

Each is made only where the settings ask for it, and imported only then. The program opens them once the system runs
and closes them before it stops, so that what has begun to arrive is finished and nothing new comes in.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from lingula.wiring import Part, System

_log = logging.getLogger(__name__)


class StandingDoor(Protocol):
    """A way in that runs in threads or processes of its own."""

    @property
    def name(self) -> str:
        """The door's name in health and metrics, for example ``dicom``."""
        ...

    def open(self) -> None:
        """Begin to let radiographs in; returns once it does. Raises `SettingsError` or `BackendUnavailable`."""

    def close(self) -> None:
        """Let nothing new in, and return once what is begun is finished; closing twice does no harm."""

    def check(self) -> None:
        """Return if it is open; raises `BackendUnavailable` if it has ended."""


def standing_doors(system: System) -> Sequence[StandingDoor]:
    """Make the doors the settings ask for; none of them is open yet, and none where nothing is received."""
    if Part.RECEIVE not in system.parts:
        return []
    from lingula.doors.bucket import BucketDoor
    from lingula.doors.dicom import DicomDoor

    return [DicomDoor(system), BucketDoor(system)]


class OpenDoors:
    """Opens doors one after another in a thread of its own, and closes them all.

    Each opened door stands in the system's health and in the metric `lingula_door_open` from then on.

    Parameters
    ----------
    make
        Gives the doors; called when they are to be opened, so that loading them delays nothing before.
    """

    def __init__(self, system: System, make: Callable[[System], Sequence[StandingDoor]] = standing_doors) -> None:
        self._system = system
        self._make = make
        self._opened: list[StandingDoor] = []
        self._guard = threading.Lock()
        self._is_closed = False

    def open(self) -> None:
        """Open all; raises whatever the first door that cannot be opened raises."""
        for door in self._make(self._system):
            with self._guard:
                if self._is_closed:
                    return
                door.open()
                self._opened.append(door)
            self._system.watch_door(door.name, door.check)

    def close(self) -> None:
        """Close all that were opened, the last one first; a door that fails to close keeps no other from closing."""
        with self._guard:
            self._is_closed = True
            opened, self._opened = self._opened, []
        for door in reversed(opened):
            try:
                door.close()
            except Exception:  # noqa: BLE001 - the other doors must close too, and the system must stop
                _log.exception("a door did not close cleanly", extra={"door": door.name})
