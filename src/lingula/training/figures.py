"""Figures of an evaluation as SVG: sharp at every size, readable without colour, no library and no network needed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from lingula.training.measures import PointMeasured
from lingula.training.metrics import Labels, ReliabilityBin, Scores

_WIDTH, _HEIGHT = 340, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 14, 30, 44
_TICKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_MOST_CORNERS = 500  # of a line; more cannot be seen
_BARS = 20
_FAR_RIGHT = 0.7  # of the frame; a name beyond stands to the left of its line
_FAR_RIGHT = 0.7  # of the frame; a name beyond stands to the left of its line

Corners = Sequence[tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class Scored:
    """What the curves are drawn from; both labels are there."""

    labels: Labels
    probabilities: Scores


@dataclass(frozen=True, kw_only=True)
class Marker:
    """A point with a name on a curve."""

    x: float
    y: float
    name: str


def draw_roc(scored: Scored, markers: Sequence[Marker]) -> str:
    """Draw sensitivity over false alarms, with the operating points."""
    found, alarms, _ = _curve(scored)
    corners = list(zip(alarms / alarms[-1], found / found[-1], strict=True))
    inside = [_line(((0, 0), (1, 1)), "chance"), _line(corners, "curve"), *_markers(markers, (0.4, 0.7))]
    return _figure("ROC curve", "1 - specificity", "sensitivity", inside)


def draw_precision_recall(scored: Scored, markers: Sequence[Marker]) -> str:
    """Draw precision over recall; the dashed line is what flagging everybody gives."""
    found, alarms, total = _curve(scored)
    corners = list(zip(found[1:] / found[-1], found[1:] / (found[1:] + alarms[1:]), strict=True))
    share = float(found[-1]) / total
    inside = [_line(((0, share), (1, share)), "chance"), _line(corners, "curve"), *_markers(markers, (0.5, 0.75))]
    return _figure("Precision and recall", "sensitivity (recall)", "PPV (precision)", inside)


def draw_reliability(bins: Sequence[ReliabilityBin]) -> str:
    """Draw what was so over what was said, with Wilson's intervals."""
    inside = [_line(((0, 0), (1, 1)), "chance")]
    for entry in bins:
        inside.append(_line(((entry.mean_probability, entry.low), (entry.mean_probability, entry.high)), "bar"))
        inside.append(_dot(entry.mean_probability, entry.observed))
    return _figure("Reliability", "mean probability", "share with pneumonia", inside)


def draw_histogram(scored: Scored, thresholds: Sequence[tuple[str, float]]) -> str:
    """Draw how each label's probabilities are spread, with the thresholds."""
    edges = np.linspace(0, 1, _BARS + 1)
    shares = [
        np.histogram(scored.probabilities[scored.labels == label], edges)[0] / (scored.labels == label).sum()
        for label in (0, 1)
    ]
    highest = float(max(share.max() for share in shares))
    inside = []
    for label, (share, css) in enumerate(zip(shares, ("normal", "pneumonia"), strict=True)):
        for place, value in enumerate((share / highest).tolist()):
            left = (place + 0.1 + 0.4 * label) / _BARS
            inside.append(_bar(left, 0.4 / _BARS, value, css))
    for name, threshold in thresholds:
        inside += [
            _line(((threshold, 0), (threshold, 1)), "threshold"),
            _text(threshold, 0.95, name, to_the_left=threshold > _FAR_RIGHT),
        ]
    return _figure("Probabilities by label", "probability", f"share of the label (1.0 = {highest:.0%})", inside)


