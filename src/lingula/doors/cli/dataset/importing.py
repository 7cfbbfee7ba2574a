"""``lingula dataset import``: any source, written as one CSV of what can be trusted."""

import csv
import os
from pathlib import Path
from typing import Annotated

import typer

from lingula.doors.cli.dataset.given import AsJson, Data, load, show_report
from lingula.doors.cli.output import say

_COLUMNS = ("image_path", "label", "finding", "patient_id")


def import_dataset(
    *,
    dataset: Data,
    out: Annotated[Path, typer.Option(help="The CSV to write.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Check a data set and write what can be trusted as one CSV: no duplicates, nothing unreadable, patients named."""
    from lingula.training.labelled import LABEL_NAMES

    source, loaded = load(dataset)
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for row in range(len(loaded)):
            path = os.path.relpath(source.root / str(loaded.names[row]), out.parent)
            writer.writerow((path, LABEL_NAMES[loaded.labels[row]], loaded.findings[row], loaded.patients[row]))
    show_report(loaded.report, as_json=as_json)
    say(f"wrote {out}")
