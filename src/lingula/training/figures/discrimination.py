"""How probabilities tell the labels apart, and whether they hold: ROC, precision and recall, reliability, histogram."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lingula.training.charts import Axis, Band, Bars, Chart, Dots, Line, Mark, Words, ticks_between
from lingula.training.data.labelled import LABEL_NAMES
from lingula.training.statistics.curves import (
    Banded,
    precision_recall_points,
    precision_recall_with_band,
    roc_points,
    roc_with_band,
)
from lingula.training.statistics.intervals import Labels, Scores
from lingula.training.statistics.measures import PointMeasured
from lingula.training.statistics.reliability import ReliabilityBin

_BARS = 20
_HEADROOM = 1.3  # above the highest bar, for the legend
_FAR_RIGHT = 0.7  # of the axis; a name beyond stands to the left of its line
_CORNER = 0.25  # of each side
_MOST_CORNERS = 1000  # of a line; more cannot be seen


@dataclass(frozen=True, kw_only=True)
class Scored:
    """What the curves are drawn from; both labels are there.

    Parameters
    ----------
    patients
        Who is drawn again for the bands; without them a curve has none.
    """

    labels: Labels
    probabilities: Scores
    patients: NDArray[np.str_] | None = None


@dataclass(frozen=True, kw_only=True)
class Named:
    """One of several curves in a figure and its name in the legend."""

    name: str
    scored: Scored


@dataclass(frozen=True, kw_only=True)
class Marker:
    """A point with a name on a curve."""

    x: float
    y: float
    name: str


def draw_roc(scored: Scored | Sequence[Named], markers: Sequence[Marker] = (), says: Sequence[str] = ()) -> Chart:
    """Draw sensitivity over false alarms with bands, the operating points or the names of several curves.

    Operating points inside the corner are left to `draw_roc_corner`; `says` are lines of words in the empty half.
    """
    curves = _curves(scored, roc_points, roc_with_band)
    apart = [marker for marker in markers if not _is_in_corner(marker)]
    return Chart(
        title="ROC curve",
        x=Axis(title="1 - specificity"),
        y=Axis(title="sensitivity"),
        marks=(
            Line(points=((0, 0), (1, 1))),
            *curves,
            *_markers(apart, (0.52, 0.5)),
            *_lines_of_words(says, x=0.98, anchor="end"),
        ),
        legend="lower right",
    )


def draw_roc_corner(scored: Scored | Sequence[Named], markers: Sequence[Marker] = ()) -> Chart:
    """Draw the upper left corner of the ROC curve, where good models differ, with the operating points inside it."""
    inside = [marker for marker in markers if _is_in_corner(marker)]
    whole = draw_roc(scored)
    return replace(
        whole,
        title="ROC curve, upper left corner",
        x=Axis(title=whole.x.title, high=_CORNER, ticks=ticks_between(0, _CORNER)),
        y=Axis(title=whole.y.title, low=1 - _CORNER, ticks=ticks_between(1 - _CORNER, 1)),
        marks=(*whole.marks, *_markers(inside, (0.5 * _CORNER, 1 - 0.45 * _CORNER), apart=0.09 * _CORNER)),
    )


def _is_in_corner(marker: Marker) -> bool:
    return marker.x <= _CORNER and marker.y >= 1 - _CORNER


def draw_precision_recall(
    scored: Scored | Sequence[Named], markers: Sequence[Marker] = (), says: Sequence[str] = ()
) -> Chart:
    """Draw precision over recall with bands; the dashed line is what flagging everybody gives."""
    curves = _curves(scored, precision_recall_points, precision_recall_with_band)
    first = scored if isinstance(scored, Scored) else scored[0].scored
    share = float(first.labels.mean())
    return Chart(
        title="Precision and recall",
        x=Axis(title="sensitivity (recall)"),
        y=Axis(title="PPV (precision)"),
        marks=(Line(points=((0, share), (1, share))), *curves, *_markers(markers, (0.3, 0.5)), *_lines_of_words(says)),
        legend="lower left",
    )


def _lines_of_words(
    says: Sequence[str], *, x: float = 0.02, anchor: Literal["start", "end"] = "start"
) -> Iterator[Mark]:
    for number, words in enumerate(reversed(says)):
        yield Words(x=x, y=0.04 + 0.07 * number, words=words, anchor=anchor)


def draw_reliability(bins: Sequence[ReliabilityBin], *, weighing: str = "") -> Chart:
    """Draw what was so over what was said, with Wilson's intervals; `weighing` says how labels weigh, in the title."""
    marks: list[Mark] = [Line(points=((0, 0), (1, 1)))]
    for entry in bins:
        said = entry.mean_probability
        marks.append(Line(points=((said, entry.low), (said, entry.high)), series=0, is_thin=True))
    marks.append(Dots(points=[(entry.mean_probability, entry.observed) for entry in bins], series=0))
    return Chart(
        title=f"Reliability{weighing and ', '}{weighing}",
        x=Axis(title="mean probability"),
        y=Axis(title="share with pneumonia"),
        marks=tuple(marks),
    )


