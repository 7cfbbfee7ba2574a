"""DICOM doors on free ports, opened with settings of a test's choice and closed at its end."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from made.hospital import made_system
from made.packages import made_package
from made.wards import OpenWard, Ward

from lingula.doors.dicom import DicomDoor
from lingula.doors.dicom.house import Deadlines
from lingula.settings import FlagValue
from lingula.wiring import System


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    return made_package(folder)


@pytest.fixture
def open_ward(package: Path, tmp_path: Path) -> Iterator[OpenWard]:
    """Give a function that opens a door with settings of the test's choice."""
    with ExitStack() as ends:
        count = 0

        def opened(
            change: Callable[[System], System] = lambda system: system,
            deadlines: Deadlines | None = None,
            **settings: FlagValue,
        ) -> Ward:
            nonlocal count
            count += 1
            system, _ = made_system(package, tmp_path / f"home-{count}", **{"dicom_port": 0, **settings})
            door = DicomDoor(change(system), deadlines)
            door.open()
            ends.callback(system.stop)
            ends.callback(door.close)
            return Ward(system, door)

        yield opened


@pytest.fixture
def ward(open_ward: OpenWard) -> Ward:
    return open_ward()
