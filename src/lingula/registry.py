"""The shelf of model packages: registered, compared, promoted by a person, rolled back when they were wrong.

The shelf is a folder: the packages as they are, and one JSON file that says when each came and what was decided, by
whom and why. Decisions are only added; which package serves follows from them. The package shipped with the program is
always on the shelf and serves until another is promoted.
"""

import fcntl
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from lingula.errors import Conflict, NotFound, PackageDamaged
from lingula.modelpackage.archive import ModelPackage, read_package, shipped_package_path
from lingula.modelpackage.manifest import Stage
from lingula.modelpackage.session import open_session

_STATE, _LOCK, _SUFFIX = "shelf.json", "shelf.lock", ".lingula"


class Decision(BaseModel):
    """A person promoted a package, or went back to the one before."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: datetime
    action: Literal["promote", "rollback"]
    package: str  # the label promoted, or the one no longer trusted
    because: str
    who: str


class Registration(BaseModel):
    """A package came onto the shelf."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str
    name: str
    version: str
    sha256: str
    registered_at: datetime | None


class _State(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: Literal[1] = 1
    packages: tuple[Registration, ...] = ()
    decisions: tuple[Decision, ...] = ()


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


class Registry:
    """Registers, lists, promotes and rolls back; safe to use from several programs at once.

    >>> registry = Registry(home / "packages")  # doctest: +SKIP
    >>> registry.register(Path("chest-1.1.0.lingula")).stage  # doctest: +SKIP
    <Stage.CANDIDATE: 'candidate'>
    >>> registry.promote("chest-1.1.0", because="AUROC 0.99 on our own radiographs", who="mara")  # doctest: +SKIP

    Parameters
    ----------
    folder
        The shelf; made when first needed.
    clock
        Injected for tests.
    shipped
        Gives the path of the shipped package; raises `PackageDamaged` if there is none.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        shipped: Callable[[], Path] = shipped_package_path,
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._shipped_path = shipped

    def register(self, path: Path) -> ShelvedPackage:
        """Check a package whole, graph included, and put it on the shelf; once more is no error.

        Raises
        ------
        PackageDamaged, PackageTooNew
            If it cannot be used.
        Conflict
            If other content is on the shelf under the same name and version.
        """
        package = read_package(path)
        open_session(package.graph, threads=1)
        with self._locked():
            self._put(package)
        return self.show(package.label)

    def packages(self) -> Sequence[ShelvedPackage]:
        """Give all packages by name and version."""
        state, shipped = self._state(), self._shipped()
        line = _line(state)
        serving = line[-1] if line else (shipped.label if shipped else None)
        served = {decision.package for decision in state.decisions if decision.action == "promote"}
        found = [(entry, self._folder / (entry.label + _SUFFIX)) for entry in state.packages]
        if shipped is not None and shipped.label not in {entry.label for entry in state.packages}:
            found.append((_registration(shipped, None), shipped.path))
            served.add(shipped.label)
        shelved = [_shelved(entry, path, serving, served) for entry, path in found]
        return sorted(shelved, key=lambda package: (package.name, _order(package.version)))

    def show(self, name: str) -> ShelvedPackage:
        """Give one package by NAME-VERSION, or the newest version of NAME; raises `NotFound`."""
        packages = self.packages()
        matching = [package for package in packages if name in {package.label, package.name}]
        if not matching:
            known = ", ".join(package.label for package in packages) or "nothing"
            raise NotFound(f"no package {name!r} is on the shelf; there is {known}")
        return matching[-1]

    def serving(self) -> ShelvedPackage:
        """Give the package that assesses; raises `NotFound` if there is none at all."""
        for package in self.packages():
            if package.stage is Stage.SERVING:
                return package
        raise NotFound("no package serves: none is shipped with this program and none was promoted")

    def open(self, name: str | None = None) -> ModelPackage:
        """Read a package: the one serving, or one by name, or a file anywhere.

        Parameters
        ----------
        name
            NAME, NAME-VERSION or a path; None is the one serving.

        Raises
        ------
        NotFound
            If there is none of that name.
        PackageDamaged, PackageTooNew
            If it cannot be used, or its file is not the one that was registered.
        """
        if name is not None and (name.endswith(_SUFFIX) or os.sep in name):
            return read_package(Path(name).expanduser())
        shelved = self.serving() if name is None else self.show(name)
        package = read_package(shelved.path)
        if package.sha256 != shelved.sha256:
            raise PackageDamaged(f"{shelved.label} on the shelf is not the file that was registered; fetch it again")
        return package

    def verify(self, name: str) -> ShelvedPackage:
        """Read a package whole and load its graph; raises as `open` does."""
        open_session(self.open(name).graph, threads=1)
        return self.show(name)

    def promote(self, name: str, *, because: str, who: str) -> ShelvedPackage:
        """Let a package assess from the next start on; the one before is retired.

        Raises
        ------
        NotFound
            If it is not on the shelf.
        Conflict
            If it serves already, or no reason is given.
        PackageDamaged, PackageTooNew
            If it cannot be used.
        """
        self.verify(name)
        with self._locked():
            chosen = self.show(name)
            if chosen.stage is Stage.SERVING:
                raise Conflict(f"{chosen.label} serves already")
            self._put(read_package(chosen.path))  # the shipped one too: an upgrade of the program takes its file away
            self._decide("promote", chosen.label, because, who)
        return self.show(chosen.label)

    def rollback(self, *, because: str, who: str) -> ShelvedPackage:
        """Go back to the package that served before; raises `Conflict` if there was none or no reason is given."""
        with self._locked():
            state = self._state()
            line = _line(state)
            if not line or (len(line) == 1 and self._shipped() is None):
                raise Conflict("nothing served before; promote another package instead")
            self._decide("rollback", line[-1], because, who)
        return self.serving()

    def history(self) -> Sequence[Decision]:
        """Give all decisions, oldest first."""
        return self._state().decisions

    def _shipped(self) -> ModelPackage | None:
        try:
            return read_package(self._shipped_path())
        except PackageDamaged:
            return None

    def _put(self, package: ModelPackage) -> None:
        for known in self.packages():
            if known.label == package.label and known.sha256 != package.sha256:
                raise Conflict(f"{package.label} is on the shelf with other content; give the new one its own version")
        state = self._state()
        if package.label in {entry.label for entry in state.packages}:
            return
        _write(self._folder / (package.label + _SUFFIX), package.path.read_bytes())
        entry = _registration(package, self._clock())
        self._save(state.model_copy(update={"packages": (*state.packages, entry)}))

    def _decide(self, action: Literal["promote", "rollback"], label: str, because: str, who: str) -> None:
        if not because.strip():
            raise Conflict("say why: whoever reads the history will want to know")
        decision = Decision(at=self._clock(), action=action, package=label, because=because.strip(), who=who)
        self._save(self._state().model_copy(update={"decisions": (*self._state().decisions, decision)}))

    def _state(self) -> _State:
        path = self._folder / _STATE
        try:
            return _State.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return _State()
        except ValidationError as error:
            raise PackageDamaged(f"{path} does not hold what the shelf wrote; restore it from a backup") from error

    def _save(self, state: _State) -> None:
        _write(self._folder / _STATE, state.model_dump_json(indent=2).encode())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one program at a time change the shelf."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _line(state: _State) -> list[str]:
    """Give the packages that were promoted and not rolled back, the serving one last."""
    line: list[str] = []
    for decision in state.decisions:
        if decision.action == "promote":
            line.append(decision.package)
        elif line:
            line.pop()
    return line


def _registration(package: ModelPackage, registered_at: datetime | None) -> Registration:
    manifest = package.manifest
    return Registration(
        label=package.label,
        name=manifest.name,
        version=manifest.version,
        sha256=package.sha256,
        registered_at=registered_at,
    )


def _shelved(entry: Registration, path: Path, serving: str | None, served: Collection[str]) -> ShelvedPackage:
    stage = Stage.RETIRED if entry.label in served else Stage.CANDIDATE
    return ShelvedPackage(
        label=entry.label,
        name=entry.name,
        version=entry.version,
        sha256=entry.sha256,
        stage=Stage.SERVING if entry.label == serving else stage,
        path=path,
        registered_at=entry.registered_at,
    )


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
