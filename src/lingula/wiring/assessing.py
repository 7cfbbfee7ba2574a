"""What only a process that assesses has: the model, its workers, and whoever follows the shelf and mends the queue."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lingula.errors import NotFound, PackageError
from lingula.modelpackage.archive import ModelPackage
from lingula.registry import Registry
from lingula.settings import Settings
from lingula.triage.assess import Assessor
from lingula.triage.events import Clock
from lingula.triage.infer import Engine, Model
from lingula.triage.serving import Serving
from lingula.triage.shadow import Shadow
from lingula.triage.upkeep import Upkeep
from lingula.triage.worker import Worker
from lingula.wiring.crew import Crew, Round
from lingula.wiring.hub import EventHub
from lingula.wiring.parts import is_alone
from lingula.wiring.places import Places
from lingula.wiring.takeup import EVERY_SECONDS, TakeUp

_SHADOW_EVERY_SECONDS = 0.5  # between two looks for what a candidate has not seen
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Assessing:
    """The model that serves, and what keeps it the one that people decided on."""

    serving: Serving
    take_up: TakeUp


def load_assessing(settings: Settings, places: Places, registry: Registry, clock: Clock) -> Assessing:
    """Load the model package that serves, warm, or the one that a rollback would go back to if it cannot be loaded.

    Raises
    ------
    NotFound, PackageDamaged, PackageTooNew
        If the package that a setting names cannot be used, or none that was promoted.
    """

    def load(package: ModelPackage) -> Model:
        return Model(package, engine=Engine(settings.engine), threads=1, largest_batch=settings.batch_size)

    serving = Serving(_first_model(registry, settings.package, load))
    shadow = Shadow(store=places.store, records=places.records, shadows=places.shadows, queue=places.queue, clock=clock)
    take_up = TakeUp(
        registry=registry, serving=serving, shadow=shadow, load=load, is_pinned=settings.package is not None
    )
    return Assessing(serving=serving, take_up=take_up)


def _first_model(registry: Registry, name: str | None, load: Callable[[ModelPackage], Model]) -> Model:
    """Load what a setting names, or what people promoted; a server that starts at night follows the shelf's way back.

    A package that somebody rolled back from is never on that way: nobody trusts it any more.
    """
    try:
        return load(registry.open(name))
    except PackageError as error:
        if name is not None:
            raise
        for label in registry.ways_back():
            try:
                model = load(registry.open(label))
            except (NotFound, PackageError) as worse:
                _log.error("%s cannot be loaded either: %s", label, worse, extra={"action": "take_up_failed"})
                continue
            _log.error(
                "the promoted package cannot be loaded, %s assesses in its place until it is mended or rolled back: %s",
                label,
                error,
                extra={"action": "package_replaced", "package": label},
            )
            return model
        raise


def make_crew(
    settings: Settings, places: Places, assessing: Assessing, upkeep: Upkeep, hub: EventHub, clock: Clock
) -> Crew:
    """Make the threads of a process that assesses; none runs yet."""
    assessor = Assessor(
        store=places.store,
        records=places.records,
        queue=places.queue,
        serving=assessing.serving,
        notify=hub.notify,
        clock=clock,
        most_attempts=settings.attempts,
        hand_over=hub.hand_over,
    )
    worker = Worker(
        queue=places.queue,
        assessor=assessor,
        batch_size=settings.batch_size,
        retry_delay_seconds=settings.retry_delay_seconds,
    )
    workers = [worker] * settings.workers  # a worker holds no state, so one may run in many threads
    return Crew(workers, _rounds(settings, assessing.take_up, upkeep))


def _rounds(settings: Settings, take_up: TakeUp, upkeep: Upkeep) -> Sequence[Round]:
    look = looking_after(upkeep, is_forgetful=is_alone(settings))
    return [
        Round(name="upkeep", work=look, every_seconds=settings.upkeep_every_seconds),
        Round(name="take-up", work=take_up.run_once, every_seconds=EVERY_SECONDS),
        Round(name="shadow", work=take_up.shadow.run_once, every_seconds=_SHADOW_EVERY_SECONDS),
    ]


def looking_after(upkeep: Upkeep, *, is_forgetful: bool) -> Callable[[], None]:
    """Give what one look of upkeep does: mend what was left behind first, then look for what was lost.

    Parameters
    ----------
    is_forgetful
        Whether the queue forgets its notes when the program ends, so that all are written again at the first look. One
        that keeps them needs that not: every program that starts would write all notes once more.
    """
    is_whole = not is_forgetful

    def look() -> None:
        nonlocal is_whole
        if not is_whole:
            upkeep.rebuild_queue()
            is_whole = True
        upkeep.run_once()

    return look
