"""From a chart to strokes on paper: everything that SVG and PNG must agree on."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from lingula.training.charts.chart import SERIES, Band, Bars, Chart, Dots, Line, Mark, Points, Words

TEXT_SIZE, TITLE_SIZE = 11.0, 13.0
_RIGHT, _TOP, _BOTTOM = 16, 30, 46
_BAND_OPACITY = 0.2
_THICK, _THIN, _FAINT = 2.0, 1.2, 0.8
_DASHES: tuple[tuple[float, ...], ...] = ((), (7, 3), (2, 2), (9, 3, 2, 3), (4, 4), (12, 4))
_COMPARISON: tuple[float, ...] = (4, 4)
_LEGEND_LINE, _SWATCH = 15.0, 22.0
_MEAN_LETTER = 0.54  # of the text's size, measured on the names in our figures

Colour = str
"""``ink``, ``soft``, ``paper``, or ``series-0`` and so on."""


@dataclass(frozen=True, kw_only=True)
class Path:
    """A line through points, or an area if it has a `fill`."""

    points: Points
    stroke: Colour | None = None
    width: float = _THIN
    dashes: tuple[float, ...] = ()
    fill: Colour | None = None
    opacity: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Disc:
    """A filled circle."""

    x: float
    y: float
    radius: float
    fill: Colour


@dataclass(frozen=True, kw_only=True)
class Text:
    """Words whose middle line runs through `y`, counted from the top; upright text reads from below."""

    x: float
    y: float
    words: str
    anchor: Literal["start", "middle", "end"] = "start"
    size: float = TEXT_SIZE
    is_bold: bool = False
    is_upright: bool = False


Stroke = Path | Disc | Text


@dataclass(frozen=True, kw_only=True)
class _Frame:
    """Where the axes' ends lie on the paper."""

    chart: Chart

    @property
    def right(self) -> float:
        return self.chart.width - _RIGHT

    @property
    def bottom(self) -> float:
        return self.chart.height - _BOTTOM

    def place(self, x: float, y: float) -> tuple[float, float]:
        return self.along(self.chart.x.share(x)), self.up(self.chart.y.share(y))

    def along(self, share: float) -> float:
        return round(self.chart.left + share * (self.right - self.chart.left), 2)

    def up(self, share: float) -> float:
        return round(self.bottom - share * (self.bottom - _TOP), 2)

    def corners(self) -> Points:
        return [
            (self.along(0), self.up(0)),
            (self.along(0), self.up(1)),
            (self.along(1), self.up(1)),
            (self.along(1), self.up(0)),
            (self.along(0), self.up(0)),
        ]


def strokes_of(chart: Chart) -> list[Stroke]:
    """Lay a chart out, what is behind first; the origin is the upper left corner of ``width`` by ``height``."""
    frame = _Frame(chart=chart)
    made = list(_axes(frame))
    for mark in chart.marks:
        made += _mark(mark, frame)
    return [*made, *_legend(frame)]


def _axes(frame: _Frame) -> Iterator[Stroke]:
    chart = frame.chart
    for value, name in chart.x.ticks:
        along = frame.along(chart.x.share(value))
        yield Path(points=[(along, frame.up(0)), (along, frame.up(0) + 4)], stroke="soft", width=_FAINT)
        yield Text(x=along, y=frame.up(0) + 13, words=name, anchor="middle")
    for value, name in chart.y.ticks:
        up = frame.up(chart.y.share(value))
        yield Path(points=[(frame.along(0), up), (frame.along(0) - 4, up)], stroke="soft", width=_FAINT)
        yield Text(x=frame.along(0) - 7, y=up, words=name, anchor="end")
    yield Path(points=frame.corners(), stroke="soft", width=_FAINT)
    middle = (frame.up(0) + frame.up(1)) / 2
    yield Text(x=chart.width / 2, y=15, words=chart.title, anchor="middle", size=TITLE_SIZE, is_bold=True)
    yield Text(x=(frame.along(0) + frame.along(1)) / 2, y=chart.height - 12, words=chart.x.title, anchor="middle")
    yield Text(x=10, y=middle, words=chart.y.title, anchor="middle", is_upright=True)


def _mark(mark: Mark, frame: _Frame) -> Iterator[Stroke]:
    match mark:
        case Line():
            yield from _line(mark, frame)
        case Band():
            low = [frame.place(x, frame_low) for x, frame_low, _ in mark.edges]
            high = [frame.place(x, frame_high) for x, _, frame_high in mark.edges]
            points = [_held(point, frame) for point in (*low, *reversed(high))]
            yield Path(points=points, fill=colour_of(mark.series), opacity=_BAND_OPACITY)
        case Dots():
            for x, y in mark.points:
                along, up = frame.place(x, y)
                fill = "ink" if mark.series is None else colour_of(mark.series)
                yield Disc(x=along, y=up, radius=mark.radius, fill=fill)
        case Bars():
            yield from _bars(mark, frame)
        case Words():
            along, up = frame.place(mark.x, mark.y)
            yield Text(x=along, y=up, words=mark.words, anchor=mark.anchor)


