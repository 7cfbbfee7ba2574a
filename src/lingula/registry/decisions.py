"""What people decided about packages, and what follows from it: pure, so that it can be read and tested on one page.

Decisions are only added. Which package serves, which one is in shadow and which ones are retired is read from them,
oldest first; nothing is kept twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from lingula.modelpackage.manifest import Forebear, Stage


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Action(StrEnum):
    """What a person may decide about a package."""

    PROMOTE = "promote"  # it assesses from now on
    ROLLBACK = "rollback"  # the one that serves is no longer trusted
    SHADOW = "shadow"  # it assesses beside the serving one, shown to nobody
    STOP_SHADOW = "stop shadow"


class Decision(_Kept):
    """A person decided about a package, and why."""

    at: datetime
    action: Action
    package: str  # the label; of a rollback the one no longer trusted
    because: str
    who: str
    replaced: str | None = None  # the label that served before a promotion
    notice: str | None = None  # what the person was told, for example that the package states no gate


class Registration(_Kept):
    """A package came onto the shelf."""

    label: str
    name: str
    version: str
    sha256: str
    registered_at: datetime | None
    begun_from: Forebear | None = None
    teachers: tuple[Forebear, ...] = ()


class ShelfState(_Kept):
    """Everything the shelf knows; format 2 added shadow, notices and lineage, format 1 is read as it is."""

    format_version: Literal[1, 2] = 2
    packages: tuple[Registration, ...] = ()
    decisions: tuple[Decision, ...] = ()

    def knows(self, label: str) -> bool:
        """Tell whether a package was registered."""
        return label in {entry.label for entry in self.packages}


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What follows from the decisions so far.

    Parameters
    ----------
    line
        The packages that were promoted and not rolled back, the serving one last.
    shipped
        The label of the package shipped with the program; it serves when the line is empty.
    shadow
        The decision that put a package in shadow, while it lasts.
    replaced
        By label, what a package took the place of when it was last promoted.
    """

    line: Sequence[str]
    shipped: str | None
    shadow: Decision | None
    served: frozenset[str]
    replaced: Mapping[str, str]

    @property
    def serving(self) -> str | None:
        """The package that assesses."""
        return self.line[-1] if self.line else self.shipped

    @property
    def before(self) -> str | None:
        """The package that a rollback goes back to."""
        if len(self.line) > 1:
            return self.line[-2]
        return self.shipped if self.line else None

    @property
    def ways_back(self) -> Sequence[str]:
        """The packages that one rollback after the other would go back to, each once, the nearest first."""
        shipped = [] if self.shipped is None else [self.shipped]
        earlier = [label for label in reversed([*shipped, *self.line]) if label != self.serving]
        return list(dict.fromkeys(earlier))

    def stage(self, label: str) -> Stage:
        """Say where a package stands."""
        if label == self.serving:
            return Stage.SERVING
        if self.shadow is not None and label == self.shadow.package:
            return Stage.SHADOW
        return Stage.RETIRED if label in self.served else Stage.CANDIDATE


def standing_after(decisions: Sequence[Decision], shipped: str | None) -> Standing:
    """Follow the decisions, oldest first; a shadow ends when it is stopped or when its package serves."""
    line: list[str] = []
    shadow: Decision | None = None
    replaced: dict[str, str] = {}
    for decision in decisions:
        match decision.action:
            case Action.PROMOTE:
                line.append(decision.package)
                if decision.replaced is not None:
                    replaced[decision.package] = decision.replaced
            case Action.ROLLBACK:
                line[-1:] = []
            case Action.SHADOW:
                shadow = decision
            case Action.STOP_SHADOW:
                shadow = None
        serving = line[-1] if line else shipped
        if shadow is not None and shadow.package == serving:
            shadow = None
    served = {decision.package for decision in decisions if decision.action is Action.PROMOTE}
    return Standing(
        line=line,
        shipped=shipped,
        shadow=shadow,
        served=frozenset(served if shipped is None else {*served, shipped}),
        replaced=replaced,
    )