def draw_histogram(scored: Scored, thresholds: Sequence[tuple[str, float]] = ()) -> Chart:
    """Draw how each label's probabilities are spread, with the thresholds."""
    edges = np.linspace(0, 1, _BARS + 1)
    shares = [
        np.histogram(scored.probabilities[scored.labels == label], edges)[0] / (scored.labels == label).sum()
        for label in (0, 1)
    ]
    highest = _HEADROOM * float(max(share.max() for share in shares))
    marks: list[Mark] = [
        Bars(boxes=list(_boxes(share.tolist(), label)), series=label, name=LABEL_NAMES[label])
        for label, share in enumerate(shares)
    ]
    for number, (name, threshold) in enumerate(thresholds):
        is_left = threshold > _FAR_RIGHT
        place = threshold + (-0.02 if is_left else 0.02)
        marks.append(Line(points=((threshold, 0), (threshold, highest))))
        up = highest * (0.7 - 0.07 * number)
        marks.append(Words(x=place, y=up, words=name, anchor="end" if is_left else "start"))
    return Chart(
        title="Probabilities by label",
        x=Axis(title="probability"),
        y=Axis(
            title="share of the label",
            high=highest,
            ticks=tuple((place, f"{100 * place:.3g} %") for place, _ in ticks_between(0, highest)),
        ),
        marks=tuple(marks),
        legend="upper right" if all(threshold < _FAR_RIGHT for _, threshold in thresholds) else "upper left",
    )


def _boxes(shares: Sequence[float], label: int) -> Iterator[tuple[float, float, float, float]]:
    for place, value in enumerate(shares):
        left = (place + 0.1 + 0.4 * label) / _BARS
        yield left, left + 0.4 / _BARS, 0.0, value


def markers_on_roc(points: Sequence[PointMeasured]) -> list[Marker]:
    """Place operating points on a ROC curve."""
    made = [(point.name, point.decisions) for point in points]
    return [Marker(x=1 - each.specificity, y=each.sensitivity, name=name) for name, each in made]


def markers_on_precision_recall(points: Sequence[PointMeasured]) -> list[Marker]:
    """Place operating points on a precision-recall curve; one that flags nobody has no place."""
    made = [(point.name, point.decisions) for point in points]
    return [Marker(x=each.sensitivity, y=each.ppv, name=name) for name, each in made if each.ppv is not None]


def _curves(
    scored: Scored | Sequence[Named],
    points: Callable[[Labels, Scores], NDArray[np.float64]],
    with_band: Callable[[Labels, Scores, NDArray[np.str_]], Banded],
) -> Iterator[Mark]:
    named = [(None, scored)] if isinstance(scored, Scored) else [(each.name, each.scored) for each in scored]
    lines: list[Mark] = []
    for series, (name, each) in enumerate(named):
        if each.patients is None:
            curve = points(each.labels, each.probabilities)
        else:
            made = with_band(each.labels, each.probabilities, each.patients)
            curve = made.curve
            yield Band(edges=[(x, low, high) for x, low, high in made.band.tolist()], series=series)
        lines.append(Line(points=[(x, y) for x, y in _thinned(curve).tolist()], series=series, name=name))
    yield from lines


def _thinned(curve: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(curve) <= _MOST_CORNERS:
        return curve
    return curve[np.unique(np.linspace(0, len(curve) - 1, _MOST_CORNERS).astype(np.intp))]


def _markers(markers: Sequence[Marker], names_at: tuple[float, float], *, apart: float = 0.09) -> Iterator[Mark]:
    """Draw points whose names stand apart, each tied to its point: good models crowd them into one corner.

    The highest point's name is on top, so that the ties do not cross.
    """
    for number, marker in enumerate(sorted(markers, key=lambda marker: -marker.y)):
        x, y = names_at[0], names_at[1] - apart * number
        is_left = marker.x > x
        yield Line(points=((marker.x, marker.y), (x, y)), is_thin=True)
        yield Dots(points=((marker.x, marker.y),), series=1)
        yield Words(
            x=x + (-apart if is_left else apart) / 6, y=y, words=marker.name, anchor="end" if is_left else "start"
        )
