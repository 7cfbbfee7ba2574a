"""A bucket door that tests drive by hand, look by look, on a clock that stands still."""

from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from lingula.doors.bucket import BucketDoor
from lingula.radiology.identifiers import SiteName
from lingula.records.accounts import Binding, BindingKind
from lingula.settings import FlagValue
from lingula.wiring import System
from made.hospital import made_system
from made.triage import NORTH


@dataclass
class Stand:
    """A door that is driven by hand, look by look, on a clock that stands still."""

    system: System
    door: BucketDoor
    now: list[float] = field(default_factory=lambda: [0.0])
    stop: Event = field(default_factory=Event)

    def bind(self, kind: BindingKind, value: str, site: SiteName = NORTH) -> None:
        self.system.accounts.add_binding(Binding(kind=kind, value=value, site=site))

    def look_into_folders(self, *, after_seconds: float = 5.0) -> None:
        self.now[0] += after_seconds
        self.door.folders.look(self.stop)

    def look_into_buckets(self, *, after_seconds: float = 601.0) -> None:
        self.now[0] += after_seconds
        self.door.buckets.look(self.stop)

    def counts(self) -> dict[tuple[str, ...], float]:
        return dict(self.door.arrivals.counts())

    def arrived(self) -> int:
        """Count what is recorded."""
        return self.system.records.summary(None).unreviewed


def made_stand(package: Path, home: Path, **settings: FlagValue) -> Stand:
    """Build a door that nobody opens."""
    system, _ = made_system(package, home, **settings)
    now = [0.0]
    return Stand(system, BucketDoor(system, timer=lambda: now[0]), now)
