"""Every accepted encoding of the same pixels gives the same radiograph; windows, polarity, padding and orientation."""

from collections.abc import Callable

import numpy as np
import pytest
from made.dicom_files import as_bytes, made_dataset, with_frame
from made.encodings import LOSSLESS_ENCODINGS, LOSSY_ENCODINGS, PIXELS, TWELVE, encoded, padded_rows, twelve, windowed
from made.pictures import as_jpeg, as_png, made_pixels, with_orientation
from numpy.typing import NDArray
from pydicom.uid import JPEGBaseline8Bit

from lingula.radiology.reading import read_radiograph, render_window


@pytest.mark.parametrize("name", LOSSLESS_ENCODINGS)
def test_a_lossless_encoding_ends_within_one_grey_level(name: str) -> None:
    radiograph = read_radiograph(encoded(name))

    assert radiograph.pixels.dtype == np.uint8
    assert (radiograph.rows, radiograph.columns) == PIXELS.shape
    assert np.abs(radiograph.pixels.astype(int) - PIXELS).max() <= 1


@pytest.mark.parametrize("name", LOSSY_ENCODINGS)
def test_a_lossy_encoding_stays_within_its_tolerance(name: str) -> None:
    tolerance, _ = LOSSY_ENCODINGS[name]
    radiograph = read_radiograph(encoded(name))

    assert radiograph.pixels.shape == PIXELS.shape
    assert np.abs(radiograph.pixels.astype(float) - PIXELS).mean() <= tolerance


def test_deep_pixels_without_a_window_are_spread_over_their_percentiles() -> None:
    stored = (TWELVE // 4 + 1000).astype(np.uint16)

    pixels = read_radiograph(as_bytes(made_dataset(stored, bits_stored=12))).pixels

    assert pixels.min() == 0
    assert pixels.max() == 255
    assert np.corrcoef(pixels.ravel(), PIXELS.ravel())[0, 1] > 0.995


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_black_and_does_not_move_the_window(photometric: str) -> None:
    plain = made_dataset(TWELVE // 2, bits_stored=12, photometric=photometric)
    padded = made_dataset(padded_rows(TWELVE // 2), bits_stored=12, photometric=photometric)
    padded.add_new(0x00280120, "US", 4000)

    pixels = read_radiograph(as_bytes(padded)).pixels

    assert (pixels[:8] == 0).all()
    assert (pixels[8:] == read_radiograph(as_bytes(plain)).pixels).all()


def test_a_padding_range_covers_everything_between_its_ends() -> None:
    dataset = twelve()
    dataset.add_new(0x00280120, "US", 4095)
    dataset.add_new(0x00280121, "US", 3000)

    pixels = read_radiograph(as_bytes(dataset)).pixels

    assert (pixels[TWELVE >= 3000] == 0).all()
    assert (pixels[TWELVE < 3000] > 0).sum() > 1000


def test_a_sigmoid_window_is_half_way_at_its_centre_and_never_falls() -> None:
    levels = np.sort(TWELVE.ravel()).reshape(TWELVE.shape)

    pixels = read_radiograph(as_bytes(windowed(levels, 12, 2048, 1000, VOILUTFunction="SIGMOID"))).pixels.ravel()

    assert abs(int(pixels[np.searchsorted(levels.ravel(), 2048)]) - 128) <= 3
    assert (np.diff(pixels.astype(int)) >= 0).all()


def test_bits_beyond_the_high_bit_are_ignored() -> None:
    dataset = twelve()
    dataset.PixelData = (TWELVE | 0xF000).tobytes()

    assert np.abs(read_radiograph(as_bytes(dataset)).pixels.astype(int) - PIXELS).max() <= 1


def test_a_window_of_the_doctor_replaces_the_files_own() -> None:
    pixels = render_window(as_bytes(windowed(TWELVE, 12, 1, 2)), (2048.0, 4096.0)).pixels

    assert np.abs(pixels.astype(int) - PIXELS).max() <= 1


def test_a_window_on_a_plain_picture_is_in_grey_levels() -> None:
    pixels = render_window(as_png(PIXELS), (64.0, 128.0)).pixels

    assert (pixels[PIXELS >= 128] == 255).all()
    assert np.abs(pixels.astype(int) - np.minimum(PIXELS.astype(int) * 2, 255)).max() <= 1


@pytest.mark.parametrize("byte_order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photographed_film_is_turned_upright_as_its_exif_says(orientation: int, byte_order: str) -> None:
    plain = as_jpeg(PIXELS)
    turned = with_orientation(plain, orientation, byte_order)
    turns: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
        1: lambda p: p,
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.T,
        6: lambda p: np.rot90(p, -1),
        7: lambda p: p[::-1, ::-1].T,
        8: np.rot90,
    }
    expected = turns[orientation](read_radiograph(plain).pixels)

    radiograph = read_radiograph(turned)

    assert (radiograph.rows, radiograph.columns) == expected.shape
    assert (radiograph.pixels == expected).all()


@pytest.mark.parametrize("encoded", [as_jpeg, lambda p: with_frame(made_dataset(p), as_jpeg(p), JPEGBaseline8Bit)])
@pytest.mark.parametrize("at_least", [30, 100, 224, 448, 4000])
def test_scaled_decoding_never_falls_below_what_was_asked_for(
    encoded: Callable[[NDArray[np.uint8]], bytes], at_least: int
) -> None:
    pixels = made_pixels(600, 900)

    radiograph = read_radiograph(encoded(pixels), at_least=at_least)

    assert (radiograph.rows, radiograph.columns) == (600, 900)
    assert min(at_least, 600) <= min(radiograph.pixels.shape) <= 600


def test_scaled_decoding_shows_the_same_picture() -> None:
    pixels = made_pixels(800, 800)
    data = as_jpeg(pixels)

    small = read_radiograph(data, at_least=400).pixels

    assert small.shape == (400, 400)
    means = pixels.reshape(400, 2, 400, 2).mean(axis=(1, 3))
    assert np.abs(small - means).mean() < 1.0


def test_padding_is_never_blurred_by_scaled_decoding() -> None:
    dataset = made_dataset(made_pixels(600, 600))
    dataset.add_new(0x00280120, "US", 0)

    data = with_frame(dataset, as_jpeg(made_pixels(600, 600)), JPEGBaseline8Bit)

    assert read_radiograph(data, at_least=224).pixels.shape == (600, 600)