def _line(mark: Line, frame: _Frame) -> Iterator[Stroke]:
    points = [frame.place(x, y) for x, y in mark.points]
    for piece in _inside(points, frame):
        yield _drawn(mark, piece)


def _drawn(mark: Line, points: Points) -> Path:
    """Draw points with a line's pen."""
    if mark.series is None:
        dashes = () if mark.is_thin else _COMPARISON
        return Path(points=points, stroke="soft", width=_FAINT if mark.is_thin else _THIN, dashes=dashes)
    dashes = () if mark.is_thin else _DASHES[mark.series % SERIES]
    return Path(points=points, stroke=colour_of(mark.series), width=_THIN if mark.is_thin else _THICK, dashes=dashes)


def _bars(mark: Bars, frame: _Frame) -> Iterator[Stroke]:
    for left, right, bottom, top in mark.boxes:
        corners = [frame.place(x, y) for x, y in ((left, bottom), (left, top), (right, top), (right, bottom))]
        yield Path(points=[*corners, corners[0]], fill=colour_of(mark.series))


def _held(point: tuple[float, float], frame: _Frame) -> tuple[float, float]:
    """Move a point that lies outside the frame to its edge."""
    x, y = point
    return min(max(x, frame.along(0)), frame.along(1)), min(max(y, frame.up(1)), frame.up(0))


def _inside(points: Points, frame: _Frame) -> list[Points]:
    """Cut a line into the pieces that lie inside the frame."""
    pieces = _between(points, frame.up(1), frame.up(0))
    turned = [[(y, x) for x, y in piece] for piece in pieces]
    kept = [part for piece in turned for part in _between(piece, frame.along(0), frame.along(1))]
    return [[(x, y) for y, x in piece] for piece in kept]


def _between(points: Points, low: float, high: float) -> list[list[tuple[float, float]]]:
    """Cut a line into the pieces whose second coordinate lies between `low` and `high`."""
    pieces: list[list[tuple[float, float]]] = []
    for (x0, y0), (x1, y1) in pairwise(points):
        ends = [0.0, 1.0]
        if y0 != y1:
            at_border = sorted(((low - y0) / (y1 - y0), (high - y0) / (y1 - y0)))
            ends = [max(0.0, at_border[0]), min(1.0, at_border[1])]
        elif not low <= y0 <= high:
            continue
        if ends[0] > ends[1]:
            continue
        start, end = ((x0 + share * (x1 - x0), y0 + share * (y1 - y0)) for share in ends)
        if pieces and pieces[-1][-1] == start:
            pieces[-1].append(end)
        else:
            pieces.append([start, end])
    return pieces


def colour_of(series: int) -> Colour:
    """Give the colour of a series; they repeat after `SERIES`."""
    return f"series-{series % SERIES}"


def _legend(frame: _Frame) -> Iterator[Stroke]:
    chart = frame.chart
    named = [mark for mark in chart.marks if isinstance(mark, Line | Bars) and mark.name is not None]
    if chart.legend is None or not named:
        return
    width = _SWATCH + 14 + max(len(mark.name or "") for mark in named) * TEXT_SIZE * _MEAN_LETTER
    height = _LEGEND_LINE * len(named) + 4
    left = frame.along(0) + 6 if "left" in chart.legend else frame.along(1) - width - 6
    top = frame.up(1) + 6 if "upper" in chart.legend else frame.up(0) - height - 6
    yield Path(points=_box(left, top, width, height), fill="paper", opacity=0.85)
    for number, mark in enumerate(named):
        middle = top + 2 + _LEGEND_LINE * (number + 0.5)
        yield _swatch(mark, left + 4, middle)
        yield Text(x=left + 4 + _SWATCH + 6, y=middle, words=mark.name or "")


def _swatch(mark: Line | Bars, left: float, middle: float) -> Stroke:
    if isinstance(mark, Bars):
        return Path(points=_box(left + 4, middle - 5, _SWATCH - 8, 10), fill=colour_of(mark.series))
    return _drawn(mark, [(left, middle), (left + _SWATCH, middle)])


def _box(left: float, top: float, width: float, height: float) -> Points:
    return [(left, top), (left + width, top), (left + width, top + height), (left, top + height), (left, top)]
