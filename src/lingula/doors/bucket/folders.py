"""Watches bound folders, also on network shares: no half-written file is ever taken.

A file is taken once it looked the same, size, time and all, in two looks; whoever writes under another name and renames
is as welcome as who copies slowly. A file that cannot be read as a radiograph gets another minute, because a copy may
have paused in the middle. What was taken moves into ``done/`` below the watched folder, what was refused into
``refused/`` with the reason in a file beside it; where nothing may be moved, files stay and are remembered.

Only real files in real folders are read: no links, no devices, nothing hidden, nothing that is named as unfinished.
"""

import logging
import os
import stat
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lingula.doors.bucket.arrivals import Arrivals, Outcome, longest
from lingula.doors.bucket.looking import LONGEST_PAUSE_SECONDS, SHARE
from lingula.doors.bucket.moving import DONE, REFUSED, move_away
from lingula.doors.bucket.taken import Taken
from lingula.errors import BackendUnavailable, Conflict, NotAccepted
from lingula.records.accounts import Binding, BindingKind

NAME = "folder"
REFUSE_AFTER_SECONDS = 60.0  # unchanged and still no radiograph: nobody writes it any more

_DEEPEST = 12  # folders in folders
_AT_ONCE = 64
_UNFINISHED = (".part", ".partial", ".filepart", ".tmp", ".temp", ".crdownload", ".download", ".swp", "~")
_NOT_RADIOGRAPHS = frozenset({"thumbs.db", "desktop.ini", "dicomdir"})
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Look:
    """What a look saw of a file; two equal looks mean that nobody wrote in between."""

    size_bytes: int
    modified_ns: int
    device: int
    inode: int

    @classmethod
    def of(cls, found: os.stat_result) -> "Look":
        """Keep what matters."""
        return cls(found.st_size, found.st_mtime_ns, found.st_dev, found.st_ino)


@dataclass
class _Seen:
    look: Look
    since: float
    is_tried: bool = False


