"""A CSV with ``image_path`` and ``label`` (or ``target``), any column order, paths relative to the CSV.

Optional columns: ``patient_id``, ``split``, ``finding``, ``site``, ``age``, ``sex``, ``view``. Spreadsheets add a byte
order mark, quotes, CRLF and semicolons: all are read. Every complaint names the line and the value.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lingula.errors import TrainingError
from lingula.training.data.labelled import LabelledRadiograph, Source
from lingula.training.sources.headers import UNKNOWN_PATIENTS, with_headers
from lingula.training.sources.lines import LABEL_COLUMNS, Line, lines_of, notes_on_ages, plain_header, read_cells
from lingula.training.sources.naming import KERMANY_CITATION, KERMANY_LICENCE, is_kermany, read_kermany_name

_NAMED = 3  # of the files that are not there
_COLUMNS = {"image_path", *LABEL_COLUMNS, "patient_id", "split", "finding", "site", "age", "sex", "view"}


def read_table(path: Path) -> Source:
    """Read a CSV of labelled radiographs; what it does not say of a DICOM file, the file's header does.

    Raises
    ------
    TrainingError
        If a column is missing, or a line has a wrong number of cells, an unknown label, part or age, or a missing file.
    """
    header, lines = _read_lines(path)
    rows = [_row(line, found) for line, found in zip(lines, _paths(lines, path), strict=True)]
    if not rows:
        raise TrainingError(f"{path.name} has a header and no line below it; add a line per radiograph")
    notes = [f"column {name} is not used" for name in header if name not in _COLUMNS] + notes_on_ages(lines)
    kermany = is_kermany(row.path.name for row in rows)
    if all(row.patient_id is None for row in rows):
        notes.append("patients are read from the file names of Kermany et al." if kermany else UNKNOWN_PATIENTS)
        rows = [_with_patient(row) for row in rows] if kermany else rows
    elif kermany and (joined := _joined_patients(rows)) > 0:
        notes.append(f"patient_id knows {joined} patients fewer than the file names of Kermany et al.")
    return with_headers(
        Source(
            name=path.stem,
            root=path.parent,
            rows=tuple(rows),
            licence=KERMANY_LICENCE if kermany else None,
            citation=KERMANY_CITATION if kermany else None,
            notes=tuple(notes),
        )
    )


def _read_lines(path: Path) -> tuple[list[str], list[Line]]:
    (_, names), *numbered = read_cells(path)
    header = plain_header(path, names)
    if "image_path" not in header or not any(name in header for name in LABEL_COLUMNS):
        lacking = "image_path" if "image_path" not in header else "label (or target)"
        raise TrainingError(f"{path.name} line 1: there is no column {lacking}; there are {', '.join(names)}")
    return header, list(lines_of(path, header, numbered))


def _paths(lines: Sequence[Line], table: Path) -> list[Path]:
    """Find each line's file; those not there are named all together, as one by one they would take as many tries."""
    found = [_found(line, table.parent) for line in lines]
    missing = [line for line, path in zip(lines, found, strict=True) if path is None]
    if missing:
        first = "; ".join(f"{line.where}: {line.text('image_path')!r}" for line in missing[:_NAMED])
        more = "" if len(missing) <= _NAMED else f"; and {len(missing) - _NAMED} more"
        raise TrainingError(
            f"{len(missing)} of {len(lines)} files of {table.name} are not there ({first}{more}); image_path is "
            "relative to the CSV"
        )
    return [path for path in found if path is not None]


def _row(line: Line, path: Path) -> LabelledRadiograph:
    return replace(line.radiograph(path), patient_id=line.known("patient_id"))


def _found(line: Line, folder: Path) -> Path | None:
    text = line.text("image_path")
    if text is None:
        raise line.wrong("image_path", "the path of a file")
    candidates = (folder / text, folder / text.replace("\\", "/"))
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def _with_patient(row: LabelledRadiograph) -> LabelledRadiograph:
    says = read_kermany_name(row.path.name)
    return row if says is None else replace(row, patient_id=says.patient_id)


def _joined_patients(rows: list[LabelledRadiograph]) -> int:
    """Count how many patients fewer `patient_id` knows than the file names; harmless to a split, only coarser."""
    said = [(row.patient_id, read_kermany_name(row.path.name)) for row in rows]
    by_name = {(patient, says.patient_id) for patient, says in said if patient is not None and says is not None}
    return len({name for _, name in by_name}) - len({patient for patient, _ in by_name})
