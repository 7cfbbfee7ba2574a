"""Heat maps: transparent where the model saw nothing, right shape, right place."""

import io

import numpy as np
import pytest
from made.packages import MAP_SIDE
from numpy.typing import NDArray
from PIL import Image

from lingula.radiology.radiograph import Radiograph
from lingula.triage.heatmap import LONGEST_OVERLAY_SIDE, LONGEST_SIDE, draw_heatmap, draw_overlay

NOTHING = bytes(MAP_SIDE**2)


def hot_corner() -> bytes:
    cells = np.zeros((MAP_SIDE, MAP_SIDE), np.uint8)
    cells[:20, :20] = 255
    return cells.tobytes()


def pixels_of(png: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(png)))


def test_where_the_model_saw_nothing_the_overlay_is_transparent() -> None:
    overlay = pixels_of(draw_overlay(NOTHING, NOTHING, 300, 400))

    assert overlay.shape == (300, 400, 4)
    assert overlay[..., 3].max() == 0


def test_what_the_model_saw_is_drawn_where_it_saw_it() -> None:
    overlay = pixels_of(draw_overlay(hot_corner(), NOTHING, 280, 280))

    assert overlay[:80, :80, 3].min() > 100
    assert overlay[140:, 140:, 3].max() == 0


def test_colours_get_lighter_with_activation() -> None:
    ramp = np.tile(np.linspace(0, 255, MAP_SIDE).astype(np.uint8), (MAP_SIDE, 1)).tobytes()

    overlay = pixels_of(draw_overlay(ramp, NOTHING, MAP_SIDE, MAP_SIDE)).astype(float)

    lightness = overlay[0, :, :3] @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(lightness) >= 0).all()
    assert (np.diff(overlay[0, :, 3]) >= 0).all()


def test_the_lungs_are_outlined_and_not_filled() -> None:
    lungs = np.zeros((MAP_SIDE, MAP_SIDE), np.uint8)
    lungs[15:40, 15:40] = 255

    overlay = pixels_of(draw_overlay(NOTHING, lungs.tobytes(), MAP_SIDE * 4, MAP_SIDE * 4))

    assert overlay[110, 110, 3] == 0
    assert overlay[110, :, 3].max() > 0
    assert (overlay[..., 3] > 0).mean() < 0.05


@pytest.mark.parametrize(("rows", "columns"), [(2000, 3000), (3000, 1000), (60, 40)])
def test_a_drawing_keeps_the_shape_and_is_never_too_large(rows: int, columns: int) -> None:
    radiograph = Radiograph(pixels=np.full((rows, columns), 90, np.uint8), rows=rows, columns=columns)

    drawn = pixels_of(draw_heatmap(radiograph, NOTHING, NOTHING))
    overlay = pixels_of(draw_overlay(NOTHING, NOTHING, rows, columns))

    assert max(drawn.shape[:2]) <= LONGEST_SIDE
    assert max(overlay.shape[:2]) <= LONGEST_OVERLAY_SIDE
    for picture in (drawn, overlay):
        assert picture.shape[0] / picture.shape[1] == pytest.approx(rows / columns, rel=0.02)
    assert (drawn == 90).all()


def test_a_radiograph_that_was_decoded_smaller_is_drawn_in_its_own_size() -> None:
    radiograph = Radiograph(pixels=np.full((100, 200), 90, np.uint8), rows=400, columns=800)

    assert pixels_of(draw_heatmap(radiograph, hot_corner(), NOTHING)).shape == (400, 800, 3)
