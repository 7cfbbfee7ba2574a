"""The folder behind the registry: package files as they are, and one JSON file of registrations and decisions.

Every change is one file put in the place of another after it reached the disk: a program that is killed, or a power
cut, leaves the shelf as it was before or as it is after. One program at a time changes it; whoever reads never waits.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from lingula.errors import PackageDamaged
from lingula.registry.decisions import ShelfState

SUFFIX = ".lingula"
_STATE, _LOCK = "shelf.json", "shelf.lock"

Mark = tuple[int, int, int]
"""Changes with every decision; costs one look at the folder."""


class Shelf:
    """Reads and writes the folder; made when first needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path_of(self, label: str) -> Path:
        """Say where a registered package lies."""
        return self._folder / (label + SUFFIX)

    def mark(self) -> Mark | None:
        """Give what changes when the state does; None while there is none."""
        try:
            found = (self._folder / _STATE).stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def state(self) -> ShelfState:
        """Read what is known; raises `PackageDamaged` if it is not what the shelf wrote."""
        path = self._folder / _STATE
        try:
            return ShelfState.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return ShelfState()
        except ValidationError as error:
            raise PackageDamaged(f"{path} does not hold what the shelf wrote; restore it from a backup") from error

    def save(self, state: ShelfState) -> None:
        """Put the state in the place of the one before; within `locked` only."""
        newest = state.model_copy(update={"format_version": 2})
        _write(self._folder / _STATE, newest.model_dump_json(indent=2).encode())

    def keep(self, label: str, data: bytes) -> None:
        """Keep a package's file; within `locked` only, and before the state that names it."""
        _write(self.path_of(label), data)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let one program at a time change the shelf; the lock ends with the program that holds it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, and return when it is on the disk."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the new name, too
    finally:
        os.close(folder)
