"""A tree of DICOM files with a table of labels, as a hospital's archive exports them: ``dicom:FOLDER?labels=FILE``.

The table names a radiograph by the most exact column it has: ``sop_instance_uid``, ``image_path``,
``study_instance_uid``, ``accession_number`` or ``patient_id`` (also as ``SOPInstanceUID`` and so on), and says
``label`` or ``target``; ``finding``, ``split``, ``site``, ``age``, ``sex`` and ``view`` may follow. What it does not
say, the headers do. A ``patient_id`` in the table is compared like one in a header and never shown. Without ``labels``
the file ``labels.csv`` in the folder is read; where there is none, the folder holds a folder per class.

References
----------
DICOM PS3.3 C.7 (the levels of patient, study and image).
"""

import re
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from lingula.errors import TrainingError
from lingula.radiology.identifiers import AccessionNumber, PatientId, SopInstanceUid, StudyInstanceUid
from lingula.training.data.labelled import LabelledRadiograph, Source
from lingula.training.sources.folder import read_folder
from lingula.training.sources.headers import UNKNOWN_PATIENTS, Header, add_headers, is_dicom, read_headers
from lingula.training.sources.lines import LABEL_COLUMNS, Line, lines_of, notes_on_ages, plain_header, read_cells
from lingula.training.sources.location import Choices, Options

CHOICES: Choices = {"labels": ()}
_TABLE = "labels.csv"
_PATH = "image_path"
_KINDS = {  # what a column's cells are; the most exact first
    "sop_instance_uid": SopInstanceUid,
    _PATH: str,
    "study_instance_uid": StudyInstanceUid,
    "accession_number": AccessionNumber,
    "patient_id": PatientId,
}
_SPELLINGS = {name.replace("_", ""): name for name in _KINDS} | {"file": _PATH, "filename": _PATH, "path": _PATH}


def read_dicom_folder(folder: Path, options: Options) -> Source:
    """Read a tree of DICOM files and its table of labels, or a folder per class.

    Raises
    ------
    TrainingError
        If there are no DICOM files, or the table has no column that names radiographs, names none that is there, or
        says two things of one. The message never says a value that identifies somebody.
    """
    if not folder.is_dir():
        raise TrainingError(f"{folder} is no folder; name the one that holds the DICOM files")
    table = folder / options.get("labels", _TABLE)
    if not table.is_file():
        if "labels" in options:
            raise TrainingError(f"{options['labels']} is not there; labels= names a CSV, relative to the folder")
        return _read_classes(folder)
    headers = read_headers(sorted(path for path in folder.rglob("*") if path.is_file() and is_dicom(path)))
    if not headers:
        raise TrainingError(f"{folder} holds no DICOM files; name the folder above them")
    column, lines = _read_lines(table)
    claims, missing = _claims(folder, column, lines, headers)
    stated = [_with_stated_patient(header, claims.get(header.path)) for header in headers]
    rows = tuple(_row(header.path, claims.get(header.path)) for header in stated)
    unknown = () if any(header.patient for header in stated) else (UNKNOWN_PATIENTS,)
    notes = (*_notes(column, missing, table), *notes_on_ages(lines), *unknown)
    source = Source(name=folder.resolve().name, root=folder, rows=rows, notes=notes)
    return add_headers(source, stated)


def _read_classes(folder: Path) -> Source:
    try:
        return read_folder(folder)
    except TrainingError as error:
        raise TrainingError(
            f"{folder} has neither {_TABLE} nor folders NORMAL and PNEUMONIA; name a table with ?labels=FILE"
        ) from error


def _read_lines(path: Path) -> tuple[str, list[Line]]:
    """Give the column that names radiographs, and the lines."""
    (_, names), *numbered = read_cells(path)
    spelled = [_SPELLINGS.get(re.sub(r"[^a-z]", "", name.lower()), name) for name in names]
    header = plain_header(path, spelled)
    column = next((name for name in _KINDS if name in header), None)
    if column is None or not any(name in header for name in LABEL_COLUMNS):
        raise TrainingError(
            f"{path.name} line 1: it needs one of {', '.join(_KINDS)} to name radiographs, and label or target"
        )
    return column, list(lines_of(path, header, numbered))


def _claims(
    folder: Path, column: str, lines: Sequence[Line], headers: Sequence[Header]
) -> tuple[dict[Path, Line], int]:
    """Give the line that speaks of each file, and the number of lines that speak of none."""
    index: dict[Hashable, list[Path]] = {}
    for header in headers:
        for name in _names_of(folder, column, header):
            index.setdefault(name, []).append(header.path)
    claims: dict[Path, Line] = {}
    missing = 0
    for line in lines:
        if (cell := line.text(column)) is None:
            raise TrainingError(f"{line.where}: {column} is empty; name a radiograph")
        found = index.get(_KINDS[column](cell.replace("\\", "/") if column == _PATH else cell), [])
        missing += not found
        for path in found:
            if (other := claims.setdefault(path, line)).label() != line.label():
                raise TrainingError(f"{line.where} and {other.where} give one radiograph two labels; correct one")
    if not claims:
        raise TrainingError(f"no {column} of {lines[0].where.split()[0] if lines else 'the table'} is in the folder")
    return claims, missing


def _names_of(folder: Path, column: str, header: Header) -> Iterator[Hashable]:
    """Give what a cell of the column may say to mean this file."""
    if column == _PATH:
        yield from {header.path.relative_to(folder).as_posix(), header.path.name, header.path.stem}
    elif header.says is not None:
        said: Hashable = getattr(header.says, column)
        if said is not None:
            yield said


def _with_stated_patient(header: Header, line: Line | None) -> Header:
    """Let the table's patient stand in for the header's, which de-identification may have overwritten."""
    if header.says is None or line is None or (stated := line.known("patient_id")) is None:
        return header
    return replace(header, says=replace(header.says, patient_id=PatientId(stated)))


def _row(path: Path, line: Line | None) -> LabelledRadiograph:
    return LabelledRadiograph(path=path, label=None) if line is None else line.radiograph(path)


def _notes(column: str, missing: int, table: Path) -> Iterator[str]:
    yield f"labels are those of {table.name}, by {column}"
    if missing:
        yield f"{missing} lines of {table.name} name no radiograph in the folder"
