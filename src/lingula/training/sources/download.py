"""Fetching an archive from the web: checked by digest, resumed where it broke off, never there by halves.

What arrives is written beside the archive's name and takes that name only when its size and sha256 are right. A broken
connection is taken up again with an HTTP range; a server that does not know ranges starts anew.

References
----------
RFC 9110, 14 (range requests), 15.5.17 (416 Range Not Satisfiable).
"""

import hashlib
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from lingula import __version__
from lingula.errors import BackendUnavailable, TrainingError
from lingula.training.data.labelled import Progress
from lingula.training.sources.published import Archive

_TIMEOUT_SECONDS = 30.0
_ATTEMPTS = 6  # in a row without a byte
_ATTEMPTS_TO_CONNECT = 2  # there is no network, or no such server: waiting long will not help
_LONGEST_WAIT_SECONDS = 30.0
_PARTIAL, _WHOLE, _BEYOND = 206, 200, 416
_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
# Mendeley Data answers 403 to clients that do not call themselves compatible with a browser.
_HEADERS = {"User-Agent": f"Mozilla/5.0 (compatible; lingula/{__version__})", "Accept-Encoding": "identity"}


class _Broken(Exception):
    """The transfer broke off; what has arrived is kept."""

    attempts = _ATTEMPTS


class _Unconnected(_Broken):
    """There was no connection to begin with."""

    attempts = _ATTEMPTS_TO_CONNECT


def fetch_archive(
    archive: Archive,
    folder: Path,
    *,
    progress: Progress | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Path:
    """Fetch an archive into a folder, or finish what an earlier call began; give its path.

    Parameters
    ----------
    progress
        Told the bytes that have arrived and their sum.
    sleep
        Waits between attempts; the wait doubles while nothing arrives.

    Raises
    ------
    BackendUnavailable
        If the server cannot be reached or keeps breaking off; what has arrived stays for the next call.
    TrainingError
        If the disk is too small, the server refuses, or what arrived is not the archive: then it is removed.
    """
    path, partial = folder / archive.file_name, folder / f"{archive.file_name}.partial"
    if path.is_file() and path.stat().st_size == archive.size_bytes and file_sha256(path) == archive.sha256:
        return path
    folder.mkdir(parents=True, exist_ok=True)
    check_space(folder, archive.size_bytes - _size(partial))
    idle = 0
    with httpx.Client(headers=_HEADERS, timeout=_TIMEOUT_SECONDS, follow_redirects=True) as client:
        while _size(partial) != archive.size_bytes:
            before = _size(partial)
            try:
                _receive(client, archive, partial, progress)
            except _Broken as error:
                idle = 0 if _size(partial) > before else idle + 1
                if idle >= error.attempts:
                    raise BackendUnavailable(_unreachable(archive, _size(partial), error)) from error
                sleep(min(2.0**idle, _LONGEST_WAIT_SECONDS))
    check_archive(partial, archive, remove=True)
    partial.replace(path)
    return path


def check_archive(path: Path, archive: Archive, *, remove: bool = False) -> None:
    """Refuse a file that is not the archive; `remove` takes it away, so that the next call starts anew.

    Raises
    ------
    TrainingError
        If size or digest differ.
    """
    found = file_sha256(path)
    if _size(path) == archive.size_bytes and found == archive.sha256:
        return
    if remove:
        path.unlink()
    what = "it was removed; fetch it again" if remove else f"fetch it again from {archive.home}"
    raise TrainingError(
        f"{path.name} is not what was published: {_size(path)} bytes with sha256 {found}, "
        f"expected {archive.size_bytes} with {archive.sha256}; {what}"
    )


def check_space(folder: Path, needed_bytes: int) -> None:
    """Refuse to begin what the disk cannot hold.

    Raises
    ------
    TrainingError
        If less is free than needed.
    """
    if (free := shutil.disk_usage(folder).free) < needed_bytes:
        raise TrainingError(
            f"{folder} has {free / 1e9:.1f} GB free and {needed_bytes / 1e9:.1f} GB are needed; choose another disk"
        )


def file_sha256(path: Path) -> str:
    """Give the sha256 of a file of any size."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _receive(client: httpx.Client, archive: Archive, partial: Path, progress: Progress | None) -> None:
    """Append what is missing; leave what has arrived if it breaks off."""
    have = _size(partial)
    if have > archive.size_bytes:
        partial.unlink()
        have = 0
    with _asked(client, archive, have) as answer:
        if answer.status_code == _BEYOND:
            partial.unlink(missing_ok=True)
            raise _Broken("the server has less than was fetched before")
        resumes = answer.status_code == _PARTIAL and _starts_at(answer, have)
        done = have if resumes else 0
        with partial.open("ab" if resumes else "wb") as file:
            for chunk in answer.iter_raw():  # as it comes: what waits in a buffer is lost when it breaks off
                file.write(chunk)
                done += len(chunk)
                if done > archive.size_bytes:
                    break  # not the archive: the digest will say so
                if progress is not None:
                    progress(done, archive.size_bytes)
    if done < archive.size_bytes:
        raise _Broken(f"the server ended after {done} bytes")
    if done > archive.size_bytes:
        check_archive(partial, archive, remove=True)


@contextmanager
def _asked(client: httpx.Client, archive: Archive, have: int) -> Iterator[httpx.Response]:
    headers = {"Range": f"bytes={have}-"} if have else {}
    try:
        with client.stream("GET", archive.url, headers=headers) as answer:
            _refuse(archive, answer)
            yield answer
    except httpx.ConnectError as error:
        raise _Unconnected(str(error)) from error
    except httpx.TransportError as error:
        raise _Broken(str(error) or type(error).__name__) from error


def _refuse(archive: Archive, answer: httpx.Response) -> None:
    if answer.status_code in (_WHOLE, _PARTIAL, _BEYOND):
        return
    if answer.status_code in _TRY_AGAIN:
        raise _Broken(f"the server answered {answer.status_code}")
    raise TrainingError(
        f"{answer.url.host} answered {answer.status_code} instead of {archive.file_name}; "
        f"fetch it by hand at {archive.home} and name it with --archive"
    )


def _starts_at(answer: httpx.Response, have: int) -> bool:
    stated: str = answer.headers.get("Content-Range", "")
    return stated.startswith(f"bytes {have}-")


def _unreachable(archive: Archive, have: int, error: Exception) -> str:
    kept = f"{have / 1e6:.0f} MB are kept and the next call goes on from there; " if have else ""
    host = httpx.URL(archive.url).host
    return (
        f"{host} cannot be reached or breaks off ({error}); {kept}"
        f"without a connection, fetch {archive.file_name} elsewhere from {archive.home} and name it with --archive"
    )
