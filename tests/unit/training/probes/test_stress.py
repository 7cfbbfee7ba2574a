import numpy as np
import pytest
from made.labels import made_picture

from lingula.radiology.radiograph import Pixels
from lingula.training.probes.stress import STRESSES, blank_lungs, blank_outside


def pictures() -> Pixels:
    return np.stack([made_picture(seed) for seed in range(3)])


@pytest.mark.parametrize("name", sorted(STRESSES))
def test_a_stress_changes_every_radiograph_a_little_and_always_the_same_way(name: str) -> None:
    before = pictures()
    kept = before.copy()

    after = STRESSES[name](before)

    assert after.shape == before.shape
    assert after.dtype == np.uint8
    assert (before == kept).all()
    assert (after == STRESSES[name](before)).all()
    for old, new in zip(before, after, strict=True):
        assert (old != new).any()
        middle = slice(20, -20)  # a border or a turn puts black at the edges
        assert np.corrcoef(old[middle, middle].ravel(), new[middle, middle].ravel())[0, 1] > 0.7


@pytest.mark.parametrize("name", sorted(STRESSES))
def test_a_radiograph_is_stressed_alike_alone_and_among_others(name: str) -> None:
    assert (STRESSES[name](pictures())[:1] == STRESSES[name](pictures()[:1])).all()


def test_a_crop_enlarges_the_middle() -> None:
    lines = np.zeros((1, 100, 100), dtype=np.uint8)
    lines[0, :, 20:80] = 255

    wide = STRESSES["cropped 8 %"](lines)[0, 50] > 127

    assert wide.sum() == pytest.approx(60 / 0.84, abs=1)


def test_a_border_is_black_around_a_smaller_picture() -> None:
    after = STRESSES["bordered 6 %"](np.full((1, 100, 100), 200, dtype=np.uint8))[0]

    assert after[:6].max() == after[:, :6].max() == after[-6:].max() == after[:, -6:].max() == 0
    assert (after[6:-6, 6:-6] == 200).all()


def test_grey_levels_are_bent_as_stated() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)

    assert STRESSES["contrast down"](levels).max() == round((255 - 127.5) * 0.6 + 127.5)
    assert STRESSES["contrast up"](levels).min() == 0
    assert STRESSES["darkened"](levels)[0, 8, 0] == round(255 * (128 / 255) ** 1.5)
    assert STRESSES["brightened"](levels)[0, 8, 0] > 128


def test_blanking_paints_lungs_or_everything_else_one_grey() -> None:
    before = pictures()
    masks = np.zeros(before.shape, dtype=np.bool_)
    masks[:, 40:80, 30:60] = True

    without, only = blank_lungs(before, masks, margin=0), blank_outside(before, masks, margin=0)

    assert (without[masks] == 128).all()
    assert (without[~masks] == before[~masks]).all()
    assert (only[masks] == before[masks]).all()
    assert (only[~masks] == 128).all()


def test_a_margin_widens_the_lungs_on_every_side() -> None:
    masks = np.zeros((1, 100, 100), dtype=np.bool_)
    masks[0, 40:60, 40:60] = True

    blank = blank_lungs(np.zeros((1, 100, 100), dtype=np.uint8), masks, margin=0.05)[0] == 128

    assert blank.sum() == 30 * 30
    assert blank[35:65, 35:65].all()