def _curve(scored: Scored) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Give true and false positives from the strictest threshold to the mildest, at distinct probabilities."""
    order = np.argsort(-scored.probabilities, kind="stable")
    positive = (scored.labels[order] == 1).astype(np.float64)
    last = np.append(np.flatnonzero(np.diff(scored.probabilities[order])), len(order) - 1)
    found, alarms = np.cumsum(positive)[last], np.cumsum(1 - positive)[last]
    if len(last) > _MOST_CORNERS:
        kept = np.unique(np.linspace(0, len(last) - 1, _MOST_CORNERS).astype(np.intp))
        found, alarms = found[kept], alarms[kept]
    return np.insert(found, 0, 0), np.insert(alarms, 0, 0), len(order)


def markers_on_roc(points: Sequence[PointMeasured]) -> list[Marker]:
    """Place operating points on a ROC curve."""
    made = [(point.name, point.decisions) for point in points]
    return [Marker(x=1 - each.specificity, y=each.sensitivity, name=name) for name, each in made]


def markers_on_precision_recall(points: Sequence[PointMeasured]) -> list[Marker]:
    """Place operating points on a precision-recall curve; one that flags nobody has no place."""
    made = [(point.name, point.decisions) for point in points]
    return [Marker(x=each.sensitivity, y=each.ppv, name=name) for name, each in made if each.ppv is not None]


def _x(value: float) -> float:
    return round(_LEFT + value * (_WIDTH - _LEFT - _RIGHT), 1)


def _y(value: float) -> float:
    return round(_HEIGHT - _BOTTOM - value * (_HEIGHT - _TOP - _BOTTOM), 1)


def _line(corners: Corners, css: str) -> str:
    return f'<polyline class="{css}" points="{" ".join(f"{_x(x)},{_y(y)}" for x, y in corners)}"/>'


def _dot(x: float, y: float) -> str:
    return f'<circle class="dot" cx="{_x(x)}" cy="{_y(y)}" r="3.5"/>'


def _text(x: float, y: float, words: str, *, to_the_left: bool) -> str:
    anchor, aside = ("end", -6) if to_the_left else ("start", 6)
    return f'<text x="{_x(x) + aside}" y="{_y(y) + 4}" text-anchor="{anchor}">{escape(words)}</text>'


def _markers(markers: Sequence[Marker], names_at: tuple[float, float]) -> Iterator[str]:
    """Draw points whose names stand apart, each tied to its point: good models crowd them into one corner."""
    for number, marker in enumerate(markers):
        x, y = names_at[0], names_at[1] - 0.1 * number
        yield _line(((marker.x, marker.y), (x, y)), "leader")
        yield _dot(marker.x, marker.y)
        yield _text(x, y, marker.name, to_the_left=marker.x > x)


def _bar(left: float, width: float, height: float, css: str) -> str:
    top, bottom = _y(height), _y(0)
    return (
        f'<rect class="{css}" x="{_x(left)}" y="{top}" width="{_x(left + width) - _x(left):.1f}" '
        f'height="{bottom - top:.1f}"/>'
    )


def _figure(title: str, x_name: str, y_name: str, inside: Sequence[str]) -> str:
    ticks = "".join(
        f'<text x="{_x(tick)}" y="{_y(0) + 16}" text-anchor="middle">{tick:g}</text>'
        f'<text x="{_x(0) - 6}" y="{_y(tick) + 4}" text-anchor="end">{tick:g}</text>'
        for tick in _TICKS
    )
    frame = f'<rect class="frame" x="{_x(0)}" y="{_y(1)}" width="{_x(1) - _x(0):.1f}" height="{_y(0) - _y(1):.1f}"/>'
    middle = (_y(0) + _y(1)) / 2
    names = (
        f'<text class="title" x="{_WIDTH / 2}" y="18" text-anchor="middle">{escape(title)}</text>'
        f'<text x="{(_x(0) + _x(1)) / 2}" y="{_HEIGHT - 8}" text-anchor="middle">{escape(x_name)}</text>'
        f'<text transform="rotate(-90 14 {middle})" x="14" y="{middle}" text-anchor="middle">{escape(y_name)}</text>'
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"{frame}{ticks}{names}{''.join(inside)}</svg>"
    )
