"""All parts of a running Lingula, put together once."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from lingula.log import log_event
from lingula.modelpackage.archive import ModelPackage
from lingula.monitoring.health import Check, Health
from lingula.monitoring.metrics import Metrics
from lingula.queues.queue import WorkQueue
from lingula.radiology.study import Priority
from lingula.records.accounts import Accounts
from lingula.records.records import Records
from lingula.registry import Registry
from lingula.settings import Settings
from lingula.stores.store import ObjectStore
from lingula.triage.events import Clock
from lingula.triage.receive import Receiver
from lingula.triage.review import Reviews
from lingula.triage.serving import Serving
from lingula.triage.shadow import Shadow
from lingula.triage.upkeep import Upkeep
from lingula.triage.worklist import Worklist
from lingula.wiring.assessing import Assessing, load_assessing, make_crew
from lingula.wiring.crew import Crew
from lingula.wiring.follower import Elsewhere
from lingula.wiring.gauges import watch_doors, watch_packages, watch_parts, watch_places
from lingula.wiring.hub import EventHub
from lingula.wiring.parts import ALL, Part, is_alone, must_be_shared
from lingula.wiring.places import Places, open_places
from lingula.wiring.shown import ShownPackage
from lingula.wiring.takeup import TakeUp


@dataclass(frozen=True, kw_only=True)
class System:
    """Everything a door needs; `build_system` makes it, the door that runs the program starts and stops it.

    >>> system = build_system(load_settings())  # doctest: +SKIP
    >>> system.start()  # doctest: +SKIP
    >>> system.receiver.receive(data, site=SiteName("north"), door="http")  # doctest: +SKIP
    >>> system.stop()  # doctest: +SKIP

    Parameters
    ----------
    assessing
        The model and what belongs to it; None in a process without the part `work`.
    shown
        Gives the package that assesses, whether here or elsewhere.
    """

    settings: Settings
    clock: Clock
    parts: frozenset[Part]
    store: ObjectStore
    queue: WorkQueue
    records: Records
    accounts: Accounts
    assessing: Assessing | None
    shown: Callable[[], ModelPackage]
    receiver: Receiver
    worklist: Worklist
    reviews: Reviews
    upkeep: Upkeep
    hub: EventHub
    metrics: Metrics
    health: Health
    crew: Crew
    doors: dict[str, Check] = field(default_factory=dict)

    @property
    def package(self) -> ModelPackage:
        """The model package that assesses, here or in the processes that work."""
        return self.shown()

    @property
    def serving(self) -> Serving:
        """The model that assesses in this process, which must have the part `work`."""
        return self._assessing.serving

    @property
    def take_up(self) -> TakeUp:
        """Who follows the shelf in this process, which must have the part `work`."""
        return self._assessing.take_up

    @property
    def shadow(self) -> Shadow:
        """Where a candidate assesses unseen."""
        return self.take_up.shadow

    @property
    def _assessing(self) -> Assessing:
        if self.assessing is None:
            raise TypeError(f"a process that does {', '.join(sorted(self.parts))} has no model")
        return self.assessing

    def watch_door(self, name: str, check: Check) -> None:
        """Let health and metrics know a door that stands open by itself, by its name."""
        self.doors[name] = check
        self.health.add(name, check)

    def start(self) -> None:
        """Begin to fan out events, to assess, and to look after what was left behind."""
        self.hub.start()
        self.crew.start()

    def stop(self) -> None:
        """Finish what is under way, write what is pending, let go of the places; stopping twice does no harm."""
        self.crew.stop()
        self.hub.stop()
        self.queue.close()
        self.store.close()
        self.records.close()


def build_system(settings: Settings, clock: Clock = lambda: datetime.now(UTC), parts: Collection[Part] = ALL) -> System:
    """Put a system together; nothing runs until it is started.

    Parameters
    ----------
    clock
        Gives the time, aware and in UTC; injected for tests.
    parts
        What this process does; only one that works loads a model.

    Raises
    ------
    SettingsError, BackendUnavailable
        If a place cannot be opened, or cannot be shared with the processes that do the other parts.
    NotFound, PackageDamaged, PackageTooNew
        If the model package cannot be used.
    """
    must_be_shared(settings, parts)
    registry = Registry(settings.registry, clock=clock)
    places = open_places(settings, reads_again={Part.RECEIVE, Part.WORK} <= set(parts))
    metrics = Metrics()
    elsewhere = None if is_alone(settings) else Elsewhere.of(places.records)
    hub = EventHub(places.records.add_timeline, [metrics.count, log_event], elsewhere)
    receiver = _receiver(settings, places, hub, clock)
    upkeep = _upkeep(settings, places, receiver, clock)
    assessing = load_assessing(settings, places, registry, clock) if Part.WORK in parts else None
    crew = make_crew(settings, places, assessing, upkeep, hub, clock) if assessing else Crew()
    system = System(
        settings=settings,
        clock=clock,
        parts=frozenset(parts),
        store=places.store,
        queue=places.queue,
        records=places.records,
        accounts=places.accounts,
        assessing=assessing,
        shown=_shown(registry, settings, assessing),
        receiver=receiver,
        worklist=Worklist(records=places.records, clock=clock, caps=_caps(settings)),
        reviews=Reviews(records=places.records, notify=hub.notify, clock=clock, claim_minutes=settings.claim_minutes),
        upkeep=upkeep,
        hub=hub,
        metrics=metrics,
        health=_health(places, assessing, crew),
        crew=crew,
    )
    _watch(system, places)
    return system


def _receiver(settings: Settings, places: Places, hub: EventHub, clock: Clock) -> Receiver:
    return Receiver(
        store=places.store,
        records=places.records,
        queue=places.queue,
        notify=hub.notify,
        clock=clock,
        limit_bytes=settings.upload_limit_bytes,
    )


def _upkeep(settings: Settings, places: Places, receiver: Receiver, clock: Clock) -> Upkeep:
    return Upkeep(
        records=places.records,
        queue=places.queue,
        store=places.store,
        receiver=receiver,
        clock=clock,
        unassessed_after_seconds=settings.note_again_seconds,
    )


def _shown(registry: Registry, settings: Settings, assessing: Assessing | None) -> Callable[[], ModelPackage]:
    if assessing is None:
        return ShownPackage(registry, settings.package)
    return lambda: assessing.serving.model.package


def _watch(system: System, places: Places) -> None:
    """Let the metrics look up what waits, which parts this process has, and what belongs to each."""
    watch_places(system.metrics, places, system.clock)
    watch_parts(system.metrics, system.parts)
    if system.assessing is not None:
        watch_packages(system.metrics, system.assessing.take_up)
    if Part.RECEIVE in system.parts:
        watch_doors(system.metrics, system.doors)


def _caps(settings: Settings) -> dict[Priority, timedelta]:
    return {
        Priority.URGENT: timedelta(minutes=settings.cap_urgent_minutes),
        Priority.ROUTINE: timedelta(minutes=settings.cap_routine_minutes),
    }


def _health(places: Places, assessing: Assessing | None, crew: Crew) -> Health:
    """Ask what this process cannot do its part without; receiving and showing go on while the queue is down."""
    checks: dict[str, Check] = {"store": places.store.check}
    if assessing is not None:
        checks["queue"] = places.queue.check
    checks["records"] = places.records.check
    if assessing is not None:
        checks |= {"model": assessing.serving.check, "threads": crew.check}
    return Health(checks)
