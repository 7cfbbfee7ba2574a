"""A folder per class, ``NORMAL`` and ``PNEUMONIA`` in any letter case, also under ``train``, ``val`` and ``test``."""

from collections.abc import Iterator
from pathlib import Path

from lingula.errors import TrainingError
from lingula.training.data.labelled import LABEL_NAMES, LabelledRadiograph, Part, Source
from lingula.training.sources.headers import UNKNOWN_PATIENTS, with_headers
from lingula.training.sources.naming import (
    KERMANY_CITATION,
    KERMANY_LICENCE,
    PARTS,
    is_kermany,
    read_kermany_name,
)

_IGNORED_NAMES = {"thumbs.db", "desktop.ini", "__macosx"}


def read_folder(folder: Path) -> Source:
    """Read a folder per class; of DICOM files, the headers say patient, age, sex and view.

    Every file in a class folder is a row, whatever its ending: `dataset` tells which cannot be read. Patients are known
    only from DICOM headers and where the file names are those of Kermany et al.

    Raises
    ------
    TrainingError
        If there is no class folder or no file in one.
    """
    root = _descend(folder)
    found = [(path, label, part) for label, part, inside in _class_folders(root) for path in _files(inside)]
    if not found:
        raise TrainingError(
            f"{folder} has no files in folders NORMAL and PNEUMONIA (also under train, val, test); "
            "arrange the radiographs so, or name a CSV with image_path,label"
        )
    kermany = is_kermany(path.name for path, _, _ in found)
    rows = tuple(_row(path, label, part, kermany=kermany) for path, label, part in found)
    return with_headers(
        Source(
            name=folder.resolve().name,
            root=root,
            rows=rows,
            licence=KERMANY_LICENCE if kermany else None,
            citation=KERMANY_CITATION if kermany else None,
            notes=tuple(_notes(root, kermany=kermany)),
        )
    )


def _row(path: Path, label: int, part: Part | None, *, kermany: bool) -> LabelledRadiograph:
    says = read_kermany_name(path.name) if kermany else None
    return LabelledRadiograph(
        path=path,
        label=label,
        patient_id=says.patient_id if says else None,
        finding=says.finding if says else LABEL_NAMES[label],
        split=part,
    )


def _descend(folder: Path) -> Path:
    """Go through folders that hold nothing but one folder, as unpacked archives have them."""
    inside = [entry for entry in folder.iterdir() if _is_visible(entry)]
    while len(inside) == 1 and inside[0].is_dir() and not _is_known(inside[0]):
        folder = inside[0]
        inside = [entry for entry in folder.iterdir() if _is_visible(entry)]
    return folder


def _class_folders(root: Path) -> Iterator[tuple[int, Part | None, Path]]:
    places: list[tuple[Part | None, Path]] = [(None, root)]
    places += [(PARTS[entry.name.lower()], entry) for entry in _folders(root) if entry.name.lower() in PARTS]
    for part, place in places:
        for entry in _folders(place):
            if entry.name.lower() in LABEL_NAMES:
                yield LABEL_NAMES.index(entry.name.lower()), part, entry


def _notes(root: Path, *, kermany: bool) -> Iterator[str]:
    if kermany:
        yield "patients and findings are read from the file names of Kermany et al."
    else:
        yield f"{UNKNOWN_PATIENTS}: the folders do not name them"
    for entry in _folders(root):
        if not _is_known(entry):
            yield f"folder {entry.name} is neither a class nor a part and was left aside"


def _is_known(entry: Path) -> bool:
    return entry.name.lower() in LABEL_NAMES or entry.name.lower() in PARTS


def _is_visible(entry: Path) -> bool:
    return not entry.name.startswith(".") and entry.name.lower() not in _IGNORED_NAMES


def _folders(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.is_dir() and _is_visible(entry))


def _files(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.rglob("*") if entry.is_file() and _is_visible(entry))
