"""JPEG: the header walked in microseconds, the pixels decoded no larger than needed.

A model wants far fewer pixels than a detector gives. libjpeg can leave the high frequencies out while it decodes, so a
radiograph for a model costs little more than its entropy decoding; a viewer still gets every pixel.

References
----------
ITU-T T.81 Annex B (markers); Exif 2.3, 4.6.4 (orientation).
"""

import io
import struct
from dataclasses import dataclass

import numpy as np
import simplejpeg  # type: ignore[import-untyped] # the package carries no types
from PIL import Image

from lingula.errors import UnreadablePixels
from lingula.radiology.jpeg_segments import START_OF_SCAN, read_segments
from lingula.radiology.limits import check_density
from lingula.radiology.radiograph import Pixels

_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset((0xC2, 0xC6, 0xCA, 0xCE))
_LOSSLESS = frozenset((0xC3, 0xC7, 0xCB, 0xCF))
_APP1 = 0xE1
_MOST_SCAN_PIXELS = 1_000_000_000
"""Pixels times scans of a progressive JPEG: each scan is a pass over the whole picture, 10 s at this limit."""
_PIXELS_PER_BYTE = 8 * 64
"""Every block of 8 x 8 pixels takes at least one bit."""
_HARMLESS = "extraneous bytes before marker 0xd9"
"""libjpeg's complaint about padding between the last pixel and the end; all pixels are there."""
_UPRIGHT = 1
_TRANSPOSED = 5
"""Exif orientations from here on lie on their side: rows and columns change places."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JpegHeader:
    """What a JPEG's segments say before its first scan; rows and columns as stored, before orientation."""

    rows: int
    columns: int
    components: int
    precision: int
    is_progressive: bool
    is_lossless: bool
    orientation: int


def read_jpeg_header(data: bytes) -> JpegHeader:
    """Walk a JPEG's segments up to its first scan and see that its end is there.

    Raises
    ------
    UnreadablePixels
        If the picture is truncated, damaged or absurdly large.
    """
    header, at = _walk_segments(data)
    check_density(header.rows, header.columns, len(data), _PIXELS_PER_BYTE)
    if data.rfind(b"\xff\xd9", at) < 0:
        raise UnreadablePixels("the JPEG ends before its picture does: it is truncated, send the original again")
    if header.is_progressive:
        scans = data.count(b"\xff\xda")
        if scans * header.rows * header.columns > _MOST_SCAN_PIXELS:
            raise UnreadablePixels(f"the progressive JPEG passes {scans} times over its picture: it is forged")
    return header


def decode_jpeg(data: bytes, header: JpegHeader, at_least: int | None = None) -> Pixels:
    """Decode a JPEG of eight bits to luminance, as stored (see `turn_upright`).

    Parameters
    ----------
    at_least
        Neither side becomes shorter than this many pixels (or than it is in the file); None keeps every pixel.

    Returns
    -------
    Pixels
        Shape (rows, columns), or a fraction of it in steps of eighths.
    """
    if header.components == 4:  # noqa: PLR2004 - cyan, magenta, yellow, black
        return _decode_with_pillow(data)
    shortest = min(at_least or 0, header.rows, header.columns)
    try:
        return _decode_grey(data, shortest)
    except ValueError as error:
        if _HARMLESS in str(error).lower():
            return _decode_grey(data, shortest, is_strict=False)
        raise UnreadablePixels(f"the JPEG is damaged ({error}): send the original again") from error


def turn_upright(pixels: Pixels, orientation: int) -> Pixels:
    """Turn and mirror stored pixels as Exif's orientation says the picture was taken."""
    if orientation >= _TRANSPOSED:
        pixels = pixels.T
    rows_reversed = orientation in (3, 4, 7, 8)
    columns_reversed = orientation in (2, 3, 6, 7)
    return np.ascontiguousarray(pixels[:: -1 if rows_reversed else 1, :: -1 if columns_reversed else 1])


def is_on_its_side(orientation: int) -> bool:
    """Whether rows and columns change places when the picture is turned upright."""
    return orientation >= _TRANSPOSED


def _walk_segments(data: bytes) -> tuple[JpegHeader, int]:
    """Read the header and tell where the first scan begins."""
    frame, start, orientation = None, None, _UPRIGHT
    for marker, parameters, end in read_segments(data):
        if marker in _START_OF_FRAME:
            frame = marker, struct.unpack(">BHHB", parameters[:6].ljust(6, b"\0"))
        elif marker == _APP1 and parameters[:6] == b"Exif\0\0":
            orientation = _read_orientation(parameters[6:])
        elif marker == START_OF_SCAN:
            start = end
    if frame is None or start is None:
        raise UnreadablePixels("the JPEG has no picture before its end: it is damaged, send the original again")
    marker, (precision, rows, columns, components) = frame
    header = JpegHeader(
        rows=rows,
        columns=columns,
        components=components,
        precision=precision,
        is_progressive=marker in _PROGRESSIVE,
        is_lossless=marker in _LOSSLESS,
        orientation=orientation,
    )
    return header, start


def _read_orientation(exif: bytes) -> int:
    """Find tag 0x0112 in Exif's first directory; anything unexpected counts as upright."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        return _UPRIGHT
    try:
        (offset,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, offset)
        for entry in range(offset + 2, offset + 2 + 12 * count, 12):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", exif, entry)
            if tag == 0x0112:  # noqa: PLR2004 - Orientation
                return value if 1 <= value <= 8 else _UPRIGHT  # noqa: PLR2004 - the eight orientations
    except struct.error:
        return _UPRIGHT
    return _UPRIGHT


def _decode_grey(data: bytes, shortest: int, *, is_strict: bool = True) -> Pixels:
    pixels = simplejpeg.decode_jpeg(data, "GRAY", min_height=shortest, min_width=shortest, strict=is_strict)
    return np.asarray(pixels[:, :, 0], dtype=np.uint8)


def _decode_with_pillow(data: bytes) -> Pixels:
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as picture:
            return np.asarray(picture.convert("L"))
    except (OSError, ValueError, SyntaxError) as error:
        raise UnreadablePixels(f"the JPEG is damaged ({error}): send the original again") from error
