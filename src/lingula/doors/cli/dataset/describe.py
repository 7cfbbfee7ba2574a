"""``lingula dataset describe``: what is in a data set, what is left out of it, and what could be learned by mistake."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lingula.doors.cli.dataset.given import AsJson, Data
from lingula.doors.cli.output import Tally, say, show_line

if TYPE_CHECKING:
    from lingula.training.describe import Description


Out = Annotated[
    Path | None,
    typer.Option(help="A folder for the report, description.html and description.json.", show_default=False),
]
SplitFile = Annotated[
    Path | None,
    typer.Option("--split", help="A split file: copies are looked for across its parts.", show_default=False),
]
Package = Annotated[
    str | None,
    typer.Option(help="Finds the lungs for the report: a path, NAME or NAME-VERSION.", show_default="the one promoted"),
]
Pictures = Annotated[
    bool, typer.Option("--with-pictures", help="Show radiographs: the page is then as confidential as they are.")
]


def describe(
    *,
    dataset: Data,
    out: Out = None,
    split: SplitFile = None,
    package: Package = None,
    with_pictures: Pictures = False,
    as_json: AsJson = False,
) -> None:
    """Check every radiograph; with --out, measure what gives the label away beside the lungs, and write a report."""
    from lingula.registry import Registry
    from lingula.settings import load_settings
    from lingula.training.data.dataset import load_dataset
    from lingula.training.data.out_folder import make_out_folder
    from lingula.training.data.split import read_split
    from lingula.training.describe import Looking, describe_dataset, write_description
    from lingula.training.sources import read_source

    source = read_source(dataset)
    if out is not None:
        make_out_folder(out)
    with Tally("read", len(source.rows)) as tally:
        loaded = load_dataset(source, progress=tally.show, conflicts_left_out=True)
    settings = load_settings({"package": package})
    with Tally("looked at", len(loaded)) as tally:
        how = Looking(
            split=None if split is None else read_split(split, loaded),
            audits=out is not None,
            package=None if out is None else Registry(settings.registry).open(settings.package),
            progress=tally.show,
        )
        description = describe_dataset(source, loaded, how)
    _show(description, as_json=as_json)
    if out is None:
        say("--out FOLDER writes a report, and measures what could be learned by mistake: size, frame, sharpness")
    else:
        say(f"wrote {write_description(description, loaded, out, with_pictures=with_pictures)[0]}")


def _show(description: "Description", *, as_json: bool) -> None:
    """Print what was kept and what was not, what to think about, and what tells the label."""
    from lingula.training.describe import write_json

    if as_json:
        show_line(write_json(description))
        return
    show_line(str(description.report))
    for warning in description.warnings:
        show_line(f"  warning: {warning}")
    if description.audit is not None:
        for clue in description.audit.clues:
            show_line(f"  {clue.name}: {clue.meaning}")
        show_line(f"  {description.audit.conclusion}")
