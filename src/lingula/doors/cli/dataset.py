"""``lingula dataset``: look at labelled radiographs, check them, and cut them by patient."""

import csv
import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lingula.doors.cli.output import Tally, say, show_json, show_line

if TYPE_CHECKING:
    from lingula.training.dataset import Dataset, DatasetReport
    from lingula.training.labelled import Source

app = typer.Typer(help="Describe, import and split labelled radiographs.", no_args_is_help=True)

_COLUMNS = ("image_path", "label", "finding", "patient_id")

Data = Annotated[
    Path,
    typer.Argument(metavar="DATASET", help="A folder per class, or a CSV with image_path,label.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("describe")
def describe(*, dataset: Data, as_json: AsJson = False) -> None:
    """Check every radiograph and print what is there, what is left out, and why."""
    _, loaded = _load(dataset)
    _show_report(loaded.report, as_json=as_json)


@app.command("import")
def import_dataset(
    *,
    dataset: Data,
    out: Annotated[Path, typer.Option(help="The CSV to write.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Check a data set and write what can be trusted as one CSV: no duplicates, nothing unreadable, patients named."""
    from lingula.training.labelled import LABEL_NAMES

    source, loaded = _load(dataset)
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for row in range(len(loaded)):
            path = os.path.relpath(source.root / str(loaded.names[row]), out.parent)
            writer.writerow((path, LABEL_NAMES[loaded.labels[row]], loaded.findings[row], loaded.patients[row]))
    _show_report(loaded.report, as_json=as_json)
    say(f"wrote {out}")


@app.command("split")
def split(
    *,
    dataset: Data,
    out: Annotated[Path, typer.Option(help="The split file to write.", show_default=False)],
    tuning: Annotated[float, typer.Option(help="Share for calibration and operating points.")] = 0.15,
    test: Annotated[float, typer.Option(help="Share that is looked at once.")] = 0.0,
    folds: Annotated[int, typer.Option(help="Folds for cross-validation; 0 for none.")] = 5,
    seed: Annotated[int, typer.Option(help="The same seed gives the same split.")] = 0,
) -> None:
    """Cut a data set into training, tuning and test so that each patient stays on one side."""
    from lingula.training.labelled import Part
    from lingula.training.split import split_dataset, write_split

    _, loaded = _load(dataset)
    made = split_dataset(loaded, tuning=tuning, test=test, folds=folds, seed=seed)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_split(made, out)
    show_json({"split": str(out), "digest": made.digest, **{part.value: len(made.rows(part)) for part in Part}})


def _load(dataset: Path) -> "tuple[Source, Dataset]":
    from lingula.training.dataset import load_dataset
    from lingula.training.sources import read_source

    source = read_source(dataset)
    with Tally("read", len(source.rows)) as tally:
        return source, load_dataset(source, progress=tally.show)


def _show_report(report: "DatasetReport", *, as_json: bool) -> None:
    if as_json:
        show_json(dataclasses.asdict(report))
    else:
        show_line(str(report))
