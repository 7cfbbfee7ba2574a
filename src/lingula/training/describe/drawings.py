"""The figures of a description: clues side by side, and how each property is spread in both labels."""

from collections.abc import Sequence
from itertools import pairwise

from lingula.training.charts import Axis, Bars, Chart, Dots, Line, Mark, Words, ticks_between
from lingula.training.describe.result import Clue, Shows, Spread

_SERIES = {Shows.NO_PIXELS: 3, Shows.NO_LUNGS: 1, Shows.NO_SHAPES: 2, Shows.EVERYTHING: 4, Shows.LUNGS: 0}
_LOWEST = 0.4
_ROW = 22  # units of height
_HEADROOM = 1.4  # above the highest bin, so that the legend hides nothing


def draw_clues(clues: Sequence[Clue]) -> Chart:
    """Draw the AUROC of each clue with its interval, the first on top; the dashed line is chance."""
    shown = [clue for clue in clues if clue.auroc is not None]
    count = len(shown)
    marks: list[Mark] = []
    for row, clue in enumerate(shown):
        if clue.auroc is None:
            continue
        middle = count - row - 0.5
        low, high = max(_LOWEST, clue.auroc.low), max(_LOWEST, clue.auroc.high)
        marks.append(
            Bars(
                boxes=[(_LOWEST, max(_LOWEST, clue.auroc.value), middle - 0.32, middle + 0.32)],
                series=_SERIES[clue.shows],
            )
        )
        marks.append(Line(points=[(low, middle), (high, middle)], is_thin=True))
        marks.append(Dots(points=[(max(_LOWEST, clue.auroc.value), middle)], radius=2.2))
        marks.append(Words(x=1.012, y=middle, words=f"{clue.auroc.value:.3f}"))
    marks.append(Line(points=[(0.5, 0), (0.5, count)]))
    names = tuple((count - row - 0.5, clue.name) for row, clue in enumerate(shown))
    ticks = tuple((step / 10, f"{step / 10:g}") for step in range(4, 11))
    return Chart(
        title="What tells the label, to a linear reader",
        x=Axis(title="AUROC on held-out patients", low=_LOWEST, high=1.13, ticks=ticks),
        y=Axis(title="", low=0, high=max(1, count), ticks=names),
        marks=tuple(marks),
        width=480,
        height=84 + _ROW * max(1, count),
        left=168,
    )


def draw_spread(spread: Spread) -> Chart:
    """Draw a property's histogram in both labels as outlines, so that both can be seen."""
    highest = max(max(shares) for shares in spread.shares.values())
    marks = tuple(
        Line(points=_outline(spread.edges, shares), series=series, name=name)
        for series, (name, shares) in enumerate(spread.shares.items())
    )
    low, high = spread.edges[0], spread.edges[-1]
    ticks = tuple((share, f"{share:.0%}") for share, _ in ticks_between(0, highest * _HEADROOM, most=5))
    return Chart(
        title=spread.name[0].upper() + spread.name[1:],
        x=Axis(title=spread.unit, low=low, high=high, ticks=ticks_between(low, high, most=6)),
        y=Axis(title="share of the label's radiographs", low=0, high=highest * _HEADROOM, ticks=ticks),
        marks=marks,
        legend="upper right",
        height=250,
    )


def _outline(edges: Sequence[float], shares: Sequence[float]) -> list[tuple[float, float]]:
    corners = [(edges[0], 0.0)]
    for (left, right), share in zip(pairwise(edges), shares, strict=True):
        corners += [(left, share), (right, share)]
    return [*corners, (edges[-1], 0.0)]
