"""Decoding a DICOM frame to stored values, whatever its transfer syntax.

References
----------
DICOM PS3.5 8 (encoding of pixel data), A.4 (encapsulated transfer syntaxes); PS3.6 A (the UIDs).
"""

from dataclasses import dataclass, replace

import numpy as np

from lingula.errors import NotEligible, UnreadablePixels
from lingula.radiology.codestreams import Decoded, check_agreement, decode_jpeg_2000, decode_jpeg_ls, decode_rle
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
from lingula.radiology.jpeg_extended import decode_extended
from lingula.radiology.jpeg_lossless import decode_lossless
from lingula.radiology.layout import PixelLayout

_JPEG = frozenset(f"1.2.840.10008.1.2.4.{kind}" for kind in (50, 51, 57, 70))
_JPEG_LS = frozenset(("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"))
_JPEG_2000 = frozenset(f"1.2.840.10008.1.2.4.{kind}" for kind in (90, 91, 201, 202, 203))
_RLE = "1.2.840.10008.1.2.5"
_SCREEN_BITS = 8
_COLOURS = ("RGB", "YBR")
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
    if syntax in _JPEG:
        return _decode_jpeg(frame, layout, at_least)
    decoded = _decode_others(frame, syntax, layout)
    meaning = layout.photometric_interpretation
    if syntax in _JPEG_2000 and meaning in ("YBR_RCT", "YBR_ICT"):
        meaning = "RGB"  # the decoder has undone the transform
    return Samples(_give_sign(decoded, layout), meaning, layout.bits_stored)


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
    """Decode by what the stream is, not by what the transfer syntax says: senders mix up the JPEG kinds."""
    header = read_jpeg_header(frame)
    check_agreement((header.rows, header.columns), (layout.rows, layout.columns))
    is_colour = layout.samples_per_pixel > 1
    if header.is_lossless:
        decoded = Decoded(decode_lossless(frame), header.precision)
        return Samples(_give_sign(decoded, layout), layout.photometric_interpretation, layout.bits_stored)
    if header.precision == _SCREEN_BITS:
        pixels = decode_jpeg(frame, header, at_least)[:, :, np.newaxis]
        decoded = Decoded(pixels, _SCREEN_BITS)
        # Colour has become luminance already.
        meaning = "MONOCHROME2" if is_colour else layout.photometric_interpretation
        return Samples(pixels if is_colour else _give_sign(decoded, layout), meaning, _SCREEN_BITS)
    decoded = Decoded(decode_extended(frame)[:, :, np.newaxis], header.precision)
    return Samples(_give_sign(decoded, layout), layout.photometric_interpretation, layout.bits_stored)


def _decode_others(frame: bytes, syntax: str, layout: PixelLayout) -> Decoded:
    if syntax == _RLE:
        return decode_rle(frame, layout.rows, layout.columns, layout.samples_per_pixel)
    if syntax in _JPEG_LS:
        return decode_jpeg_ls(frame, layout.rows, layout.columns)
    if syntax in _JPEG_2000:
        return decode_jpeg_2000(frame, layout.rows, layout.columns)
    raise NotEligible(f"transfer syntax {syntax} is not read; send the file uncompressed")


def _give_sign(decoded: Decoded, layout: PixelLayout) -> Stored:
    """Take decoded values as two's complement if the header says they are signed, whatever the stream thought."""
    if not layout.is_signed:
        return decoded.values
    bits = min(decoded.precision, layout.bits_stored)
    return settle_bits(decoded.values, replace(layout, bits_stored=bits, high_bit=bits - 1))


def _read_native(elements: Elements, place: PixelPlace, layout: PixelLayout) -> Stored:
    if place.length is None:
        raise UnreadablePixels("the transfer syntax promises uncompressed pixels, but they lie in fragments: export it")
    _check_samples(place.length, layout)
    data, start, byte_order = elements.data, place.start, elements.encoding.byte_order
    if layout.bits_allocated == 1:
        bits = np.frombuffer(data, np.uint8, layout.size_bytes, start)
        count = layout.rows * layout.columns * layout.samples_per_pixel
        return _shape(np.unpackbits(bits, bitorder="little")[:count], layout)
    size = layout.bits_allocated // 8
    if size == 1 and byte_order == ">" and data[start - 8 : start - 6] == b"OW":
        data, start = _swap_pairs(data[start : start + layout.size_bytes + 1]), 0
    raw: Stored = np.frombuffer(data, f"{byte_order}u{size}", layout.size_bytes // size, start)
    return _shape(settle_bits(raw.astype(f"=u{size}", copy=False), layout), layout)


def _check_samples(length: int, layout: PixelLayout) -> None:
    """Refuse colours of which the header counts one sample, unless there are no bytes for more: then grey is meant."""
    meaning = layout.photometric_interpretation
    if layout.samples_per_pixel == 1 and meaning.startswith(_COLOURS) and length > layout.size_bytes + 1:  # and padding
        raise UnreadablePixels(f"{meaning} with one sample per pixel contradicts itself: export it again")


def _swap_pairs(cells: bytes) -> bytes:
    """Bytes written as big-endian words change places (PS3.5 8.1.1, retired)."""
    pairs = np.frombuffer(cells + b"\0" * (len(cells) % 2), np.uint8).reshape(-1, 2)
    return pairs[:, ::-1].tobytes()


def _shape(raw: Stored, layout: PixelLayout) -> Stored:
    """Bring samples into the shape (rows, columns, samples)."""
    rows, columns, samples = layout.rows, layout.columns, layout.samples_per_pixel
    if layout.photometric_interpretation == "YBR_FULL_422" and samples > 1:
        if columns % 2:
            raise UnreadablePixels(f"{columns} columns cannot share their colours in pairs: the file is damaged")
        return raw.reshape(-1, 4)[:, :2].reshape(rows, columns, 1)  # Y1 Y2 Cb Cr of two pixels each
    if layout.is_planar:
        return np.moveaxis(raw.reshape(samples, rows, columns), 0, 2)
    return raw.reshape(rows, columns, samples)
