"""The lines of a CSV, each with the place it stands at, and the cells every source writes alike.

Spreadsheets add a byte order mark, quotes, CRLF and semicolons: all are read. Every complaint names the line and, where
it identifies nobody, the value.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lingula.errors import TrainingError
from lingula.training.data.labelled import LABEL_NAMES, LabelledRadiograph, Part
from lingula.training.sources.naming import PARTS, label_of

LABEL_COLUMNS = ("label", "target")
ALIASES = {"age_years": "age", "patient_age": "age", "patient_sex": "sex", "view_position": "view"}
_AGE = re.compile(r"(?P<number>\d+(\.\d+)?)(?P<unit>[YMWD]?)", re.IGNORECASE)
_PER_YEAR = {"": 1.0, "Y": 1.0, "M": 12.0, "W": 52.18, "D": 365.25}  # DICOM PS3.5 6.2, Age String
_UNKNOWN = {"nan", "na", "n/a", "none", "null", "unknown", "-", "?"}
_SEXES = {"male": "M", "man": "M", "boy": "M", "female": "F", "woman": "F", "girl": "F", "other": "O"}
_OLDEST_YEARS = 130.0


@dataclass(frozen=True, kw_only=True)
class Line:
    """One data line: where it stands and its cells by column."""

    where: str
    cells: Mapping[str, str]

    def text(self, column: str) -> str | None:
        """Give a cell's text, None if it is empty or there is no such column."""
        return self.cells.get(column) or None

    def known(self, column: str) -> str | None:
        """Give a cell's text, None also for what spreadsheets and pandas write where nothing is known."""
        text = self.text(column)
        return None if text is None or text.lower() in _UNKNOWN else text

    def wrong(self, column: str, expected: str) -> TrainingError:
        """Make the complaint about one cell."""
        return TrainingError(f"{self.where}: {column} {self.cells.get(column, '')!r} is not {expected}")

    def label(self) -> int | None:
        """Read ``label`` and ``target``: an empty cell is unknown, two columns must say the same."""
        found: set[int] = set()
        for column in LABEL_COLUMNS:
            if (text := self.text(column)) is None:
                continue
            if (label := label_of(text)) is None:
                raise self.wrong(column, "0 or NORMAL, 1 or PNEUMONIA, or empty for unknown")
            found.add(label)
        if len(found) > 1:
            raise self.wrong("label", f"what target says ({self.text('target')}); remove one of the two columns")
        return found.pop() if found else None

    def part(self) -> Part | None:
        """Read ``split``."""
        text = self.text("split")
        if text is None:
            return None
        if (part := PARTS.get(text.lower())) is None:
            raise self.wrong("split", "train, val or test")
        return part

    def sex(self) -> str | None:
        """Read ``sex`` as DICOM writes it, M, F or O; other words stay as they are, in capitals."""
        text = self.known("sex")
        return None if text is None else _SEXES.get(text.lower(), text.upper())

    def age_years(self, column: str = "age") -> float | None:
        """Read a number of years or a DICOM age; an age nobody reaches is an error of the source and unknown."""
        text = self.known(column)
        if text is None:
            return None
        if (found := _AGE.fullmatch(text)) is None:
            raise self.wrong(column, "a number of years, or like 018M, or empty for unknown")
        years = float(found["number"]) / _PER_YEAR[found["unit"].upper()]
        return years if years <= _OLDEST_YEARS else None

    def radiograph(self, path: Path) -> LabelledRadiograph:
        """Give what the line says of the file it names, in the columns that people's own tables have; no patient."""
        label = self.label()
        return LabelledRadiograph(
            path=path,
            label=label,
            finding=self.known("finding") or (None if label is None else LABEL_NAMES[label]),
            split=self.part(),
            site=self.known("site"),
            age_years=self.age_years(),
            sex=self.sex(),
            view=None if (view := self.known("view")) is None else view.upper(),
        )


def notes_on_ages(lines: Sequence[Line]) -> list[str]:
    """Say how many ages nobody reaches."""
    odd = sum(line.known("age") is not None and line.age_years() is None for line in lines)
    return [f"{odd} ages above {_OLDEST_YEARS:.0f} years were taken for unknown"] if odd else []


def read_cells(path: Path) -> list[tuple[int, list[str]]]:
    """Read a CSV's cells with their line numbers, the header first; comma, semicolon or tab, whatever is there more.

    Raises
    ------
    TrainingError
        If the file cannot be read, is not UTF-8, is no CSV, or is empty.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise TrainingError(f"{path.name} is not UTF-8 at byte {error.start}; save it as CSV UTF-8") from error
    except OSError as error:
        raise TrainingError(f"{path.name} cannot be read: {error.strerror}") from error
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        cells = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise TrainingError(f"{path.name} line {reader.line_num}: {error}; is it a CSV?") from error
    if not cells:
        raise TrainingError(f"{path.name} is empty; its first line must name the columns, such as image_path,label")
    return cells


def plain_header(path: Path, cells: Sequence[str]) -> list[str]:
    """Give the columns' names in small letters, other names for the same resolved; none may stand there twice."""
    header = [ALIASES.get(name, name) for name in (cell.strip().lower() for cell in cells)]
    if twice := {name for name in header if name and header.count(name) > 1}:
        raise TrainingError(f"{path.name} line 1: column {min(twice)!r} stands there twice; keep one")
    return header


def lines_of(path: Path, header: Sequence[str], numbered: Sequence[tuple[int, list[str]]]) -> Iterator[Line]:
    """Give the data lines of a table that people made; a line with more or fewer cells than the header is refused."""
    for number, cells in numbered:
        if not any(cell.strip() for cell in cells):
            continue
        where = f"{path.name} line {number}"
        if len(cells) != len(header):
            raise TrainingError(f"{where}: {len(cells)} cells, the header has {len(header)}; quote cells with commas")
        yield Line(where=where, cells={name: cell.strip() for name, cell in zip(header, cells, strict=True)})


def read_published(path: Path, *columns: str) -> Iterator[Line]:
    """Give the lines of a table as its publisher wrote it, with the columns' own names; extra cells are left aside.

    Raises
    ------
    TrainingError
        As `read_cells`; also if one of `columns` is not there.
    """
    (_, names), *numbered = read_cells(path)
    header = [name.strip() for name in names]
    if missing := [name for name in columns if name not in header]:
        raise TrainingError(f"{path.name} line 1: there is no column {missing[0]!r}; is it the file as published?")
    for number, cells in numbered:
        if any(cells):
            pairs = zip(header, cells, strict=False)
            yield Line(where=f"{path.name} line {number}", cells={name: cell.strip() for name, cell in pairs})
