"""``lingula dataset``: look at labelled radiographs, check them, and cut them by patient; a module per command."""

import typer

from lingula.doors.cli.dataset.describe import describe
from lingula.doors.cli.dataset.fetch import fetch
from lingula.doors.cli.dataset.importing import import_dataset
from lingula.doors.cli.dataset.split import split

app = typer.Typer(help="Describe, fetch, import and split labelled radiographs.", no_args_is_help=True)
app.command("describe")(describe)
app.command("fetch")(fetch)
app.command("import")(import_dataset)
app.command("split")(split)
