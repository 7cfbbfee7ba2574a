"""Numbers that are looked up when the metrics are asked for: what waits, and which packages are at work."""

from collections.abc import Callable, Collection, Mapping, Sequence

from lingula.errors import LingulaError
from lingula.monitoring.metrics import Metrics
from lingula.radiology.study import Priority
from lingula.triage.events import Clock
from lingula.wiring.parts import Part
from lingula.wiring.places import Places
from lingula.wiring.takeup import TakeUp


def watch_places(metrics: Metrics, places: Places, clock: Clock) -> None:
    """Show what waits, looked up when the metrics are asked for."""

    def oldest_wait() -> Sequence[tuple[tuple[str, ...], float]]:
        oldest = places.records.summary(None).oldest_unassessed_at
        return [((), (clock() - oldest).total_seconds() if oldest else 0.0)]

    def unreviewed() -> Sequence[tuple[tuple[str, ...], float]]:
        counts = places.records.summary(None).by_priority
        return [((priority.value,), float(counts.get(priority, 0))) for priority in Priority]

    metrics.watch("lingula_queue_depth", "Notes waiting for a worker.", (), lambda: [((), float(places.queue.depth()))])
    metrics.watch("lingula_oldest_unassessed_seconds", "Wait of the oldest unassessed instance.", (), oldest_wait)
    metrics.watch("lingula_unreviewed_studies", "Studies not yet reviewed.", ("priority",), unreviewed)
    metrics.watch(
        "lingula_parked_instances",
        "Instances that failed after all attempts.",
        (),
        lambda: [((), float(places.records.summary(None).parked))],
    )


def watch_packages(metrics: Metrics, take_up: TakeUp) -> None:
    """Show which package serves, which one is in shadow, and whether either lags behind what was decided."""

    def package() -> Sequence[tuple[tuple[str, ...], float]]:
        found = take_up.serving.model.package
        return [((found.label, found.sha256), 1.0)]

    def statements() -> Sequence[tuple[tuple[str, ...], float]]:
        return [(labels, float(number)) for labels, number in sorted(take_up.shadow.counts.items())]

    def behind() -> Sequence[tuple[tuple[str, ...], float]]:
        return [(("serving",), float(take_up.is_behind)), (("shadow",), float(take_up.is_shadow_behind))]

    metrics.watch("lingula_package", "The package that assesses.", ("package", "sha256"), package)
    metrics.watch("lingula_package_is_behind", "1: a decided package could not be taken up.", ("stage",), behind)
    metrics.watch("lingula_shadow_statements", "Made in shadow by this process.", ("package", "status"), statements)


def watch_parts(metrics: Metrics, parts: Collection[Part]) -> None:
    """Show what this process does."""
    numbers = [((part.value,), float(part in parts)) for part in Part]
    metrics.watch("lingula_part", "1: this process does it.", ("part",), lambda: numbers)


def watch_doors(metrics: Metrics, doors: Mapping[str, Callable[[], None]]) -> None:
    """Show which doors beside HTTP stand open; those added to `doors` later are shown from then on.

    Parameters
    ----------
    doors
        By the door's name: returns if it is open, raises if it has ended.
    """

    def standing() -> Sequence[tuple[tuple[str, ...], float]]:
        return [((name,), float(_is_well(check))) for name, check in sorted(dict(doors).items())]

    metrics.watch("lingula_door_open", "1: the door lets radiographs in.", ("door",), standing)


def _is_well(check: Callable[[], None]) -> bool:
    try:
        check()
    except LingulaError:
        return False
    return True
