"""The triage half put together on memory:// places, with a clock that tests move and places that tests take down."""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import numpy as np

from lingula.errors import BackendUnavailable
from lingula.modelpackage.archive import read_package
from lingula.queues.memory import MemoryQueue
from lingula.queues.queue import Note, WorkQueue
from lingula.radiology.identifiers import InstanceId, SiteName
from lingula.radiology.radiograph import Pixels
from lingula.records.accounts import Role, User
from lingula.records.records import Assessment, NewInstance, Records, StoredInstance
from lingula.records.shadows import Shadows
from lingula.records.sql_records import SqlRecords
from lingula.records.sql_shadows import SqlShadows
from lingula.records.sqlite import SqliteTransactions
from lingula.stores.store import ObjectStore, open_store
from lingula.triage.assess import Assessor
from lingula.triage.events import Event
from lingula.triage.infer import Model
from lingula.triage.receive import Receiver
from lingula.triage.review import Reviews
from lingula.triage.serving import Serving
from lingula.triage.shadow import Shadow
from lingula.triage.upkeep import Upkeep
from lingula.triage.worker import Worker
from lingula.triage.worklist import Worklist
from made.packages import RULE_IN, RULE_OUT, made_package
from made.pictures import as_jpeg

NORTH, SOUTH = SiteName("north"), SiteName("south")
START = datetime(2026, 3, 1, 8, tzinfo=UTC)
LIKELY, UNSURE, UNLIKELY = 0.62, 0.5, 0.35  # mean grey levels, 0-1, that the made package bands so


def made_chest(brightness: float = LIKELY, *, rows: int = 480, columns: int = 560, seed: int = 1) -> Pixels:
    """Draw a bright middle between dark edges with a little noise; the made package finds it not novel."""
    across = np.abs(np.linspace(-1.0, 1.0, columns))
    noise = np.random.default_rng(seed).normal(0.0, 0.02, (rows, columns))
    return (np.clip(brightness + 0.25 * (1.0 - 2.0 * across) + noise, 0.0, 1.0) * 255).round().astype(np.uint8)


def made_jpeg(brightness: float = LIKELY, *, seed: int = 1) -> bytes:
    """Give a made chest as a JPEG file."""
    return as_jpeg(made_chest(brightness, seed=seed))


class MovableClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        return self.now.timestamp()

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class Outage:
    """What is down at the moment, by the name of the method that raises."""

    of: set[str] = field(default_factory=set)
    on_check: Callable[[str], None] | None = None  # what else happens at a call

    def check(self, name: str) -> None:
        if self.on_check is not None:
            self.on_check(name)
        if name in self.of:
            raise BackendUnavailable(f"{name} does not answer")


@dataclass
class FaultyStore:
    """A store whose methods a test can take down, and whose `get` it can let stumble."""

    store: ObjectStore
    outage: Outage
    on_get: Callable[[str], None] = lambda _key: None
    looks: list[str] = field(default_factory=list)  # the prefixes asked for

    def put(self, key: str, data: bytes) -> None:
        self.outage.check("store.put")
        self.store.put(key, data)

    def get(self, key: str) -> bytes:
        self.outage.check("store.get")
        self.on_get(key)
        return self.store.get(key)

    def delete(self, key: str) -> None:
        self.outage.check("store.delete")
        self.store.delete(key)

    def keys(self, prefix: str) -> Iterator[str]:
        self.looks.append(prefix)
        return self.store.keys(prefix)

    def check(self) -> None:
        self.store.check()

    def close(self) -> None:
        self.store.close()


@dataclass
class FaultyQueue:
    """A queue whose methods a test can take down."""

    queue: WorkQueue
    outage: Outage

    def put(self, instance: InstanceId) -> None:
        self.outage.check("queue.put")
        self.queue.put(instance)

    def take(self, at_most: int, wait_seconds: float) -> Sequence[Note]:
        self.outage.check("queue.take")
        return self.queue.take(at_most, wait_seconds)

    def done(self, *notes: Note) -> None:
        self.outage.check("queue.done")
        self.queue.done(*notes)

    def give_back(self, note: Note, delay_seconds: float) -> None:
        self.queue.give_back(note, delay_seconds)

    def depth(self) -> int:
        return self.queue.depth()

    def check(self) -> None:
        self.queue.check()

    def close(self) -> None:
        self.queue.close()


