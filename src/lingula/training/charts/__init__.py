"""Figures drawn once and written twice: as SVG for a page and a paper's source, as PNG of 300 dpi for everything else.

A chart is laid out into a few strokes (`layout`), and `svg` and `png` only write strokes; so both show the same. The
strokes need numpy and Pillow, which every installation has. A plotting library would be larger than all of Lingula, and
a hospital that measures a package on its own radiographs, without the training extra, would get no figures.
"""

from lingula.training.charts.chart import Axis, Band, Bars, Chart, Dots, Line, Mark, Words, ticks_between
from lingula.training.charts.png import to_png
from lingula.training.charts.svg import to_svg
from lingula.training.charts.writing import write_charts

__all__ = [
    "Axis",
    "Band",
    "Bars",
    "Chart",
    "Dots",
    "Line",
    "Mark",
    "Words",
    "ticks_between",
    "to_png",
    "to_svg",
    "write_charts",
]
