"""A CSV with ``image_path`` and ``label`` (or ``target``), any column order, paths relative to the CSV.

Optional columns: ``patient_id``, ``split``, ``finding``, ``site``, ``age``, ``sex``, ``view``. Spreadsheets add a byte
order mark, quotes, CRLF and semicolons: all are read. Every complaint names the line and the value.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from lingula.errors import TrainingError
from lingula.training.labelled import LABEL_NAMES, LabelledRadiograph, Part, Source
from lingula.training.sources.naming import (
    KERMANY_CITATION,
    KERMANY_LICENCE,
    PARTS,
    is_kermany,
    label_of,
    read_kermany_name,
)

_ALIASES = {"age_years": "age", "patient_age": "age", "patient_sex": "sex", "view_position": "view"}
_LABEL_COLUMNS = ("label", "target")
_COLUMNS = {"image_path", *_LABEL_COLUMNS, "patient_id", "split", "finding", "site", "age", "sex", "view"}
_AGE = re.compile(r"(?P<number>\d+(\.\d+)?)(?P<unit>[YMWD]?)", re.IGNORECASE)
_PER_YEAR = {"": 1.0, "Y": 1.0, "M": 12.0, "W": 52.18, "D": 365.25}  # DICOM PS3.5 6.2, Age String


@dataclass(frozen=True, kw_only=True)
class _Line:
    """One data line: where it stands and its cells by column."""

    where: str
    cells: dict[str, str]

    def text(self, column: str) -> str | None:
        return self.cells.get(column) or None

    def wrong(self, column: str, expected: str) -> TrainingError:
        return TrainingError(f"{self.where}: {column} {self.cells.get(column, '')!r} is not {expected}")


def read_table(path: Path) -> Source:
    """Read a CSV of labelled radiographs.

    Raises
    ------
    TrainingError
        If a column is missing, or a line has a wrong number of cells, an unknown label, part or age, or a missing file.
    """
    header, lines = _read_lines(path)
    rows = [_row(line, path.parent) for line in lines]
    if not rows:
        raise TrainingError(f"{path.name} has a header and no line below it; add a line per radiograph")
    notes = [f"column {name} is not used" for name in header if name not in _COLUMNS]
    kermany = is_kermany(row.path.name for row in rows)
    if "patient_id" not in header:
        notes.append("patients are read from the file names of Kermany et al." if kermany else "patients are unknown")
        rows = [_with_patient(row) for row in rows] if kermany else rows
    elif kermany and (joined := _joined_patients(rows)) > 0:
        notes.append(f"patient_id knows {joined} patients fewer than the file names of Kermany et al.")
    return Source(
        name=path.stem,
        root=path.parent,
        rows=tuple(rows),
        licence=KERMANY_LICENCE if kermany else None,
        citation=KERMANY_CITATION if kermany else None,
        notes=tuple(notes),
    )


def _read_lines(path: Path) -> tuple[list[str], list[_Line]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise TrainingError(f"{path.name} is not UTF-8 at byte {error.start}; save it as CSV UTF-8") from error
    except OSError as error:
        raise TrainingError(f"{path.name} cannot be read: {error.strerror}") from error
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        cells = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise TrainingError(f"{path.name} line {reader.line_num}: {error}; is it a CSV?") from error
    if not cells:
        raise TrainingError(f"{path.name} is empty; its first line must be image_path,label")
    header = _header(path, cells[0][1])
    return header, list(_lines(path, header, cells[1:]))


def _header(path: Path, cells: list[str]) -> list[str]:
    header = [_ALIASES.get(name, name) for name in (cell.strip().lower() for cell in cells)]
    if twice := {name for name in header if name and header.count(name) > 1}:
        raise TrainingError(f"{path.name} line 1: column {min(twice)!r} stands there twice; keep one")
    if "image_path" not in header or not any(name in header for name in _LABEL_COLUMNS):
        raise TrainingError(
            f"{path.name} line 1: columns {', '.join(cells)!r} lack image_path, or both label and target; name them"
        )
    return header


def _lines(path: Path, header: list[str], numbered: list[tuple[int, list[str]]]) -> Iterator[_Line]:
    for number, cells in numbered:
        if not any(cell.strip() for cell in cells):
            continue
        where = f"{path.name} line {number}"
        if len(cells) != len(header):
            raise TrainingError(f"{where}: {len(cells)} cells, the header has {len(header)}; quote cells with commas")
        yield _Line(where=where, cells={name: cell.strip() for name, cell in zip(header, cells, strict=True)})


def _row(line: _Line, folder: Path) -> LabelledRadiograph:
    label = _label(line)
    return LabelledRadiograph(
        path=_path(line, folder),
        label=label,
        patient_id=line.text("patient_id"),
        finding=line.text("finding") or (None if label is None else LABEL_NAMES[label]),
        split=_part(line),
        site=line.text("site"),
        age_years=_age(line),
        sex=line.text("sex"),
        view=line.text("view"),
    )


def _label(line: _Line) -> int | None:
    """Read the label: an empty cell is unknown, two columns must say the same."""
    found: set[int] = set()
    for column in _LABEL_COLUMNS:
        if (text := line.text(column)) is None:
            continue
        if (label := label_of(text)) is None:
            raise line.wrong(column, "0 or NORMAL, 1 or PNEUMONIA, or empty for unknown")
        found.add(label)
    if len(found) > 1:
        raise line.wrong("label", f"what target says ({line.text('target')}); remove one of the two columns")
    return found.pop() if found else None


def _path(line: _Line, folder: Path) -> Path:
    text = line.text("image_path")
    if text is None:
        raise line.wrong("image_path", "the path of a file")
    for candidate in (folder / text, folder / text.replace("\\", "/")):
        if candidate.is_file():
            return candidate
    raise line.wrong("image_path", "a file; paths are relative to the CSV")


def _part(line: _Line) -> Part | None:
    text = line.text("split")
    if text is None:
        return None
    if (part := PARTS.get(text.lower())) is None:
        raise line.wrong("split", "train, val or test")
    return part


def _age(line: _Line) -> float | None:
    text = line.text("age")
    if text is None:
        return None
    if (found := _AGE.fullmatch(text)) is None:
        raise line.wrong("age", "a number of years, or like 018M")
    return float(found["number"]) / _PER_YEAR[found["unit"].upper()]


def _with_patient(row: LabelledRadiograph) -> LabelledRadiograph:
    says = read_kermany_name(row.path.name)
    return row if says is None else replace(row, patient_id=says.patient_id)


def _joined_patients(rows: list[LabelledRadiograph]) -> int:
    """Count how many patients fewer `patient_id` knows than the file names; harmless to a split, only coarser."""
    said = [(row.patient_id, read_kermany_name(row.path.name)) for row in rows]
    by_name = {(patient, says.patient_id) for patient, says in said if says is not None}
    return len({name for _, name in by_name}) - len({patient for patient, _ in by_name})
