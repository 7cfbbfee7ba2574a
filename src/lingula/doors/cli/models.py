"""``lingula models``: the shelf of model packages, and which of them assesses."""

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lingula.doors.cli.output import Plain, say, show_json, show_line, show_table

if TYPE_CHECKING:
    from lingula.registry import Registry, ShelvedPackage

app = typer.Typer(help="Register, compare, promote and roll back model packages.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="NAME-VERSION, or NAME for its newest version.", show_default=False)]
Because = Annotated[str, typer.Option(help="The reason, kept in the history.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("register")
def register(
    *,
    path: Annotated[Path, typer.Argument(help="A NAME-VERSION.lingula file.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Check a package whole and put it on the shelf as a candidate; it assesses nothing yet."""
    _show_one(_open_registry().register(path), as_json=as_json)


@app.command("list")
def list_packages(*, as_json: AsJson = False) -> None:
    """Print all packages on the shelf."""
    packages = _open_registry().packages()
    if as_json:
        for package in packages:
            show_json(_row(package))
        return
    rows = [
        (package.label, package.stage.value, package.sha256[:12], _when(package) or "shipped") for package in packages
    ]
    show_table(("PACKAGE", "STAGE", "SHA256", "REGISTERED"), rows)


@app.command("show")
def show(*, name: Name, as_json: AsJson = False) -> None:
    """Print what a package says of itself: its model card, or its whole manifest as JSON."""
    package = _open_registry().open(name)
    show_line(package.manifest.model_dump_json() if as_json else package.model_card.rstrip())


@app.command("verify")
def verify(*, name: Name, as_json: AsJson = False) -> None:
    """Compare a package with what was registered and load its graph."""
    _show_one(_open_registry().verify(name), as_json=as_json)


@app.command("promote")
def promote(*, name: Name, because: Because, as_json: AsJson = False) -> None:
    """Let a package assess from the next start of `lingula serve` on."""
    _show_one(_open_registry().promote(name, because=because, who=getpass.getuser()), as_json=as_json)
    say("it assesses from the next start of `lingula serve` on")


@app.command("rollback")
def rollback(*, because: Because, as_json: AsJson = False) -> None:
    """Go back to the package that served before."""
    _show_one(_open_registry().rollback(because=because, who=getpass.getuser()), as_json=as_json)
    say("it assesses from the next start of `lingula serve` on")


@app.command("history")
def history(*, as_json: AsJson = False) -> None:
    """Print who promoted or rolled back what, when, and why."""
    decisions = _open_registry().history()
    if as_json:
        for decision in decisions:
            show_line(decision.model_dump_json())
        return
    rows = [(f"{one.at:%Y-%m-%d %H:%M}", one.action, one.package, one.who, one.because) for one in decisions]
    show_table(("AT", "ACTION", "PACKAGE", "WHO", "BECAUSE"), rows)


def _open_registry() -> "Registry":
    from lingula.registry import Registry
    from lingula.settings import load_settings

    return Registry(load_settings().registry)


def _row(package: "ShelvedPackage") -> dict[str, Plain]:
    return {
        "package": package.label,
        "name": package.name,
        "version": package.version,
        "stage": package.stage.value,
        "sha256": package.sha256,
        "registered_at": _when(package),
    }


def _when(package: "ShelvedPackage") -> str | None:
    return package.registered_at.isoformat(timespec="seconds") if package.registered_at else None


def _show_one(package: "ShelvedPackage", *, as_json: bool) -> None:
    if as_json:
        show_json(_row(package))
    else:
        show_line(f"{package.label} is {package.stage.value} (sha256 {package.sha256})")
