"""Unpacking a zip archive that somebody else made: nothing lands outside, nothing fills the disk, all or nothing.

References
----------
PKWARE APPNOTE 4.4.15 (external attributes), 4.4.17 (file names); CWE-22 (path traversal), CWE-409 (zip bombs).
"""

import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from lingula.errors import TrainingError
from lingula.training.data.labelled import Progress
from lingula.training.sources.download import check_space

_CHUNK_BYTES = 1 << 20
_WORKING = ".unpacking"
_MOST_FILES = 500_000
_ENCRYPTED = 0x1  # general purpose bit 0
_CLUTTER = {"__macosx", ".ds_store", "thumbs.db", "desktop.ini"}


def unpack(archive: Path, folder: Path, *, at_most_bytes: int, progress: Progress | None = None) -> int:
    """Unpack an archive into a folder; give the number of files.

    Everything is unpacked into a hidden folder first and moved when it is whole, so that a call that was killed leaves
    nothing that looks finished. What systems add, such as ``__MACOSX``, is left out.

    Parameters
    ----------
    at_most_bytes
        What the files may take together; more is no archive of radiographs.

    Raises
    ------
    TrainingError
        If it is no zip archive or damaged, holds a name that leads outside, a link or an encrypted file, is too large,
        or if something of the same name is in the folder already.
    """
    working = folder / _WORKING
    shutil.rmtree(working, ignore_errors=True)
    working.mkdir(parents=True)
    try:
        with zipfile.ZipFile(archive) as opened:
            members = _checked(archive, opened.infolist(), at_most_bytes)
            check_space(folder, sum(member.file_size for member in members))
            for done, member in enumerate(members, start=1):
                _write(opened, member, working / member.filename)
                if progress is not None:
                    progress(done, len(members))
        _move(working, folder)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, NotImplementedError, EOFError) as error:
        raise TrainingError(f"{archive.name} is no zip archive or is damaged: {error}; fetch it again") from error
    finally:
        shutil.rmtree(working, ignore_errors=True)
    return len(members)


def _checked(archive: Path, members: Iterable[zipfile.ZipInfo], at_most_bytes: int) -> list[zipfile.ZipInfo]:
    """Give the files to unpack, after refusing everything that is none."""
    wanted: dict[str, zipfile.ZipInfo] = {}
    for member in members:
        reason = _against(member)
        if reason is not None:
            raise TrainingError(f"{archive.name} holds {member.filename!r}, {reason}; it was not unpacked")
        parts = PurePosixPath(member.filename).parts
        if member.is_dir() or any(part.lower() in _CLUTTER or part.startswith("._") for part in parts):
            continue
        if member.filename.lower() in wanted:
            raise TrainingError(f"{archive.name} holds {member.filename!r} twice; it was not unpacked")
        wanted[member.filename.lower()] = member
    size = sum(member.file_size for member in wanted.values())
    if size > at_most_bytes or len(wanted) > _MOST_FILES:
        raise TrainingError(
            f"{archive.name} would unpack to {len(wanted)} files of {size / 1e9:.1f} GB; it was not unpacked"
        )
    return list(wanted.values())


def _against(member: zipfile.ZipInfo) -> str | None:
    """Say what speaks against a member."""
    path = PurePosixPath(member.filename)
    if path.is_absolute() or ".." in path.parts or "\\" in member.filename or ":" in member.filename or not path.parts:
        return "a name that leads outside the folder"
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "a link or a device"
    return "an encrypted file" if member.flag_bits & _ENCRYPTED else None


def _write(opened: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> None:
    """Write one file, never more than its header said."""
    path.parent.mkdir(parents=True, exist_ok=True)
    left = member.file_size
    with opened.open(member) as source, path.open("xb") as file:
        while chunk := source.read(_CHUNK_BYTES):
            left -= len(chunk)
            if left < 0:
                raise zipfile.BadZipFile(f"{member.filename} is larger than it says")
            file.write(chunk)


def _move(working: Path, folder: Path) -> None:
    entries = sorted(working.iterdir())
    for entry in entries:
        if (folder / entry.name).exists():
            raise TrainingError(f"{folder / entry.name} is there already; name an empty folder")
    for entry in entries:
        entry.replace(folder / entry.name)
