"""What the commands of ``lingula dataset`` share: the data set named on the command line, read and checked."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lingula.doors.cli.output import Tally, show_json, show_line

if TYPE_CHECKING:
    from lingula.training.data.dataset import Dataset, DatasetReport
    from lingula.training.data.labelled import Source

Data = Annotated[
    Path,
    typer.Argument(
        metavar="DATASET",
        help="A folder per class, a CSV with image_path,label, or KIND:FOLDER, such as dicom:FOLDER or nih:FOLDER.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def load(dataset: Path) -> "tuple[Source, Dataset]":
    """Read and check a data set, counting on the terminal."""
    from lingula.training.data.dataset import load_dataset
    from lingula.training.sources import read_source

    source = read_source(dataset)
    with Tally("read", len(source.rows)) as tally:
        return source, load_dataset(source, progress=tally.show)


def show_report(report: "DatasetReport", *, as_json: bool) -> None:
    """Print what was kept and what was not, and why."""
    if as_json:
        show_json(dataclasses.asdict(report))
    else:
        show_line(str(report))
