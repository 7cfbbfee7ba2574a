"""PNG and TIFF: headers checked before Pillow may look, samples of any depth brought to eight bits.

References
----------
W3C PNG (Third Edition) 5.3, 11.2.1; TIFF 6.0; Pillow, Concepts: modes.
"""

import io
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from lingula.errors import NotEligible, UnreadablePixels
from lingula.radiology.grey import spread
from lingula.radiology.limits import check_density
from lingula.radiology.radiograph import Pixels
from lingula.radiology.study import FileFormat

_PNG_END = b"IEND\xaeB`\x82"
_BITS_PER_BYTE = 8 * 1032
"""Deflate shrinks at most 1032 times."""
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by PNG's colour type
_DEPTHS = (8, 10, 12, 14, 16)
_PHOTOMETRIC, _ORIENTATION = 262, 274
_FAILURES = (OSError, ValueError, SyntaxError, struct.error, TypeError, KeyError, IndexError, OverflowError, EOFError)
"""What Pillow raises for damaged files; `test_reading_hostile` keeps an example of each."""


@dataclass(frozen=True, slots=True)
class Size:
    """Rows and columns of a picture."""

    rows: int
    columns: int


def read_picture_size(data: bytes, file_format: FileFormat) -> Size:
    """Read a PNG's or TIFF's size and see that it is whole, without decoding.

    Raises
    ------
    UnreadablePixels
        If it is truncated, damaged or absurdly large.
    """
    if file_format is FileFormat.PNG:
        return _read_png_size(data)
    with _opened(data, file_format) as picture:
        return Size(picture.height, picture.width)


def decode_picture(data: bytes, file_format: FileFormat) -> Pixels:
    """Decode a PNG or the only page of a TIFF to luminance.

    Samples deeper than eight bits are taken to use the fewest of 8, 10, 12, 14 or 16 bits that hold the brightest
    one, because twelve-bit detectors are commonly saved in sixteen; floating-point samples are spread over their range.

    Raises
    ------
    NotEligible
        If a TIFF has several pages: which one is the radiograph, nobody says.
    UnreadablePixels
        If the picture is damaged.
    """
    if file_format is FileFormat.PNG:
        _read_png_size(data)
    with _opened(data, file_format) as picture:
        try:
            _check_single_page(picture)
            picture.load()
            return _to_grey(picture)
        except _FAILURES as error:
            raise UnreadablePixels(f"the {file_format.upper()} is damaged: send the original again") from error


def _read_png_size(data: bytes) -> Size:
    columns, rows, depth, colour_type = struct.unpack(">IIBB", data[16:26].ljust(10, b"\0"))
    bits = max(1, depth * _CHANNELS.get(colour_type, 1))
    check_density(rows, columns, len(data), _BITS_PER_BYTE / bits)
    if _PNG_END not in data[-4096:]:
        raise UnreadablePixels("the PNG ends before its picture does: it is truncated, send the original again")
    return Size(rows, columns)


def _opened(data: bytes, file_format: FileFormat) -> Image.Image:
    try:
        picture = Image.open(io.BytesIO(data), formats=(file_format.upper(),))
    except (*_FAILURES, Image.DecompressionBombError) as error:
        raise UnreadablePixels(f"the {file_format.upper()} cannot be opened: send the original again") from error
    check_density(picture.height, picture.width, len(data), _BITS_PER_BYTE)
    return picture


def _check_single_page(picture: Image.Image) -> None:
    if not isinstance(picture, TiffImagePlugin.TiffImageFile):
        return
    try:
        picture.seek(1)
    except EOFError:
        picture.seek(0)
        return
    raise NotEligible("the TIFF has several pages; send each radiograph as a file of its own")


def _to_grey(picture: Image.Image) -> Pixels:
    is_inverted = False
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        # Pillow turns white-is-zero around for up to eight bits, not for more.
        is_inverted = picture.mode.startswith(("I", "F")) and picture.tag_v2.get(_PHOTOMETRIC) == 0
    if picture.mode.startswith("I"):
        pixels = _from_deep(np.asarray(picture).astype(np.int64))
    elif picture.mode == "F":
        pixels = spread(np.asarray(picture, dtype=np.float64))
    else:
        pixels = np.asarray(_without_alpha(picture).convert("L"))
    return 255 - pixels if is_inverted else pixels


def _without_alpha(picture: Image.Image) -> Image.Image:
    """Lay a transparent picture on black, as a light box is dark where there is no film."""
    if not picture.has_transparency_data:
        return picture
    on_black = Image.new("RGBA", picture.size, (0, 0, 0, 255))
    on_black.alpha_composite(picture.convert("RGBA"))
    return on_black


def _from_deep(samples: NDArray[np.int64]) -> Pixels:
    """Bring integer samples of up to 16 bits to eight with rounding; others are spread over their range."""
    brightest = int(samples.max())
    if samples.min() < 0 or brightest >= 1 << _DEPTHS[-1]:
        return spread(samples.astype(np.float64))
    highest = next((1 << depth) - 1 for depth in _DEPTHS if brightest < 1 << depth)
    return ((samples * 255 + highest // 2) // highest).astype(np.uint8)
