"""Where the model saw something: the recorded activation map drawn over the radiograph, only when somebody looks.

The scale is absolute, so two radiographs can be compared and a quiet one stays uncoloured. Activation is shown
wherever it is, also outside the lungs, because a doctor must see when the model looks at the wrong thing; a thin line
shows where the model believes the lungs to be.

References
----------
Colours: "inferno" by N. Smith and S. van der Walt (CC0), whose lightness rises evenly, so that it is read in the right
order in grey and by the colour-blind; https://bids.github.io/colormap/
"""

import io
from math import isqrt

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from lingula.radiology.radiograph import Radiograph

LONGEST_SIDE = 1024  # pixels of the radiograph with its heat map; most screens show no more
LONGEST_OVERLAY_SIDE = 512  # pixels of the overlay alone; a map of 56 x 56 cells holds no more

_INFERNO = ((0, 0, 4), (33, 12, 74), (87, 16, 110), (138, 34, 106), (188, 55, 84), (228, 90, 49), (249, 142, 9),
            (249, 203, 53), (252, 255, 164))  # fmt: skip
_FIRST_COLOUR = 0.3  # the map's darkest part would look like the radiograph's own shadows
_VISIBLE_FROM, _FULLY_VISIBLE_FROM, _OPAQUE = 0.15, 0.6, 0.6  # activation, activation, opacity
_LUNG_LEVEL = 128  # half of 255: more likely lung than not
_LUNG_LINE = (120, 220, 255, 150)  # red, green, blue, opacity; a hue that inferno does not have
_LINE_PIXELS = 3  # odd


def draw_overlay(activation_map: bytes, lung_mask: bytes, rows: int, columns: int) -> bytes:
    """Draw the heat map alone, transparent where there is nothing, to be laid over the radiograph.

    Parameters
    ----------
    activation_map, lung_mask
        Square maps in the frame of the whole picture, one byte per cell, row by row, 0-255 for 0-1.
    rows, columns
        The radiograph's own size; the drawing has its shape, at most `LONGEST_OVERLAY_SIDE` pixels long.

    Returns
    -------
    bytes
        A PNG with an alpha channel.
    """
    return _png(_overlay(activation_map, lung_mask, _size(rows, columns, LONGEST_OVERLAY_SIDE)))


def draw_heatmap(radiograph: Radiograph, activation_map: bytes, lung_mask: bytes) -> bytes:
    """Draw the radiograph with the heat map over it, as one opaque PNG.

    Parameters
    ----------
    radiograph
        The whole picture, of any size.
    activation_map, lung_mask
        As for `draw_overlay`.
    """
    size = _size(radiograph.rows, radiograph.columns, LONGEST_SIDE)
    picture = Image.fromarray(radiograph.pixels).resize(size, Image.Resampling.BILINEAR).convert("RGBA")
    picture.alpha_composite(_overlay(activation_map, lung_mask, size))
    return _png(picture.convert("RGB"))


def _overlay(activation_map: bytes, lung_mask: bytes, size: tuple[int, int]) -> Image.Image:
    overlay = _colours()[np.asarray(_enlarge(activation_map, size))]  # (rows, columns, 4)
    lungs = _enlarge(lung_mask, size).point([0] * _LUNG_LEVEL + [255] * (256 - _LUNG_LEVEL))
    inside = np.asarray(lungs.filter(ImageFilter.MinFilter(_LINE_PIXELS)))
    overlay[np.asarray(lungs) != inside] = _LUNG_LINE
    return Image.fromarray(overlay)


def _enlarge(cells: bytes, size: tuple[int, int]) -> Image.Image:
    side = isqrt(len(cells))
    return Image.frombytes("L", (side, side), cells).resize(size, Image.Resampling.BICUBIC)


def _colours() -> NDArray[np.uint8]:
    """Give the colour and opacity of each activation 0-255, shape (256, 4)."""
    activation = np.arange(256) / 255
    place = _FIRST_COLOUR + (1 - _FIRST_COLOUR) * activation
    stops = np.linspace(0, 1, len(_INFERNO))
    colours = [np.interp(place, stops, channel) for channel in zip(*_INFERNO, strict=True)]
    opacity = 255 * _OPAQUE * np.clip((activation - _VISIBLE_FROM) / (_FULLY_VISIBLE_FROM - _VISIBLE_FROM), 0, 1)
    return np.stack([*colours, opacity], axis=1).round().astype(np.uint8)


def _size(rows: int, columns: int, longest_side: int) -> tuple[int, int]:
    """Give Pillow's (width, height), with the longest side at most as long as that."""
    shrink = min(1.0, longest_side / max(rows, columns))
    return max(1, round(columns * shrink)), max(1, round(rows * shrink))


def _png(picture: Image.Image) -> bytes:
    written = io.BytesIO()
    picture.save(written, "PNG", compress_level=1)
    return written.getvalue()
