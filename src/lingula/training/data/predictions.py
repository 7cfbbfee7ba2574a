"""The table of single assessments that every run and every evaluation leaves behind: ``predictions.csv``.

`train` writes it of the radiographs it held out, `evaluate` of those it was given, and `compare` reads either. Another
program's table is read too: ``path``, ``label`` and ``probability`` suffice.
"""

import csv
import io
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from lingula.errors import TrainingError
from lingula.radiology.study import Band, Status
from lingula.training.data.outcomes import Outcome

FILE_NAME = "predictions.csv"
_COLUMNS: dict[str, Callable[[Outcome], str | float | None]] = {
    "path": lambda outcome: outcome.name,
    "label": lambda outcome: outcome.label,
    "finding": lambda outcome: outcome.finding,
    "status": lambda outcome: outcome.status.value,
    "reason": lambda outcome: outcome.reason,
    "probability": lambda outcome: outcome.probability,
    "band": lambda outcome: None if outcome.band is None else outcome.band.value,
    "novelty": lambda outcome: outcome.novelty,
    "patient": lambda outcome: outcome.patient,
    "site": lambda outcome: outcome.site,
    "age": lambda outcome: outcome.age_years,
    "sex": lambda outcome: outcome.sex,
    "view": lambda outcome: outcome.view,
    "rows": lambda outcome: outcome.rows,
    "columns": lambda outcome: outcome.columns,
}
_NEEDED = ("path", "label", "probability")
_Member = TypeVar("_Member", bound=StrEnum)


def write_predictions(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Write one line per radiograph; what is unknown is an empty cell, and no probability is rounded."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for outcome in outcomes:
            cells = [tell(outcome) for tell in _COLUMNS.values()]
            writer.writerow("" if cell is None else cell for cell in cells)
    partial.replace(path)


def read_predictions(path: Path) -> list[Outcome]:
    """Read a table that `write_predictions` or another program wrote, in the order of its lines.

    Columns may stand in any order and all but ``path``, ``label`` and ``probability`` may be missing; without
    ``status`` a radiograph with a probability counts as assessed.

    Raises
    ------
    TrainingError
        If the file or a needed column is missing, a path stands there twice, or a cell is not what it must be; the
        message names line and value.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise TrainingError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise TrainingError(f"{path} is not UTF-8 at byte {error.start}; save it as CSV UTF-8") from error
    outcomes: dict[str, Outcome] = {}
    for line in _lines(path, text):
        outcome = _read(line)
        if outcome.name in outcomes:
            raise line.wrong("path", "there once only; remove one of its lines")
        outcomes[outcome.name] = outcome
    if not outcomes:
        raise TrainingError(f"{path} has no line below its header; was the run interrupted?")
    return list(outcomes.values())


@dataclass(frozen=True, kw_only=True)
class _Line:
    """One data line: where it stands and its cells by column."""

    where: str
    cells: dict[str, str]

    def text(self, column: str) -> str | None:
        return self.cells.get(column) or None

    def wrong(self, column: str, expected: str) -> TrainingError:
        return TrainingError(f"{self.where}: {column} {self.cells.get(column, '')!r} is not {expected}")

    def number(self, column: str, low: float, high: float) -> float | None:
        """Read a finite number from `low` to `high`."""
        if (text := self.text(column)) is None:
            return None
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and low <= value <= high):
            span = f"a number from {low:g} to {high:g}" if math.isfinite(high) else f"a number of {low:g} or more"
            raise self.wrong(column, span)
        return value

    def count(self, column: str) -> int | None:
        value = self.number(column, 1, math.inf)
        return None if value is None else int(value)

    def one_of(self, column: str, members: type[_Member]) -> _Member | None:
        if (text := self.text(column)) is None:
            return None
        try:
            return members(text.lower())
        except ValueError as error:
            raise self.wrong(column, ", ".join(member.value for member in members)) from error


def _lines(path: Path, text: str) -> Iterator[_Line]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [cell.strip().lower() for cell in next(reader, [])]
        if missing := [name for name in _NEEDED if name not in header]:
            raise TrainingError(f"{path} line 1: column {missing[0]} is missing; {', '.join(_NEEDED)} are needed")
        for cells in reader:
            where = f"{path} line {reader.line_num}"
            if any(cell.strip() for cell in cells):
                if len(cells) != len(header):
                    raise TrainingError(f"{where}: {len(cells)} cells, the header has {len(header)}")
                yield _Line(where=where, cells={name: cell.strip() for name, cell in zip(header, cells, strict=True)})
    except csv.Error as error:
        raise TrainingError(f"{path} line {reader.line_num}: {error}; is it a CSV?") from error


def _read(line: _Line) -> Outcome:
    if (name := line.text("path")) is None:
        raise line.wrong("path", "the name of a radiograph")
    label, probability = _label(line), line.number("probability", 0, 1)
    status = line.one_of("status", Status) or (Status.FAILED if probability is None else Status.ASSESSED)
    return Outcome(
        name=name,
        label=label,
        finding=line.text("finding") or "unknown",
        status=status,
        reason=line.text("reason"),
        probability=probability,
        band=line.one_of("band", Band),
        novelty=line.number("novelty", 0, math.inf),
        patient=line.text("patient"),
        site=line.text("site"),
        age_years=line.number("age", 0, 200),
        sex=line.text("sex"),
        view=line.text("view"),
        rows=line.count("rows"),
        columns=line.count("columns"),
    )


def _label(line: _Line) -> int | None:
    match line.text("label"):
        case None:
            return None
        case "0" | "0.0":
            return 0
        case "1" | "1.0":
            return 1
    raise line.wrong("label", "0, 1 or empty for unknown")
