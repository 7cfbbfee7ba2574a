"""What probes found: ranking under every change of the radiographs, and heat maps while weights are shuffled."""

import math
from collections.abc import Iterator, Sequence

from lingula.training.charts import Axis, Chart, Dots, Line, Mark, ticks_between
from lingula.training.probes import RandomisationProbe, Stressed, StressProbe

_ROW = 19  # height of a name on the upright axis
_AROUND = 80  # height of title and lower axis


def draw_stress(probe: StressProbe) -> Chart:
    """Draw AUROC with its interval under every stress; the dashed line is the same radiographs unchanged."""
    entries = [probe.unchanged, *probe.stressed]
    lowest = min((entry.auroc.low for entry in entries if entry.auroc is not None), default=0.5)
    low = min(0.95, math.floor(lowest * 50) / 50)
    names = tuple((float(-place), entry.name) for place, entry in enumerate(entries))
    return Chart(
        title=f"Ranking under stress, {len(probe.stressed)} changes",
        x=Axis(title="AUROC", low=low, high=1.0, ticks=ticks_between(low, 1.0, most=5)),
        y=Axis(title="", low=-len(entries) + 0.4, high=0.6, ticks=names[::-1]),
        marks=tuple(_intervals(entries)),
        width=480,
        height=_AROUND + _ROW * len(entries),
        left=128,
    )


def _intervals(entries: Sequence[Stressed]) -> Iterator[Mark]:
    first = entries[0].auroc
    if first is not None:
        yield Line(points=((first.value, 0.6), (first.value, -len(entries) + 0.4)))
    for place, entry in enumerate(entries):
        if entry.auroc is not None:
            yield Line(points=((entry.auroc.low, -place), (entry.auroc.high, -place)), series=0, is_thin=True)
            yield Dots(points=((entry.auroc.value, -place),), series=0 if place else 1)


def draw_randomisation(probe: RandomisationProbe) -> Chart:
    """Draw how like themselves the heat maps stay while layers are shuffled from the output inwards."""
    start = (0.0, 1.0)
    ranks = [start, *((float(step.layers), step.rank_correlation) for step in probe.steps)]
    similar = [start, *((float(step.layers), step.similarity) for step in probe.steps)]
    low = min(0.0, math.floor(min(value for _, value in ranks + similar) * 5) / 5)
    return Chart(
        title="Heat maps while weights are shuffled",
        x=Axis(title="layers shuffled, from the output", high=probe.layers, ticks=ticks_between(0, probe.layers)),
        y=Axis(title="likeness to the true map", low=low, ticks=ticks_between(low, 1.0)),
        marks=(
            Line(points=((0, 0), (probe.layers, 0))),
            Line(points=ranks, series=0, name="rank correlation"),
            Line(points=similar, series=1, name="structural similarity"),
        ),
        legend="upper right",
    )
