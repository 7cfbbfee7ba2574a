"""Decoding a DICOM frame to stored values, whatever its transfer syntax.

References
----------
DICOM PS3.5 8 (encoding of pixel data), A.4 (encapsulated transfer syntaxes); PS3.6 A (the UIDs).
"""

from dataclasses import dataclass

import numpy as np

from lingula.errors import NotEligible, UnreadablePixels
from lingula.radiology.elements import (
    DEFLATED,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    Elements,
    PixelPlace,
    fragments,
)
from lingula.radiology.grey import Stored
from lingula.radiology.jpeg import decode_jpeg, read_jpeg_header
from lingula.radiology.layout import PixelLayout

JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
_NATIVE = frozenset((IMPLICIT_LITTLE, EXPLICIT_LITTLE, DEFLATED, EXPLICIT_BIG))


@dataclass(frozen=True, slots=True)
class Samples:
    """A decoded frame: shape (rows, columns, samples), and what its samples mean after decoding."""

    values: Stored
    photometric_interpretation: str
    bits_stored: int


def decode_samples(elements: Elements, place: PixelPlace, layout: PixelLayout, at_least: int | None) -> Samples:
    """Decode the only frame.

    Parameters
    ----------
    at_least
        The shortest side needed; only baseline JPEG makes use of it.

    Raises
    ------
    NotEligible
        If the transfer syntax is not read.
    UnreadablePixels
        If the frame is damaged or contradicts the header.
    """
    syntax = elements.transfer_syntax_uid
    if syntax in _NATIVE:
        stored = _read_native(elements, place, layout)
        return Samples(stored, layout.photometric_interpretation, layout.bits_stored)
    if place.length is not None:
        raise UnreadablePixels(f"transfer syntax {syntax} promises compressed pixels, but they are not: export again")
    frame = b"".join(elements.data[start:end] for start, end in list(fragments(elements.data, place.start))[1:])
    if syntax == JPEG_BASELINE:
        return _decode_jpeg(frame, layout, at_least)
    raise NotEligible(f"transfer syntax {syntax} is not read; send the file uncompressed")


def settle_bits(raw: Stored, layout: PixelLayout) -> Stored:
    """Take the stored bits out of their cells and give them their sign."""
    cell_bits = raw.dtype.itemsize * 8
    above = cell_bits - 1 - layout.high_bit
    below = cell_bits - layout.bits_stored
    if above == 0 and below == 0 and not layout.is_signed:
        return raw
    cells = raw.view(np.dtype(f"i{raw.dtype.itemsize}")) if layout.is_signed else raw
    return (cells << above) >> below if above or below else cells


def _decode_jpeg(frame: bytes, layout: PixelLayout, at_least: int | None) -> Samples:
    header = read_jpeg_header(frame)
    _check_agreement(header.rows, header.columns, layout)
    pixels = decode_jpeg(frame, header, at_least)[:, :, np.newaxis]
    return Samples(pixels, "MONOCHROME2" if layout.samples_per_pixel > 1 else layout.photometric_interpretation, 8)


def _check_agreement(rows: int, columns: int, layout: PixelLayout) -> None:
    if (rows, columns) != (layout.rows, layout.columns):
        raise UnreadablePixels(
            f"the DICOM header says {layout.rows} x {layout.columns}, the compressed picture {rows} x {columns} pixels: "
            "the file is forged or damaged"
        )


def _read_native(elements: Elements, place: PixelPlace, layout: PixelLayout) -> Stored:
    if place.length is None:
        raise UnreadablePixels("the transfer syntax promises uncompressed pixels, but they lie in fragments: export it")
    cells = memoryview(elements.data)[place.start : place.start + layout.size_bytes]
    if layout.bits_allocated == 1:
        raw: Stored = np.unpackbits(np.frombuffer(cells, np.uint8), bitorder="little")
        return _shape(raw[: layout.rows * layout.columns * layout.samples_per_pixel], layout)
    size = layout.bits_allocated // 8
    raw = np.frombuffer(cells, f"{elements.encoding.byte_order}u{size}").astype(f"=u{size}", copy=False)
    return _shape(settle_bits(raw, layout), layout)


def _shape(raw: Stored, layout: PixelLayout) -> Stored:
    """Bring samples into the shape (rows, columns, samples)."""
    rows, columns, samples = layout.rows, layout.columns, layout.samples_per_pixel
    if layout.photometric_interpretation == "YBR_FULL_422" and samples > 1:
        return raw.reshape(-1, 4)[:, :2].reshape(rows, columns, 1)  # Y1 Y2 Cb Cr of two pixels each
    if layout.is_planar:
        return np.moveaxis(raw.reshape(samples, rows, columns), 0, 2)
    return raw.reshape(rows, columns, samples)
