"""What the readers of public sets share: who made a set, under which terms, and what becomes of its labels."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lingula.errors import TrainingError
from lingula.training.sources.location import Choices, Options

OTHERS: Mapping[str, tuple[str, ...]] = {"others": ("unknown", "normal")}
"""What a radiograph counts as that shows something, but no pneumonia: left out, or one of those without."""

WITHOUT, WITH = 0, 1


@dataclass(frozen=True, kw_only=True)
class PublicSet:
    """A public set: its terms, and the options of its reader.

    Parameters
    ----------
    name
        How people call it on the command line.
    title
        Its full name, and how many radiographs of whom it holds.
    licence, citation
        What its publisher asks for.
    home
        Where it is to be had.
    choices
        The options its reader knows.
    """

    name: str
    title: str
    licence: str
    citation: str
    home: str
    choices: Choices = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Archive:
    """A file on the web whose content is known.

    Parameters
    ----------
    url
        Where it lies.
    file_name
        How it is called here.
    size_bytes, sha256
        What it must be.
    home
        The page where a person can fetch it by hand.
    """

    url: str
    file_name: str
    size_bytes: int
    sha256: str
    home: str


def label_by_policy(*, has_pneumonia: bool, is_normal: bool, options: Options) -> int | None:
    """Give the label of a radiograph: pneumonia wins over everything, and others are as the policy says."""
    if has_pneumonia:
        return WITH
    if is_normal:
        return WITHOUT
    return WITHOUT if options["others"] == "normal" else None


def policy_notes(options: Options) -> tuple[str, ...]:
    """Say which policy was followed for radiographs with other findings."""
    if options["others"] == "normal":
        return ("radiographs with findings other than pneumonia count as normal (others=normal)",)
    return ("radiographs with findings other than pneumonia have no label (others=unknown)",)


def finding_of(names: Iterable[str], *, normal: str) -> str:
    """Give one word for what was found: the finding's own name if there is one, ``several`` if there are more."""
    found = [name for name in names if name.lower() != normal.lower()]
    if not found:
        return "normal"
    return found[0].lower() if len(found) == 1 else "several"


def find_table(folder: Path, *names: str) -> Path:
    """Give the first of some files that a folder, or a folder right inside it, holds.

    Raises
    ------
    TrainingError
        If there is no such folder, or none of the files.
    """
    if not folder.is_dir():
        raise TrainingError(f"{folder} is no folder; name the one that holds {names[0]}")
    if (found := find_optional(folder, *names)) is None:
        raise TrainingError(f"{folder} holds no {' or '.join(names)}; name the folder as it was unpacked")
    return found


def find_optional(folder: Path, *names: str) -> Path | None:
    """Give the first of some files that a folder, or a folder right inside it, holds; None if there is none."""
    for name in names:
        for path in (folder / name, *sorted(folder.glob(f"*/{name}"))):
            if path.is_file():
                return path
    return None


def index_pictures(folder: Path, *endings: str) -> dict[str, Path]:
    """Give the pictures below a folder by their names without ending; a name that is there twice is taken once."""
    return {path.stem: path for path in sorted(folder.rglob("*")) if path.suffix.lower() in endings and path.is_file()}


def say_missing(name: str, missing: int, kept: int, noun: str = "radiographs") -> tuple[str, ...]:
    """Say how many listed radiographs are not in the folder, and refuse a folder that has none.

    Raises
    ------
    TrainingError
        If nothing is left.
    """
    if not kept:
        raise TrainingError(f"none of the {missing} {noun} that {name} lists is in the folder; unpack the pictures too")
    return (f"{missing} {noun} that {name} lists are not in the folder and were left aside",) if missing else ()
