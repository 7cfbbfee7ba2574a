"""What every section of ``make bench`` stands on: radiographs, counts, room on the disk, and how it speaks."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

MEBIBYTE = 2**20
_SPARE_BYTES = 512 * MEBIBYTE  # left on the disk whatever is measured


class LeftOut(Exception):
    """A section cannot be measured here; the text says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How many radiographs each section sends."""

    alone: int
    many: int
    dicom: int  # at each number of senders
    places: int
    folder: int
    pressure: int  # at each number of senders
    sustained: int
    peers: int  # at 8 and 32 connections; slow ones get fewer


@dataclass(frozen=True)
class Ground:
    """The radiographs everything is measured with, and how many of them.

    Parameters
    ----------
    folder
        Full-size JPEG radiographs, in folders or not.
    seconds
        How long each part alone is measured.
    """

    folder: Path
    counts: Counts
    seconds: float

    @cached_property
    def files(self) -> list[bytes]:
        """Every radiograph's bytes, in order of their names."""
        return [path.read_bytes() for path in sorted(self.folder.rglob("*.jp*g"))]

    @contextmanager
    def room(self, count: int, *, copies: int = 1) -> Iterator[Path]:
        """Give an empty folder that is gone when the block ends.

        Raises
        ------
        LeftOut
            If the disk has no room for so many radiographs, so many times.
        """
        needed = count * copies * sum(map(len, self.files)) // len(self.files) + _SPARE_BYTES
        with tempfile.TemporaryDirectory(prefix="lingula-bench-", ignore_cleanup_errors=True) as folder:
            free = shutil.disk_usage(folder).free
            if free < needed:
                raise LeftOut(
                    f"{needed // MEBIBYTE:,} MiB are needed under {tempfile.gettempdir()} and {free // MEBIBYTE:,} are "
                    "free: set TMPDIR to a larger disk, or measure fewer radiographs"
                )
            yield Path(folder)


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
