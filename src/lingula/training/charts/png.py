"""Strokes as PNG, 300 dots to the inch: what a paper, a slide or a mail wants."""

import io
import math
from itertools import pairwise

from PIL import Image, ImageColor, ImageDraw, ImageFont

from lingula.training.charts.chart import Chart, Points
from lingula.training.charts.layout import Disc, Path, Text, strokes_of
from lingula.training.charts.palette import LIGHT

DOTS_PER_INCH = 300
_UNITS_PER_INCH = 96
_FINER = 2  # drawn so many times larger and averaged, which smooths edges
_SCALE = _FINER * DOTS_PER_INCH / _UNITS_PER_INCH
_HELD = {"start": "lm", "middle": "mm", "end": "rm"}  # Pillow's anchors, on the middle line
_BOLDER = 0.018  # of the size, added around each letter: the built-in typeface has one weight


def to_png(chart: Chart) -> bytes:
    """Draw a chart in its light colours on white."""
    sheet = _Sheet(chart)
    for stroke in strokes_of(chart):
        match stroke:
            case Path():
                sheet.path(stroke)
            case Disc():
                sheet.disc(stroke)
            case Text():
                sheet.text(stroke)
    return sheet.png()


class _Sheet:
    def __init__(self, chart: Chart) -> None:
        self._size = (round(chart.width * _SCALE), round(chart.height * _SCALE))
        self._image = Image.new("RGB", self._size, LIGHT["paper"])
        self._pen = ImageDraw.Draw(self._image)

    def path(self, path: Path) -> None:
        points = [(x * _SCALE, y * _SCALE) for x, y in path.points]
        if path.fill is not None:
            self._area(points, LIGHT[path.fill], path.opacity)
            return
        width = max(1, round(path.width * _SCALE))
        for piece in _dashed(points, [length * _SCALE for length in path.dashes]):
            self._pen.line(piece, fill=LIGHT[path.stroke or "ink"], width=width, joint="curve")

    def _area(self, points: Points, colour: str, opacity: float) -> None:
        if opacity == 1:
            self._pen.polygon(list(points), fill=colour)
            return
        mask = Image.new("L", self._size, 0)
        ImageDraw.Draw(mask).polygon(list(points), fill=round(255 * opacity))
        self._image.paste(ImageColor.getrgb(colour), mask=mask)

    def disc(self, disc: Disc) -> None:
        x, y, radius = disc.x * _SCALE, disc.y * _SCALE, disc.radius * _SCALE
        self._pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=LIGHT[disc.fill])

    def text(self, text: Text) -> None:
        font = ImageFont.load_default(text.size * _SCALE)
        bolder = text.size * _SCALE * _BOLDER if text.is_bold else 0
        x, y, ink = text.x * _SCALE, text.y * _SCALE, LIGHT["ink"]
        if not text.is_upright:
            self._pen.text((x, y), text.words, fill=ink, font=font, anchor=_HELD[text.anchor], stroke_width=bolder)
            return
        left, top, right, bottom = (round(edge) for edge in font.getbbox(text.words, anchor="ls"))
        mask = Image.new("L", (right - left, bottom - top), 0)
        ImageDraw.Draw(mask).text((-left, -top), text.words, fill=255, font=font, anchor="ls")
        turned = mask.transpose(Image.Transpose.ROTATE_90)
        place = (round(x - turned.width / 2), round(y - turned.height / 2))
        self._image.paste(ImageColor.getrgb(ink), (*place, place[0] + turned.width, place[1] + turned.height), turned)

    def png(self) -> bytes:
        smooth = self._image.reduce(_FINER)
        file = io.BytesIO()
        smooth.save(file, "PNG", dpi=(DOTS_PER_INCH, DOTS_PER_INCH))
        return file.getvalue()


def _dashed(points: Points, lengths: list[float]) -> list[list[tuple[float, float]]]:
    """Cut a line into its dashes; without lengths it stays whole."""
    if not lengths:
        return [list(points)]
    pieces: list[list[tuple[float, float]]] = [[points[0]]]
    number, left = 0, lengths[0]
    for start, end in pairwise(points):
        whole, done = math.dist(start, end), 0.0
        while whole - done > left:
            done += left
            share = done / whole
            corner = (start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1]))
            if number % 2 == 0:
                pieces[-1].append(corner)
            else:
                pieces.append([corner])
            number, left = number + 1, lengths[(number + 1) % len(lengths)]
        left -= whole - done
        if number % 2 == 0:
            pieces[-1].append(end)
    return [piece for piece in pieces if len(piece) > 1]
