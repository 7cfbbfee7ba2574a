"""A package on the shelf as people see it: what was registered, and where it stands after all decisions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lingula.modelpackage.archive import ModelPackage
from lingula.modelpackage.manifest import Forebear, Stage
from lingula.registry.decisions import Registration, Standing


@dataclass(frozen=True, kw_only=True)
class ShelvedPackage:
    """A package on the shelf and where it stands."""

    label: str  # name-version
    name: str
    version: str
    sha256: str
    stage: Stage
    path: Path
    registered_at: datetime | None  # None for the one shipped with the program
    begun_from: Forebear | None  # whose weights it began with
    teachers: Sequence[Forebear]
    replaced: str | None  # the label that served before it was promoted


def registration_of(package: ModelPackage, registered_at: datetime | None) -> Registration:
    """Give what the shelf keeps of a package; `registered_at` is None for the one shipped with the program."""
    manifest = package.manifest
    return Registration(
        label=package.label,
        name=manifest.name,
        version=manifest.version,
        sha256=package.sha256,
        registered_at=registered_at,
        begun_from=manifest.provenance.begun_from,
        teachers=manifest.provenance.teachers,
    )


def shelved(entry: Registration, path: Path, standing: Standing) -> ShelvedPackage:
    """Give a registered package, its file and where it stands."""
    return ShelvedPackage(
        label=entry.label,
        name=entry.name,
        version=entry.version,
        sha256=entry.sha256,
        stage=standing.stage(entry.label),
        path=path,
        registered_at=entry.registered_at,
        begun_from=entry.begun_from,
        teachers=entry.teachers,
        replaced=standing.replaced.get(entry.label),
    )


def order_of(version: str) -> tuple[int, ...]:
    """Give what versions are ordered by: their numbers.

    >>> order_of("1.10.0") > order_of("1.9.0")
    True
    """
    return tuple(int(part) for part in version.split("."))
