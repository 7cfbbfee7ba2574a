"""``lingula models``: the shelf of model packages, and which of them assesses."""

import getpass
from pathlib import Path
from typing import Annotated

import typer

from lingula.doors.cli.output import say, show_json, show_line, show_table
from lingula.doors.cli.shadows import compare_shadow, shadow
from lingula.doors.cli.shelved import AsJson, open_registry, row_of, show_one, when

app = typer.Typer(help="Register, shadow, promote and roll back model packages.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="NAME-VERSION, or NAME for its newest version.", show_default=False)]
Because = Annotated[str, typer.Option(help="The reason, kept in the history.", show_default=False)]


@app.command("register")
def register(
    *,
    path: Annotated[Path, typer.Argument(help="A NAME-VERSION.lingula file.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Check a package whole and put it on the shelf as a candidate; it assesses nothing yet."""
    show_one(open_registry().register(path), as_json=as_json)


@app.command("list")
def list_packages(*, as_json: AsJson = False) -> None:
    """Print all packages on the shelf."""
    packages = open_registry().packages()
    if as_json:
        for package in packages:
            show_json(row_of(package))
        return
    rows = [
        (package.label, package.stage.value, package.sha256[:12], when(package) or "shipped") for package in packages
    ]
    show_table(("PACKAGE", "STAGE", "SHA256", "REGISTERED"), rows)


@app.command("show")
def show(*, name: Name, as_json: AsJson = False) -> None:
    """Print what a package says of itself: its model card, or its whole manifest as JSON."""
    package = open_registry().open(name)
    show_line(package.manifest.model_dump_json() if as_json else package.model_card.rstrip())


@app.command("verify")
def verify(*, name: Name, as_json: AsJson = False) -> None:
    """Compare a package with what was registered and load its graph."""
    show_one(open_registry().verify(name), as_json=as_json)


app.command("shadow")(shadow)
app.command("compare-shadow")(compare_shadow)


@app.command("promote")
def promote(*, name: Name, because: Because, as_json: AsJson = False) -> None:
    """Let a package assess from now on, if its evidence reaches its gate; running servers take it up."""
    registry = open_registry()
    promoted = registry.promote(name, because=because, who=getpass.getuser())
    show_one(promoted, as_json=as_json)
    if notice := registry.history()[-1].notice:
        say(f"{promoted.label}: {notice}")
    _say_who_follows()


@app.command("rollback")
def rollback(
    *,
    because: Because,
    serving: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="NAME-VERSION",
            help="The package you no longer trust; refused if another one serves by now.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Go back to the package that served before; running servers take it up."""
    back = open_registry().rollback(because=because, who=getpass.getuser(), serving=serving)
    show_one(back, as_json=as_json)
    _say_who_follows()


@app.command("history")
def history(*, as_json: AsJson = False) -> None:
    """Print who promoted, rolled back or shadowed what, when, and why."""
    decisions = open_registry().history()
    if as_json:
        for decision in decisions:
            show_line(decision.model_dump_json())
        return
    rows = [
        (f"{one.at:%Y-%m-%d %H:%M}", one.action, one.package, one.who, one.because, one.notice or "")
        for one in decisions
    ]
    show_table(("AT", "ACTION", "PACKAGE", "WHO", "BECAUSE", "NOTICE"), rows)


def _say_who_follows() -> None:
    """Tell the person which servers take a decision up, and which do not."""
    from lingula.settings import load_settings

    pinned = load_settings().package
    if pinned is None:
        say(
            "running servers take it up within seconds, unless they were started with --package or LINGULA_PACKAGE: "
            "these stay with what they were given"
        )
    else:
        say(
            f"LINGULA_PACKAGE is {pinned} here: a server with this setting stays with it whatever is decided; unset it "
            "and restart to follow the registry"
        )
