"""What every command on the shelf shares: opening it, and saying where a package stands."""

from typing import TYPE_CHECKING, Annotated

import typer

from lingula.doors.cli.output import Plain, show_json, show_line

if TYPE_CHECKING:
    from lingula.registry import Registry, ShelvedPackage

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def open_registry() -> "Registry":
    """Open the shelf that the settings name."""
    from lingula.registry import Registry
    from lingula.settings import load_settings

    return Registry(load_settings().registry)


def row_of(package: "ShelvedPackage") -> dict[str, Plain]:
    """Give a package's standing as JSON."""
    return {
        "package": package.label,
        "name": package.name,
        "version": package.version,
        "stage": package.stage.value,
        "sha256": package.sha256,
        "registered_at": when(package),
        "begun_from": package.begun_from.label if package.begun_from else None,
        "begun_from_sha256": package.begun_from.sha256 if package.begun_from else None,
        "teachers": [teacher.label for teacher in package.teachers],
        "replaced": package.replaced,
    }


def when(package: "ShelvedPackage") -> str | None:
    """Say when a package was registered."""
    return package.registered_at.isoformat(timespec="seconds") if package.registered_at else None


def show_one(package: "ShelvedPackage", *, as_json: bool) -> None:
    """Print where a package stands."""
    if as_json:
        show_json(row_of(package))
    else:
        show_line(f"{package.label} is {package.stage.value} (sha256 {package.sha256})")