class FolderLooks:
    """Looks into every bound folder.

    Parameters
    ----------
    limit_bytes
        A larger file is refused before it is read.
    pool
        Threads that read several files at a time.
    """

    def __init__(self, arrivals: Arrivals, limit_bytes: int, pool: ThreadPoolExecutor) -> None:
        self._arrivals = arrivals
        self._limit_bytes = limit_bytes
        self._pool = pool
        self._seen: dict[str, dict[Path, _Seen]] = {}
        self._due_at: dict[str, float] = {}
        self._down: set[str] = set()

    def look(self, stop: threading.Event) -> None:
        """Look once into each; raises `BackendUnavailable` if the records do not answer."""
        bindings = self._arrivals.bindings(BindingKind.FOLDER)
        timer = self._arrivals.timer
        for binding in bindings:
            began = timer()
            if stop.is_set() or began < self._due_at.get(binding.value, began):
                continue
            try:
                if not self._look_into(binding, bindings, stop):
                    self._due_at[binding.value] = timer() + min(SHARE * (timer() - began), LONGEST_PAUSE_SECONDS)
                self._down.discard(binding.value)
            except (OSError, BackendUnavailable) as error:
                if binding.value not in self._down:  # names of files stay out
                    reason = error.strerror if isinstance(error, OSError) else str(error)
                    extra = {"site": binding.site, "reason": reason}
                    _log.warning("a folder cannot be looked into; it is tried again", extra=extra)
                self._down.add(binding.value)

    def _look_into(self, binding: Binding, bindings: Sequence[Binding], stop: threading.Event) -> bool:
        """Take what is ready; True if anything was."""
        before, now = self._seen.get(binding.value, {}), self._arrivals.timer()
        seen = self._seen[binding.value] = {}
        due: list[Path] = []
        for path, look in _files(Path(binding.value)):
            if longest(bindings, str(path)) != binding:
                continue
            earlier = before.get(path)
            if earlier is None or earlier.look != look:
                seen[path] = _Seen(look, now)
                continue
            seen[path] = earlier
            if not earlier.is_tried or now - earlier.since >= REFUSE_AFTER_SECONDS:
                due.append(path)
        if due:
            self._take_all(binding, due, stop)
        return bool(due)

    def _take_all(self, binding: Binding, due: Sequence[Path], stop: threading.Event) -> None:
        taken = self._arrivals.taken(binding)
        taken.refresh()
        for start in range(0, len(due), _AT_ONCE):
            if stop.is_set():
                break
            for _ in self._pool.map(lambda path: self._take(binding, path, taken), due[start : start + _AT_ONCE]):
                pass
        taken.flush()

    def _take(self, binding: Binding, path: Path, taken: Taken) -> None:
        seen = self._seen[binding.value][path]
        mark = taken.mark(str(path), repr(seen.look))
        if taken.has(mark):
            return
        try:
            reason = self._receive(binding, path, seen)
            is_moved = move_away(Path(binding.value), path, lambda found: Look.of(found) == seen.look, reason)
        except _NotYet:
            seen.is_tried = True
        except OSError as error:  # this one file; the others are taken all the same
            seen.is_tried = True
            extra = {"site": binding.site, "reason": error.strerror}
            _log.warning("a file of a watched folder cannot be read or moved; it is tried again", extra=extra)
        else:
            if not is_moved:
                taken.add(mark)

    def _receive(self, binding: Binding, path: Path, seen: _Seen) -> str | None:
        """Give the reason if the file is refused for good; raises `_NotYet` if it may still become a radiograph."""
        if seen.look.size_bytes > self._limit_bytes:
            self._arrivals.count(binding.site, Outcome.REFUSED, "a file of a watched folder was refused: too large")
            return f"the file has {seen.look.size_bytes:,} bytes; at most {self._limit_bytes:,} are accepted"
        data = _read(path, seen.look)
        if data is None:
            raise _NotYet
        try:
            self._arrivals.accept(data, binding.site, path.name, NAME)
        except (NotAccepted, Conflict) as error:
            is_settled = self._arrivals.timer() - seen.since >= REFUSE_AFTER_SECONDS
            if isinstance(error, NotAccepted) and not is_settled:
                raise _NotYet from error
            self._arrivals.count(binding.site, Outcome.REFUSED, "a file of a watched folder was refused", error)
            return str(error)
        return None


class _NotYet(Exception):
    """Somebody wrote to the file meanwhile, or may still."""


def _files(root: Path) -> Iterator[tuple[Path, Look]]:
    """Give the files below a folder that may be radiographs; raises `OSError` if the folder itself cannot be read."""
    waiting = [(root, 0)]
    while waiting:
        folder, depth = waiting.pop()
        for name, found in _entries(folder, is_root=folder == root):
            if stat.S_ISDIR(found.st_mode) and depth < _DEEPEST:
                waiting.append((folder / name, depth + 1))
            elif stat.S_ISREG(found.st_mode) and found.st_size > 0 and not _is_left_alone(name):
                yield folder / name, Look.of(found)


def _entries(folder: Path, *, is_root: bool) -> Iterator[tuple[str, os.stat_result]]:
    """Give what lies in one folder, as it is itself and not where it leads."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                is_ours = is_root and entry.name in {DONE, REFUSED}
                if is_ours or entry.name.startswith("."):
                    continue
                with suppress(FileNotFoundError):
                    yield entry.name, entry.stat(follow_symlinks=False)
    except OSError:
        if is_root:
            raise  # a folder within that cannot be read keeps nothing else from being taken


def _is_left_alone(name: str) -> bool:
    lower = name.lower()
    return lower.endswith(_UNFINISHED) or lower in _NOT_RADIOGRAPHS


def _read(path: Path, look: Look) -> bytes | None:
    """Read a file whole; None unless it is, before and after, the one that was looked at. Raises `OSError`."""
    try:
        descriptor = os.open(path, _READ)
    except (FileNotFoundError, NotADirectoryError):
        return None
    with os.fdopen(descriptor, "rb") as file:
        if Look.of(os.fstat(descriptor)) != look:
            return None
        data = file.read(look.size_bytes + 1)
        return data if Look.of(os.fstat(descriptor)) == look and len(data) == look.size_bytes else None
