"""Which files a command means: those named, and in folders those that are radiographs by their content."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lingula.doors.cli.output import say
from lingula.errors import NotFound

_PICTURES = frozenset({".dcm", ".dicom", ".jpg", ".jpeg", ".png", ".tif", ".tiff"})
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\x00", b"MM\x00*")
_DICOM_AT, _DICOM = 128, b"DICM"  # DICOM PS3.10 7.1


@dataclass(frozen=True, kw_only=True)
class Given:
    """A file a command works on; `name` is its path below the folder it was found in."""

    path: Path
    name: Path


def find_files(paths: Sequence[Path]) -> list[Given]:
    """Give every file meant, in order; other files in folders are counted and left out, files named are always kept.

    Raises
    ------
    NotFound
        If a path does not exist.
    """
    found: list[Given] = []
    left_out = 0
    for path in paths:
        if not path.is_file() and not path.is_dir():
            raise NotFound(f"there is no file or folder {str(path)!r}; check the spelling")
        if path.is_file():
            found.append(Given(path=path, name=Path(path.name)))
            continue
        for inside in _files(path):
            if _may_be_radiograph(inside):
                found.append(Given(path=inside, name=inside.relative_to(path)))
            else:
                left_out += 1
    if left_out:
        say(f"{left_out} other files were left out")
    return found


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


def _may_be_radiograph(path: Path) -> bool:
    if path.suffix.lower() in _PICTURES:
        return True
    with path.open("rb") as file:
        head = file.read(_DICOM_AT + len(_DICOM))
    return head.startswith(_MAGIC) or head[_DICOM_AT:] == _DICOM
