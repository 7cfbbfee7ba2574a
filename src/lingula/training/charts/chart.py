"""What a chart is: two axes, marks in the axes' own units, a legend.

References
----------
Okabe M, Ito K, Color Universal Design, 2008 (the colours); lines differ in their dashes too, so that no figure needs
colour to be read.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Corner = Literal["upper left", "upper right", "lower left", "lower right"]
Points = Sequence[tuple[float, float]]

SERIES = 6
"""How many colours and dashes there are before they repeat."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One side of a chart.

    Parameters
    ----------
    ticks
        Where a number or a name stands, and what; left to right or bottom to top.
    is_logarithmic
        `low` must then be above 0.
    """

    title: str
    low: float = 0.0
    high: float = 1.0
    ticks: tuple[tuple[float, str], ...] = tuple((step / 5, f"{step / 5:g}") for step in range(6))
    is_logarithmic: bool = False

    def share(self, value: float) -> float:
        """Say how far along the axis a value lies, 0 to 1 between its ends."""
        if self.is_logarithmic:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


@dataclass(frozen=True, kw_only=True)
class Line:
    """Straight pieces through points; `series` gives colour and dashes, None the thin dashed line of a comparison."""

    points: Points
    series: int | None = None
    name: str | None = None
    is_thin: bool = False


@dataclass(frozen=True, kw_only=True)
class Band:
    """The area between two curves over the same places, as ``(place, low, high)``: an interval."""

    edges: Sequence[tuple[float, float, float]]
    series: int


@dataclass(frozen=True, kw_only=True)
class Dots:
    """Single points, larger where the eye must find them."""

    points: Points
    series: int | None = None
    radius: float = 3.5


@dataclass(frozen=True, kw_only=True)
class Bars:
    """Rectangles as ``(left, right, bottom, top)``."""

    boxes: Sequence[tuple[float, float, float, float]]
    series: int
    name: str | None = None


@dataclass(frozen=True, kw_only=True)
class Words:
    """A few words at a place in the chart."""

    x: float
    y: float
    words: str
    anchor: Literal["start", "middle", "end"] = "start"


Mark = Line | Band | Dots | Bars | Words


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A figure before it is drawn; a notebook shows it as it is.

    Parameters
    ----------
    legend
        The corner in which the names of lines and bars are listed; None lists none.
    width, height
        In units of 1/96 inch: 336 is one column of a journal, 3.5 inches.
    left
        Room for the names on the upright axis.
    """

    title: str
    x: Axis
    y: Axis
    marks: tuple[Mark, ...]
    legend: Corner | None = None
    width: int = 336
    height: int = 310
    left: int = 58

    def _repr_svg_(self) -> str:
        from lingula.training.charts.svg import to_svg

        return to_svg(self)


def ticks_between(low: float, high: float, *, most: int = 6) -> tuple[tuple[float, str], ...]:
    """Choose round numbers for an axis.

    >>> [name for _, name in ticks_between(0, 47)]
    ['0', '10', '20', '30', '40']
    """
    rough = (high - low) / most
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple((number * step, f"{number * step:.10g}") for number in range(first, last + 1))
