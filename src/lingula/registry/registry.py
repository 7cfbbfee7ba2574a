"""The registry: what is on the shelf, which package serves, and the decisions of people about it.

The package shipped with the program is always on the shelf and serves until another is promoted. Promotion asks the
package's own gate again, needs a reason, and is one change of one file; running servers see it within seconds.
"""

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from lingula.errors import Conflict, NotFound, PackageDamaged
from lingula.modelpackage.archive import ModelPackage, read_package, shipped_package_path
from lingula.modelpackage.gate import Gate, asks_for_little, shortfalls, unasked
from lingula.modelpackage.manifest import Stage
from lingula.modelpackage.session import open_session
from lingula.registry.decisions import Action, Decision, Registration, ShelfState, Standing, standing_after
from lingula.registry.shelf import SUFFIX, Mark, Shelf
from lingula.registry.shelved import ShelvedPackage, order_of, registration_of, shelved

NO_GATE = "it states no gate: nobody said beforehand what its numbers must reach; read its model card"


class Registry:
    """Registers, lists, shadows, promotes and rolls back; safe to use from several programs at once.

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
        self._shelf = Shelf(folder)
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
        with self._shelf.locked():
            self._shelf.save(self._kept(package))
        return self.show(package.label)

    def packages(self) -> Sequence[ShelvedPackage]:
        """Give all packages by name and version."""
        state = self._shelf.state()
        standing = self._standing(state)
        found = [(entry, self._shelf.path_of(entry.label)) for entry in state.packages]
        if self._shipped is not None and not state.knows(self._shipped[0].label):
            found.append(self._shipped)
        everything = [shelved(entry, path, standing) for entry, path in found]
        return sorted(everything, key=lambda package: (package.name, order_of(package.version)))

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

    def ways_back(self) -> Sequence[str]:
        """Give the labels that one rollback after the other would go back to, the nearest first."""
        return self._standing(self._shelf.state()).ways_back

    def shadow(self) -> Decision | None:
        """Give the decision that put a package in shadow, while it lasts."""
        return self._standing(self._shelf.state()).shadow

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
        if name is not None and (name.endswith(SUFFIX) or os.sep in name):
            return read_package(Path(name).expanduser())
        shelved = self.serving() if name is None else self.show(name)
        package = read_package(shelved.path)
        if package.sha256 != shelved.sha256:
            raise PackageDamaged(f"{shelved.label} on the shelf is not the file that was registered; fetch it again")
        return package

    def verify(self, name: str) -> ShelvedPackage:
        """Read a package whole and load its graph; raises as `open` does."""
        return self.show(self._verified(name).label)

    def promote(self, name: str, *, because: str, who: str) -> ShelvedPackage:
        """Let a package assess from now on; the one before is retired, and a shadow of it ends.

        A package without a gate (format 1), or with one that asks for little, may be promoted; the decision then
        carries a notice that says so.

        Raises
        ------
        NotFound
            If it is not on the shelf.
        Conflict
            If its evidence does not reach its gate, it serves already, or no reason is given.
        PackageDamaged, PackageTooNew
            If it cannot be used.
        """
        package = self._verified(name)
        if failed := shortfalls(package.manifest):
            raise Conflict(f"{package.label} does not reach its gate: {'; '.join(failed)}")
        with self._shelf.locked():
            serving = self._standing(self._shelf.state()).serving
            if serving == package.label:
                raise Conflict(f"{package.label} serves already")
            state = self._kept(package)  # the shipped one too: an upgrade of the program takes its file away
            notice = _notice(package.manifest.gate)
            decision = self._decision(Action.PROMOTE, package.label, because, who)
            self._decide(state, decision.model_copy(update={"replaced": serving, "notice": notice}))
        return self.show(package.label)

    def rollback(self, *, because: str, who: str, serving: str | None = None) -> ShelvedPackage:
        """Go back to the package that served before.

        Parameters
        ----------
        serving
            The label that the person believes to serve: two who answer one alarm then go back once, not twice.

        Raises
        ------
        Conflict
            If nothing served before, another package serves than the person believes, or no reason is given.
        PackageDamaged, PackageTooNew
            If the one before cannot be used any more; the serving one goes on.
        """
        with self._shelf.locked():
            state = self._shelf.state()
            standing = self._standing(state)
            if serving is not None and serving != standing.serving:
                raise Conflict(
                    f"{serving} does not serve, {standing.serving or 'nothing'} does: somebody decided meanwhile; see "
                    "`lingula models history`"
                )
            if standing.before is None:
                raise Conflict("nothing served before; promote another package instead")
            self._verified(standing.before)
            self._decide(state, self._decision(Action.ROLLBACK, standing.line[-1], because, who))
        return self.serving()

    def start_shadow(self, name: str, *, because: str, who: str) -> ShelvedPackage:
        """Let a package assess beside the serving one, shown to nobody; its gate is not asked.

        Raises
        ------
        NotFound
            If it is not on the shelf.
        Conflict
            If it serves, another one is in shadow, or no reason is given.
        PackageDamaged, PackageTooNew
            If it cannot be used.
        """
        package = self._verified(name)
        with self._shelf.locked():
            standing = self._standing(self._shelf.state())
            if standing.serving == package.label:
                raise Conflict(f"{package.label} serves: everybody sees what it says")
            if standing.shadow is not None:
                raise Conflict(f"{standing.shadow.package} is in shadow; stop it first, one at a time is compared")
            self._decide(self._kept(package), self._decision(Action.SHADOW, package.label, because, who))
        return self.show(package.label)

    def stop_shadow(self, *, because: str, who: str) -> ShelvedPackage:
        """End the shadow; what it stated stays. Raises `Conflict` if there is none or no reason is given."""
        with self._shelf.locked():
            state = self._shelf.state()
            shadow = self._standing(state).shadow
            if shadow is None:
                raise Conflict("no package is in shadow")
            self._decide(state, self._decision(Action.STOP_SHADOW, shadow.package, because, who))
        return self.show(shadow.package)

    def history(self) -> Sequence[Decision]:
        """Give all decisions, oldest first."""
        return self._shelf.state().decisions

    def mark(self) -> Mark | None:
        """Give what changes with every decision; a running program asks it again and again."""
        return self._shelf.mark()

    @cached_property
    def _shipped(self) -> tuple[Registration, Path] | None:
        """What the program brings along, looked at once: an upgrade starts another program."""
        try:
            package = read_package(self._shipped_path())
        except PackageDamaged:
            return None
        return registration_of(package, None), package.path

    def _standing(self, state: ShelfState) -> Standing:
        return standing_after(state.decisions, self._shipped[0].label if self._shipped else None)

    def _verified(self, name: str) -> ModelPackage:
        package = self.open(self.show(name).label)
        open_session(package.graph, threads=1)
        return package

    def _kept(self, package: ModelPackage) -> ShelfState:
        """Keep a package's file and give the state that names it."""
        for known in self.packages():
            if known.label == package.label and known.sha256 != package.sha256:
                raise Conflict(f"{package.label} is on the shelf with other content; give the new one its own version")
        state = self._shelf.state()
        if state.knows(package.label):
            return state
        self._shelf.keep(package.label, package.path.read_bytes())
        entry = registration_of(package, self._clock())
        return state.model_copy(update={"packages": (*state.packages, entry)})

    def _decision(self, action: Action, label: str, because: str, who: str) -> Decision:
        if not because.strip():
            raise Conflict("say why: whoever reads the history will want to know")
        return Decision(at=self._clock(), action=action, package=label, because=because.strip(), who=who)

    def _decide(self, state: ShelfState, decision: Decision) -> None:
        self._shelf.save(state.model_copy(update={"decisions": (*state.decisions, decision)}))


def _notice(gate: Gate | None) -> str | None:
    """Say what a person should know of a gate before he relies on it."""
    if gate is None:
        return NO_GATE
    if asks_for_little(gate):
        return f"its gate asks for nothing about {', '.join(unasked(gate))}; read its model card"
    return None
