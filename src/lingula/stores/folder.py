"""A store in a folder: the embedded default.

Each object is one file, written beside its place, flushed and renamed into it, so that it is there whole or not at all,
and the folder's own entry is flushed before `put` returns: what a sender was told is kept survives a power cut. The
files of one folder are spread over sub-folders by the beginning of their names, because a million files in one folder
are slow to list and to back up.

On disk ``north/i4xk2...`` is ``north/+i4x/i4xk2...``; ``+`` and ``~`` cannot occur in a key, so neither spreading
folders nor unfinished files can be mistaken for an object.
"""

import itertools
import os
import time
from collections.abc import Iterator
from heapq import merge
from pathlib import Path
from threading import Lock
from urllib.parse import unquote, urlsplit

from lingula.errors import BackendUnavailable, NotFound, SettingsError
from lingula.stores.keys import check_key, check_prefix

_SPREAD_CHARACTERS = 3  # of 32 each after an id's first letter: at most 1,024 sub-folders per site
_INCOMING = "~incoming"  # unfinished files; one folder, so that cleaning up never walks the whole store
_ABANDONED_SECONDS = 3600.0  # no upload lasts that long; younger ones may belong to another running process
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
_flush_data = getattr(os, "fdatasync", os.fsync)  # macOS has fsync only


class FolderStore:
    """Bytes by key below one folder, which is made when first needed and readable by its owner only."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / _INCOMING
        self._number = itertools.count()
        self._lock = Lock()
        self._is_prepared = False

    @classmethod
    def from_url(cls, url: str) -> "FolderStore":
        """Open ``file:///absolute/path``; raises `SettingsError` for anything else."""
        parts = urlsplit(url)
        path = Path(unquote(parts.path))
        if parts.netloc not in {"", "localhost"} or not path.is_absolute() or parts.query or parts.fragment:
            raise SettingsError(f"LINGULA_STORE_URL: {url!r} is not of the form file:///absolute/path")
        return cls(path)

    def put(self, key: str, data: bytes) -> None:
        """Keep `data` under `key`, flushed to the disk.

        Raises
        ------
        BackendUnavailable
            If the disk is full or the folder cannot be written.
        """
        check_key(key)
        place = self._path(key)
        try:
            self._prepare()
            unfinished = self._write_unfinished(data)
            try:
                _rename_into(unfinished, place)
            except BaseException:
                unfinished.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise self._unavailable("written", error) from error

    def get(self, key: str) -> bytes:
        """Give the bytes under `key`; raises `NotFound` or `BackendUnavailable`."""
        check_key(key)
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError as error:
            raise NotFound(f"nothing is stored under {key}") from error
        except OSError as error:
            raise self._unavailable("read", error) from error

    def delete(self, key: str) -> None:
        """Forget `key`; raises `BackendUnavailable`."""
        check_key(key)
        place = self._path(key)
        try:
            place.unlink()
            _flush_folder(place.parent)
        except FileNotFoundError:
            return  # forgetting what is not there is no error
        except OSError as error:
            raise self._unavailable("written", error) from error

    def keys(self, prefix: str) -> Iterator[str]:
        """Give every key that begins with `prefix`, in order; raises `BackendUnavailable`."""
        check_prefix(prefix)
        folder, slash, beginning = prefix.rpartition("/")
        try:
            yield from _keys_below(self._root / folder, folder + slash, beginning)
        except OSError as error:
            raise self._unavailable("read", error) from error

    def check(self) -> None:
        """Return if a file can be written and removed now; raises `BackendUnavailable` if not."""
        try:
            self._prepare()
            self._write_unfinished(b"lingula").unlink()
        except OSError as error:
            raise self._unavailable("written", error) from error

    def close(self) -> None:
        """Return: no file stays open between two calls."""

    def _path(self, key: str) -> Path:
        folder, slash, name = key.rpartition("/")
        return Path(f"{self._root}/{folder}{slash}+{name[:_SPREAD_CHARACTERS]}/{name}")

    def _prepare(self) -> None:
        """Make the folder once, and take away what a killed process left unfinished long ago."""
        if self._is_prepared:
            return
        with self._lock:
            if not self._is_prepared:
                _make_folder(self._incoming)
                _remove_abandoned(self._incoming)
                self._is_prepared = True

    def _write_unfinished(self, data: bytes) -> Path:
        unfinished = self._incoming / f"{os.getpid()}-{next(self._number)}-{time.time_ns()}"
        try:
            descriptor = os.open(unfinished, _NEW_FILE, 0o600)
        except FileNotFoundError:  # somebody emptied the folder while we run
            _make_folder(self._incoming)
            descriptor = os.open(unfinished, _NEW_FILE, 0o600)
        try:
            try:
                _write_whole(descriptor, data)
                _flush_data(descriptor)
            finally:
                os.close(descriptor)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        return unfinished

    def _unavailable(self, what: str, error: OSError) -> BackendUnavailable:
        # The file's own path stays out: the folder is what an engineer can mend.
        return BackendUnavailable(
            f"the store in {self._root} cannot be {what}: {error.strerror or error}; check the disk's free space and "
            "that this user may write there"
        )


def _write_whole(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _rename_into(unfinished: Path, place: Path) -> None:
    try:
        unfinished.rename(place)
    except FileNotFoundError:
        _make_folder(place.parent)
        unfinished.rename(place)
    _flush_folder(place.parent)


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it, each entry flushed into the one that holds it."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    _flush_folder(folder.parent)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_abandoned(incoming: Path) -> None:
    oldest = time.time() - _ABANDONED_SECONDS
    for unfinished in incoming.iterdir():
        if unfinished.stat().st_mtime < oldest:
            unfinished.unlink(missing_ok=True)


def _keys_below(folder: Path, path: str, beginning: str) -> Iterator[str]:
    """Give the keys of one folder in order: its own files and those of its sub-folders, merged."""
    names = _names_in(folder)
    # "a/..." sorts after "a.b" and before "a0": the slash takes part in the order.
    folders = sorted(name + "/" for name in names if name[0] not in "+~" and name.startswith(beginning))
    below = (key for name in folders for key in _keys_below(folder / name, path + name, ""))
    yield from merge(_own_keys(folder, names, path, beginning), below)


def _own_keys(folder: Path, names: list[str], path: str, beginning: str) -> Iterator[str]:
    for part in sorted(name for name in names if name.startswith("+")):
        if part[1:].startswith(beginning) or beginning.startswith(part[1:]):
            yield from (path + name for name in sorted(_names_in(folder / part)) if name.startswith(beginning))


def _names_in(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in folder.iterdir()]
    except FileNotFoundError:  # nothing was kept there yet, or the last of it was just taken away
        return []
