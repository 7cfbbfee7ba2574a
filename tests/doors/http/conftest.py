"""A hospital behind the door for every test, over one made package."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from made.hospital import Hospital, made_hospital, made_system
from made.packages import made_package


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The made package, written once."""
    return made_package(tmp_path_factory.mktemp("package"))


@pytest.fixture
def hospital(package: Path, tmp_path: Path) -> Iterator[Hospital]:
    """A system in memory that is not started: tests say when something is assessed."""
    system, clock = made_system(package, tmp_path)
    with made_hospital(system, clock) as made:
        yield made


@pytest.fixture
def small_hospital(package: Path, tmp_path: Path) -> Iterator[Hospital]:
    """A hospital that accepts little at once."""
    system, clock = made_system(package, tmp_path, upload_limit_bytes=64 * 1024)
    with made_hospital(system, clock) as made:
        yield made


@pytest.fixture
def public_hospital(package: Path, tmp_path: Path) -> Iterator[Hospital]:
    """A hospital that is reached over TLS under a name."""
    system, clock = made_system(package, tmp_path, public_url="https://lingula.example")
    with made_hospital(system, clock) as made:
        yield made


@pytest.fixture
def busy_hospital(package: Path, tmp_path: Path) -> Iterator[Hospital]:
    """A hospital that is at work: what arrives is assessed by itself."""
    system, clock = made_system(package, tmp_path)
    system.start()
    with made_hospital(system, clock) as made:
        yield made
