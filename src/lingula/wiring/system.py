"""All parts of a running Lingula, put together once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lingula.log import log_event
from lingula.modelpackage.archive import ModelPackage
from lingula.monitoring.health import Health
from lingula.monitoring.metrics import Metrics
from lingula.queues.queue import WorkQueue
from lingula.radiology.study import Priority
from lingula.records.accounts import Accounts
from lingula.records.records import Records
from lingula.registry import Registry
from lingula.settings import Settings
from lingula.stores.store import ObjectStore
from lingula.triage.assess import Assessor
from lingula.triage.events import Clock
from lingula.triage.infer import Engine, Model
from lingula.triage.receive import Receiver
from lingula.triage.review import Reviews
from lingula.triage.serving import Serving
from lingula.triage.shadow import Shadow
from lingula.triage.upkeep import Upkeep
from lingula.triage.worker import Worker
from lingula.triage.worklist import Worklist
from lingula.wiring.crew import Crew, Round
from lingula.wiring.gauges import watch
from lingula.wiring.hub import EventHub
from lingula.wiring.places import Places, open_places
from lingula.wiring.takeup import EVERY_SECONDS, TakeUp

_SHADOW_EVERY_SECONDS = 0.5  # between two looks for what a candidate has not seen


@dataclass(frozen=True, kw_only=True)
class System:
    """Everything a door needs; `build_system` makes it, the door that runs the program starts and stops it.

    >>> system = build_system(load_settings())  # doctest: +SKIP
    >>> system.start()  # doctest: +SKIP
    >>> system.receiver.receive(data, site=SiteName("north"), door="http")  # doctest: +SKIP
    >>> system.stop()  # doctest: +SKIP
    """

    settings: Settings
    clock: Clock
    store: ObjectStore
    queue: WorkQueue
    records: Records
    accounts: Accounts
    serving: Serving
    take_up: TakeUp
    receiver: Receiver
    worklist: Worklist
    reviews: Reviews
    upkeep: Upkeep
    hub: EventHub
    metrics: Metrics
    health: Health
    crew: Crew

    @property
    def package(self) -> ModelPackage:
        """The model package that assesses."""
        return self.serving.model.package

    @property
    def shadow(self) -> Shadow:
        """Where a candidate assesses unseen."""
        return self.take_up.shadow

    def start(self) -> None:
        """Begin to fan out events, to assess, and to look after what was left behind."""
        self.hub.start()
        self.crew.start()

    def stop(self) -> None:
        """Finish what is under way, write what is pending, let go of the places; stopping twice does no harm."""
        self.crew.stop()
        self.hub.stop()
        self.records.close()


def build_system(settings: Settings, clock: Clock = lambda: datetime.now(UTC)) -> System:
    """Put a system together; nothing runs until it is started.

    Parameters
    ----------
    clock
        Gives the time, aware and in UTC; injected for tests.

    Raises
    ------
    SettingsError, BackendUnavailable
        If a place cannot be opened.
    NotFound, PackageDamaged, PackageTooNew
        If the model package cannot be used.
    """
    registry = Registry(settings.registry, clock=clock)
    serving = Serving(_load(registry.open(settings.package), settings))
    places = open_places(settings)
    metrics = Metrics()
    hub = EventHub(places.records.add_timeline, [metrics.count, log_event])
    receiver = Receiver(
        store=places.store,
        records=places.records,
        queue=places.queue,
        notify=hub.notify,
        clock=clock,
        limit_bytes=settings.upload_limit_bytes,
    )
    upkeep = Upkeep(records=places.records, queue=places.queue, store=places.store, receiver=receiver, clock=clock)
    take_up = _take_up(settings, places, registry, serving, clock)
    workers = _workers(settings, places, serving, hub, clock)
    crew = Crew(workers, upkeep, settings.upkeep_every_seconds, _rounds(take_up))
    watch(metrics, places, take_up, clock)
    return System(
        settings=settings,
        clock=clock,
        store=places.store,
        queue=places.queue,
        records=places.records,
        accounts=places.accounts,
        serving=serving,
        take_up=take_up,
        receiver=receiver,
        worklist=Worklist(records=places.records, clock=clock, caps=_caps(settings)),
        reviews=Reviews(records=places.records, notify=hub.notify, clock=clock, claim_minutes=settings.claim_minutes),
        upkeep=upkeep,
        hub=hub,
        metrics=metrics,
        health=_health(places, serving, crew),
        crew=crew,
    )


def _load(package: ModelPackage, settings: Settings) -> Model:
    return Model(package, engine=Engine(settings.engine), threads=1, largest_batch=settings.batch_size)


def _take_up(settings: Settings, places: Places, registry: Registry, serving: Serving, clock: Clock) -> TakeUp:
    return TakeUp(
        registry=registry,
        serving=serving,
        shadow=Shadow(
            store=places.store, records=places.records, shadows=places.shadows, queue=places.queue, clock=clock
        ),
        load=lambda package: _load(package, settings),
        is_pinned=settings.package is not None,
    )


def _workers(settings: Settings, places: Places, serving: Serving, hub: EventHub, clock: Clock) -> Sequence[Worker]:
    assessor = Assessor(
        store=places.store,
        records=places.records,
        queue=places.queue,
        serving=serving,
        notify=hub.notify,
        clock=clock,
        most_attempts=settings.attempts,
    )
    worker = Worker(
        queue=places.queue,
        assessor=assessor,
        batch_size=settings.batch_size,
        retry_delay_seconds=settings.retry_delay_seconds,
    )
    return [worker] * settings.workers  # a worker holds no state, so one may run in many threads


def _rounds(take_up: TakeUp) -> Sequence[Round]:
    return [
        Round(name="take-up", work=take_up.run_once, every_seconds=EVERY_SECONDS),
        Round(name="shadow", work=take_up.shadow.run_once, every_seconds=_SHADOW_EVERY_SECONDS),
    ]


def _caps(settings: Settings) -> dict[Priority, timedelta]:
    return {
        Priority.URGENT: timedelta(minutes=settings.cap_urgent_minutes),
        Priority.ROUTINE: timedelta(minutes=settings.cap_routine_minutes),
    }


def _health(places: Places, serving: Serving, crew: Crew) -> Health:
    return Health(
        {
            "store": places.store.check,
            "queue": places.queue.check,
            "records": places.records.check,
            "model": serving.check,
            "threads": crew.check,
        }
    )
