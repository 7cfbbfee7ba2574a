import io
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lingula.training.charts import (
    Axis,
    Band,
    Bars,
    Chart,
    Dots,
    Line,
    Mark,
    Words,
    ticks_between,
    to_png,
    to_svg,
    write_charts,
)
from lingula.training.charts.layout import Disc, Text, strokes_of
from lingula.training.charts.layout import Path as Drawn
from lingula.training.charts.palette import DARK, LIGHT

LEFT, TOP, RIGHT, BOTTOM = 58, 30, 320, 264
MIDDLE, HALF_UP = 189, 147  # of the frame in a chart of the usual size


def chart(*marks: Mark, x: Axis | None = None, y: Axis | None = None) -> Chart:
    return Chart(title="a < b", x=x or Axis(title="along"), y=y or Axis(title="up"), marks=marks, legend="lower right")


def lines(made: Chart, colour: str) -> list[list[tuple[float, float]]]:
    return [list(each.points) for each in strokes_of(made) if isinstance(each, Drawn) and each.stroke == colour]


def pixels(made: Chart) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(to_png(made))).convert("RGB"))


def test_marks_stand_where_their_axes_say() -> None:
    made = chart(Line(points=((0, 0), (0.5, 1), (1, 0.25)), series=0), Dots(points=((0.5, 0.5),)))

    assert lines(made, "series-0") == [[(LEFT, BOTTOM), (MIDDLE, TOP), (RIGHT, 205.5)]]
    (dot,) = (each for each in strokes_of(made) if isinstance(each, Disc))
    assert (dot.x, dot.y) == (MIDDLE, HALF_UP)


def test_a_logarithmic_axis_puts_equal_ratios_at_equal_distances() -> None:
    axis = Axis(title="odds", low=0.05, high=0.5, is_logarithmic=True)

    assert axis.share(0.05) == 0
    assert axis.share(0.5) == pytest.approx(1)
    assert axis.share(0.2) - axis.share(0.1) == pytest.approx(axis.share(0.1) - axis.share(0.05))


def test_a_line_that_leaves_the_frame_is_cut_at_its_edge() -> None:
    made = chart(Line(points=((0, 0.5), (0.5, -0.5), (1, 0.5)), series=0))

    pieces = lines(made, "series-0")

    assert [[(round(x, 2), round(y, 2)) for x, y in piece] for piece in pieces] == [
        [(LEFT, HALF_UP), (123.5, BOTTOM)],
        [(254.5, BOTTOM), (RIGHT, HALF_UP)],
    ]
    assert lines(chart(Line(points=((0, -1), (1, -1)), series=0)), "series-0") == []
    corner = Axis(title="along", high=0.5)
    assert lines(chart(Line(points=((0, 0), (1, 1)), series=0), x=corner), "series-0") == [
        [(LEFT, BOTTOM), (RIGHT, HALF_UP)]
    ]


def test_a_band_that_leaves_the_frame_ends_at_its_edge() -> None:
    made = chart(Band(edges=((0, 0.5, 0.6), (2, 0.5, 1.4)), series=0))

    (band,) = (each for each in strokes_of(made) if isinstance(each, Drawn) and each.fill == "series-0")

    assert all(LEFT <= x <= RIGHT and TOP <= y <= BOTTOM for x, y in band.points)


def test_what_has_a_name_is_in_the_legend() -> None:
    made = chart(
        Line(points=((0, 0), (1, 1)), series=0, name="first"),
        Bars(boxes=((0, 0.1, 0, 1),), series=1, name="second"),
        Line(points=((0, 0), (1, 1))),
    )

    words = [each.words for each in strokes_of(made) if isinstance(each, Text)]

    assert words[-2:] == ["first", "second"]
    assert len(lines(made, "series-0")) == 2  # the line and its swatch


def test_svg_of_a_page_takes_the_readers_colours_and_of_a_paper_stands_alone() -> None:
    made = chart(Band(edges=((0, 0, 0.5), (1, 0.5, 1)), series=0), Words(x=0.5, y=0.5, words="<script>"))

    page, alone = to_svg(made, for_page=True), to_svg(made)

    for drawn in (page, alone):
        root = ET.fromstring(drawn)  # noqa: S314  made here
        assert root.get("aria-label") == "a < b"
        assert root.get("role") == "img"
        assert "<script>" not in drawn
    assert LIGHT["series-0"] in page
    assert DARK["series-0"] in page
    assert DARK["series-0"] not in alone
    assert alone.startswith("<svg xmlns=")
    assert made._repr_svg_() == alone  # what a notebook asks for


def test_png_has_300_dots_to_the_inch_and_the_same_marks() -> None:
    box = Bars(boxes=((0.25, 0.75, 0.25, 0.75),), series=1)

    data = to_png(chart(box))
    picture = Image.open(io.BytesIO(data))
    found = pixels(chart(box))

    assert picture.size == (round(336 * 300 / 96), round(310 * 300 / 96))
    assert picture.info["dpi"][0] == pytest.approx(300, abs=0.1)
    assert tuple(found[round(HALF_UP * 300 / 96), round(MIDDLE * 300 / 96)].tolist()) == (0xD5, 0x5E, 0x00)
    assert tuple(found[round(40 * 300 / 96), round(70 * 300 / 96)].tolist()) == (255, 255, 255)


def test_a_band_lets_through_what_is_behind_and_dashes_leave_gaps() -> None:
    found = pixels(chart(Band(edges=((0, 0, 1), (1, 0, 1)), series=0), Line(points=((0, 0.5), (1, 0.5)), series=1)))

    row = found[round(HALF_UP * 300 / 96), round(70 * 300 / 96) : round(300 * 300 / 96)].astype(int)
    is_dash = row[:, 0] > row[:, 2] + 50
    assert 0.6 < is_dash.mean() < 0.8  # seven units drawn, three left out
    tint = row[~is_dash][:, 0].min()
    assert tint > 190


def test_ticks_are_round_and_inside() -> None:
    assert [name for _, name in ticks_between(-0.05, 0.32)] == ["0", "0.1", "0.2", "0.3"]
    for low, high in ((0, 1e-3), (17, 1700), (-3, 3)):
        places = [place for place, _ in ticks_between(low, high)]
        assert 2 <= len(places) <= 7
        assert low - 1e-9 <= places[0]
        assert places[-1] <= high + 1e-9


def test_charts_are_written_under_their_names(tmp_path: Path) -> None:
    written = write_charts(tmp_path / "figures", {"roc": chart()})

    assert [path.name for path in written] == ["roc.svg", "roc.png"]
    assert written[1].read_bytes().startswith(b"\x89PNG")
