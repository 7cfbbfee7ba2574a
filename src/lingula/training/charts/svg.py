"""Strokes as SVG: sharp at every size, small, and in a page light or dark with it."""

from html import escape

from lingula.training.charts.chart import Chart
from lingula.training.charts.layout import Disc, Path, Stroke, Text, strokes_of
from lingula.training.charts.palette import DARK, LIGHT

_FONT = "system-ui, Helvetica, Arial, sans-serif"
_STYLE = "".join(f".chart .{name}{{--c:light-dark({LIGHT[name]},{DARK[name]})}}" for name in LIGHT)


def to_svg(chart: Chart, *, for_page: bool = False) -> str:
    """Draw a chart.

    Parameters
    ----------
    for_page
        To stand inside an HTML page: without background, and in the reader's light or dark colours. Otherwise a figure
        of its own on white.
    """
    inside = "".join(_drawn(stroke, for_page=for_page) for stroke in strokes_of(chart))
    named = f'role="img" aria-label="{escape(chart.title)}" viewBox="0 0 {chart.width} {chart.height}"'
    if for_page:
        style = f'style="width:100%;max-width:{chart.width * 1.4:.0f}px"'
        return f'<svg class="chart" {named} {style} font-family="{_FONT}"><style>{_STYLE}</style>{inside}</svg>'
    paper = f'<rect width="{chart.width}" height="{chart.height}" fill="{LIGHT["paper"]}"/>'
    size = f'width="{chart.width}" height="{chart.height}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {named} {size} font-family="{_FONT}">{paper}{inside}</svg>'


def _drawn(stroke: Stroke, *, for_page: bool) -> str:
    match stroke:
        case Path():
            return _path(stroke, for_page=for_page)
        case Disc():
            paint = _paint("fill", stroke.fill, for_page=for_page)
            return f'<circle {paint} cx="{stroke.x:g}" cy="{stroke.y:g}" r="{stroke.radius:g}"/>'
        case Text():
            return _text(stroke, for_page=for_page)


def _path(path: Path, *, for_page: bool) -> str:
    points = " ".join(f"{x:.2f},{y:.2f}" for x, y in path.points)
    if path.fill is not None:
        return f'<polygon {_paint("fill", path.fill, for_page=for_page)} opacity="{path.opacity:g}" points="{points}"/>'
    dashes = f' stroke-dasharray="{" ".join(f"{length:g}" for length in path.dashes)}"' if path.dashes else ""
    pen = f'fill="none" stroke-width="{path.width:g}" stroke-linejoin="round"{dashes}'
    return f'<polyline {_paint("stroke", path.stroke or "ink", for_page=for_page)} {pen} points="{points}"/>'


def _text(text: Text, *, for_page: bool) -> str:
    turned = f' transform="rotate(-90 {text.x:g} {text.y:g})"' if text.is_upright else ""
    # As style and not as attributes: a page's own style for text must not change what was measured to fit.
    look = f"font-size:{text.size:g}px;font-weight:{600 if text.is_bold else 400}"
    paint = f'class="ink" style="fill:var(--c);{look}"' if for_page else f'fill="{LIGHT["ink"]}" style="{look}"'
    # A third of the size below the middle line is where small letters stand; dominant-baseline is not drawn everywhere.
    return (
        f'<text {paint} x="{text.x:g}" y="{text.y + text.size / 3:.2f}" '
        f'text-anchor="{text.anchor}"{turned}>{escape(text.words)}</text>'
    )


def _paint(what: str, colour: str, *, for_page: bool) -> str:
    return f'class="{colour}" style="{what}:var(--c)"' if for_page else f'{what}="{LIGHT[colour]}"'
