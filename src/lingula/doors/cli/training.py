"""``lingula train`` and ``lingula export``, which need the extra ``train``."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from lingula.doors.cli.output import Progress, say, show_line
from lingula.errors import SettingsError

Run = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run of `lingula train`.", show_default=False)]
Data = Annotated[
    Path | None, typer.Option(help="Folder the recipe's paths are relative to.", show_default="LINGULA_DATA")
]


def train(
    *,
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A TOML recipe, see recipes/.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run.", show_default="runs/ and the recipe's name")
    ] = None,
    data: Data = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a line of the recipe for this run, such as split.folds=3; KEY= takes it out.",
        ),
    ] = None,
) -> None:
    """Train what a recipe says; stopped at any moment, the same command goes on where it was."""
    with _training_extra():
        from lingula.training.learning.devices import gathered, help_lead
        from lingula.training.walk import begin_run, train_run

    folder = out or Path("runs") / recipe.stem
    with gathered() as crew:
        if not crew.leads:
            help_lead()
            return
        run = begin_run(recipe, folder, _data_folder(data), overrides or ())
        with Progress() as progress:
            train_run(run, progress=progress.heard, say=say, environment=os.environ)
    say(f"the run is in {folder}; `lingula export {folder}` makes its package")


def export(
    *,
    run: Run,
    out: Annotated[Path, typer.Option(help="Folder the package is written into.")] = Path(),
    data: Data = None,
) -> None:
    """Write the model package of a finished run, if its recipe's gate holds, and prove it equals the network."""
    with _training_extra():
        from lingula.training.walk import Run as TrainingRun
        from lingula.training.walk import export_run

    written = export_run(TrainingRun(folder=run, data=_data_folder(data)), out, commit=_commit(), say=say)
    show_line(str(written))


@contextmanager
def _training_extra() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("lingula"):
            raise
        raise SettingsError(
            f"training needs {error.name}, which is not installed: run `make setup EXTRAS=train`, or "
            "`pip install 'lingula[train]'`"
        ) from error


def _data_folder(data: Path | None) -> Path:
    from lingula.settings import load_settings

    folder = load_settings({"data": data}).data
    if folder is None:
        raise SettingsError("where are the radiographs? Name their folder with --data or LINGULA_DATA")
    return folder


def _commit() -> str | None:
    """Give the commit this code was taken from, if it is a checkout without changes."""
    root = Path(__file__).parents[4]
    try:
        told = [
            subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603, S607 - fixed words
            for words in (("rev-parse", "HEAD"), ("status", "--porcelain", "--", "src"))
        ]
    except (OSError, subprocess.CalledProcessError):
        return None
    return told[0] if not told[1] else f"{told[0]} with changes"
