"""``lingula dataset split``: training, tuning and test, written as a file with its digest."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from lingula.doors.cli.dataset.given import Data, load
from lingula.doors.cli.output import say, show_json


def split(  # noqa: PLR0913  a command's options are its arguments
    *,
    dataset: Data,
    out: Annotated[Path, typer.Option(help="The split file to write.", show_default=False)],
    by: Annotated[
        Literal["patient", "image", "source"],
        typer.Option(help="image tears patients apart and says so; source takes the source's own parts."),
    ] = "patient",
    tuning: Annotated[float, typer.Option(help="Share for calibration and operating points.")] = 0.15,
    test: Annotated[float, typer.Option(help="Share that is looked at once.")] = 0.0,
    folds: Annotated[int, typer.Option(help="Folds for cross-validation; 0 for none.")] = 5,
    seed: Annotated[int, typer.Option(help="The same seed gives the same split.")] = 0,
) -> None:
    """Cut a data set into training, tuning and test; each patient stays on one side, unless it is cut by image."""
    from lingula.training.data.labelled import Part
    from lingula.training.data.split import split_dataset, write_split

    _, loaded = load(dataset)
    made = split_dataset(loaded, by=by, tuning=tuning, test=test, folds=folds, seed=seed)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_split(made, out)
    counts = {part.value: len(made.rows(part)) for part in Part}
    cut = {"by": made.cut.by, "patients_on_two_sides": made.cut.on_two_sides}
    show_json({"split": str(out), "digest": made.digest, **counts, **cut})
    if made.cut.warning is not None:
        say(f"warning: {made.cut.warning}")