class FaultyRecords(SqlRecords):
    """Records in memory whose writing a test can take down."""

    def __init__(self, outage: Outage, transactions: SqliteTransactions) -> None:
        super().__init__(transactions)
        self.outage = outage

    def add_instance(self, new: NewInstance) -> bool:
        self.outage.check("records.add_instance")
        return super().add_instance(new)

    def save_assessments(self, assessments: Sequence[Assessment]) -> Collection[InstanceId]:
        self.outage.check("records.save_assessments")
        return super().save_assessments(assessments)

    def forgive_attempts(self, instances: Sequence[InstanceId]) -> None:
        self.outage.check("records.forgive_attempts")
        super().forgive_attempts(instances)


@dataclass
class MadeTriage:
    """Everything an X-ray meets; `events` is what happened, in order."""

    clock: MovableClock
    outage: Outage
    store: FaultyStore
    queue: FaultyQueue
    records: Records
    events: list[Event]
    receiver: Receiver
    assessor: Assessor
    worker: Worker
    upkeep: Upkeep
    worklist: Worklist
    reviews: Reviews
    shadows: Shadows
    shadow: Shadow

    def send(self, data: bytes, site: SiteName = NORTH) -> InstanceId:
        """Receive one file and give its id."""
        return self.receiver.receive(data, site=site, door="http").instance

    def of(self, instance: InstanceId) -> StoredInstance:
        """Give what is recorded of an instance."""
        return self.records.instance(instance)

    def statement(self, instance: InstanceId) -> Assessment:
        """Give an instance's assessment, which must be there."""
        assessment = self.of(instance).assessment
        assert assessment is not None
        return assessment

    def stored_keys(self) -> list[str]:
        """Give all keys in the store."""
        return list(self.store.keys(""))


def made_triage(model: Model, *, is_live: bool = False) -> MadeTriage:
    """Put a triage half together; retries come at once. Threads need `is_live`, a queue whose time passes by itself."""
    clock, outage, events = MovableClock(), Outage(), list[Event]()
    store, queue = (
        FaultyStore(open_store("memory://"), outage),
        FaultyQueue(MemoryQueue(clock=time.monotonic if is_live else clock.seconds), outage),
    )
    transactions = SqliteTransactions(None)
    records, shadows = FaultyRecords(outage, transactions), SqlShadows(transactions)
    numbers = count(1)
    receiver = Receiver(
        store=store,
        records=records,
        queue=queue,
        notify=events.append,
        clock=clock,
        new_token=lambda: f"t{next(numbers)}",
    )
    assessor = Assessor(
        store=store,
        records=records,
        queue=queue,
        serving=Serving(model),
        notify=events.append,
        clock=clock,
        suspect_delay_seconds=0.0,
        timer=clock.seconds,
    )
    return MadeTriage(
        clock=clock,
        outage=outage,
        store=store,
        queue=queue,
        records=records,
        events=events,
        receiver=receiver,
        assessor=assessor,
        worker=Worker(queue=queue, assessor=assessor, retry_delay_seconds=0.0),
        upkeep=Upkeep(records=records, queue=queue, store=store, receiver=receiver, clock=clock),
        worklist=Worklist(records=records, clock=clock),
        reviews=Reviews(records=records, notify=events.append, clock=clock),
        shadows=shadows,
        shadow=Shadow(store=store, records=records, shadows=shadows, queue=queue, clock=clock, timer=clock.seconds),
    )


def made_model(folder: Path, *, version: str = "1.0.0", thresholds: tuple[float, float] = (RULE_OUT, RULE_IN)) -> Model:
    """Load a made package."""
    return Model(read_package(made_package(folder, version=version, thresholds=thresholds)))


def made_doctor(name: str = "mara", sites: Collection[SiteName] | None = None) -> User:
    """Give a doctor with an account."""
    return User(
        name=name,
        display_name=name.title(),
        role=Role.DOCTOR,
        password_hash="",
        sites=None if sites is None else frozenset(sites),
    )
