"""There is one way from a radiograph to a model's input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lingula.errors import NotEligible
from lingula.modelpackage.preprocessing import DEFAULT_PREPROCESSING, prepare, resize_pixels
from lingula.radiology.radiograph import Pixels, Radiograph


def gradient(rows: int, columns: int) -> Pixels:
    return np.linspace(0, 255, rows * columns).reshape(rows, columns).astype(np.uint8)


def radiograph(pixels: Pixels) -> Radiograph:
    return Radiograph(pixels=pixels, rows=pixels.shape[0], columns=pixels.shape[1])


@given(rows=st.integers(100, 700), columns=st.integers(100, 700))
def test_every_size_becomes_the_manifests_and_stays_in_range(rows: int, columns: int) -> None:
    prepared = prepare(radiograph(gradient(rows, columns)), DEFAULT_PREPROCESSING)
    assert prepared.shape == (1, 1, 224, 224)
    assert prepared.dtype == np.float32
    assert 0.0 <= prepared.min() < prepared.max() <= 1.0


def test_pixels_of_the_right_size_are_not_touched() -> None:
    pixels = gradient(224, 224)
    assert resize_pixels(pixels, DEFAULT_PREPROCESSING) is pixels
    np.testing.assert_array_equal(prepare(radiograph(pixels), DEFAULT_PREPROCESSING)[0, 0] * 255, pixels)


def test_shrinking_averages_as_pillows_bilinear_filter_does() -> None:
    stripes = np.tile(np.array([[0, 255]], np.uint8), (448, 224))
    shrunk = resize_pixels(stripes, DEFAULT_PREPROCESSING)
    assert np.abs(shrunk[:, 2:-2].astype(int) - 127).max() <= 1  # a filter that skips pixels would give 0 or 255
    expected = np.asarray(Image.fromarray(stripes).resize((224, 224), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(shrunk, expected)


def test_a_constant_picture_is_not_eligible() -> None:
    with pytest.raises(NotEligible, match="same grey level 7"):
        prepare(radiograph(np.full((300, 300), 7, np.uint8)), DEFAULT_PREPROCESSING)


def test_a_thumbnail_is_not_eligible_whatever_its_decoded_size() -> None:
    with pytest.raises(NotEligible, match="99 pixels; at least 100"):
        prepare(radiograph(gradient(99, 300)), DEFAULT_PREPROCESSING)
