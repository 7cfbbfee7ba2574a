"""``lingula dataset import``: any source, written as one CSV of what can be trusted."""

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lingula.doors.cli.dataset.given import AsJson, Data, load, show_report
from lingula.doors.cli.output import say

if TYPE_CHECKING:
    from lingula.training.data.dataset import Dataset
    from lingula.training.data.labelled import Source

_COLUMNS = ("image_path", "label", "finding", "patient_id", "split", "site", "age", "sex", "view")


def import_dataset(
    *,
    dataset: Data,
    out: Annotated[Path, typer.Option(help="The CSV to write.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Check a data set and write what can be trusted as one CSV: no duplicates, nothing unreadable, patients named."""
    source, loaded = load(dataset)
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        writer.writerows(_rows(source, loaded, out.parent))
    show_report(loaded.report, as_json=as_json)
    if hidden := sum(row.name is not None for row in source.rows):
        say(f"{hidden} paths name their patient: {out} carries them, keep it with the radiographs")
    say(f"wrote {out}")


def _rows(source: "Source", loaded: "Dataset", folder: Path) -> Iterator[tuple[str, ...]]:
    from lingula.training.data.labelled import LABEL_NAMES

    said = {source.name_of(row): row for row in source.rows}
    for place in range(len(loaded)):
        row = said[str(loaded.names[place])]
        yield (
            os.path.relpath(row.path, folder),
            LABEL_NAMES[loaded.labels[place]],
            str(loaded.findings[place]),
            str(loaded.patients[place]),
            row.split.value if row.split else "",
            row.site or "",
            "" if row.age_years is None else f"{row.age_years:.4g}",
            row.sex or "",
            row.view or "",
        )
