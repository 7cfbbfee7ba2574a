"""The synthetic radiographs that ship with Lingula, and what each shows."""

import json
from dataclasses import dataclass
from pathlib import Path

from lingula.errors import NotFound

FOLDER = Path(__file__).parents[2] / "shipped" / "samples"
INDEX = FOLDER / "samples.json"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One shipped radiograph, made by a program and marked so."""

    path: Path
    is_normal: bool


def shipped_samples() -> list[Sample]:
    """Give the samples in the order of their index.

    Raises
    ------
    NotFound
        If this installation has none.
    """
    if not INDEX.is_file():
        raise NotFound("no sample radiographs are installed; name a folder of your own")
    rows = json.loads(INDEX.read_text())
    entries = rows["samples"] if isinstance(rows, dict) else rows
    return [Sample(path=FOLDER / row["file"], is_normal=row["class"].upper() == "NORMAL") for row in entries]
