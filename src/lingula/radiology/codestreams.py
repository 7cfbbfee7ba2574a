"""Frames compressed by RLE, JPEG-LS and JPEG 2000: what they claim is checked before a decoder may allocate.

JPEG-LS is decoded by CharLS and JPEG 2000 by OpenJPEG, the libraries behind most viewers, both permissively licensed.

References
----------
DICOM PS3.5 Annex G (RLE); ITU-T T.87 Annex C (JPEG-LS); ITU-T T.800 Annex A (JPEG 2000).
"""

import struct
from dataclasses import dataclass
from itertools import pairwise

import jpeg_ls  # type: ignore[import-untyped] # the package carries no types
import numpy as np
from openjpeg.utils import decode as decode_with_openjpeg

from lingula.errors import UnreadablePixels
from lingula.radiology.grey import Stored
from lingula.radiology.jpeg_segments import read_segments
from lingula.radiology.limits import check_size

_RLE_HEADER_BYTES, _MOST_RLE_SEGMENTS = 64, 15
_START_OF_LS_FRAME = 0xF7
_J2K_START = b"\xff\x4f\xff\x51"
_J2K_SIZE_BYTES = 42
_MOST_JP2_BOX_BYTES = 4096
_CODING_STYLE, _START_OF_TILE = 0xFF52, 0xFF90
_MOST_TILES = 4096
_MOST_PARTS = 1_000_000
"""Precincts and code blocks of a JPEG 2000 picture: each costs memory, however few bytes it takes."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """Samples of shape (rows, columns, samples) and how many bits of them count."""

    values: Stored
    precision: int


def check_agreement(claimed: tuple[int, int], stated: tuple[int, int]) -> None:
    """Refuse a compressed picture that claims another size (rows, columns) than the DICOM header."""
    if claimed != stated:
        raise UnreadablePixels(
            f"the DICOM header says {stated[0]} x {stated[1]}, the compressed picture {claimed[0]} x {claimed[1]}: "
            "the file is forged or damaged"
        )


def decode_rle(frame: bytes, rows: int, columns: int, samples: int) -> Decoded:
    """Decode an RLE frame: one segment per byte of a sample, the most significant first."""
    count, *offsets = struct.unpack("<16I", frame[:_RLE_HEADER_BYTES].ljust(_RLE_HEADER_BYTES, b"\0"))
    if not 1 <= count <= _MOST_RLE_SEGMENTS or count % samples or count // samples not in (1, 2, 4):
        raise UnreadablePixels(f"an RLE frame of {count} segments for {samples} samples is damaged: send it again")
    offsets = [*offsets[:count], len(frame)]
    planes = [_unpack_bits(frame[start:end], rows * columns) for start, end in pairwise(offsets)]
    size = count // samples
    cells = np.stack([np.frombuffer(plane, np.uint8) for plane in planes])  # (samples * size, pixels)
    cells = np.ascontiguousarray(cells.reshape(samples, size, -1).transpose(2, 0, 1))  # (pixels, samples, size)
    values = cells.view(f">u{size}").astype(f"=u{size}", copy=False)
    return Decoded(values.reshape(rows, columns, samples), 8 * size)


def decode_jpeg_ls(frame: bytes, rows: int, columns: int) -> Decoded:
    """Decode a JPEG-LS frame, lossless or near-lossless."""
    precision, claimed_rows, claimed_columns, components = _read_ls_size(frame)
    check_agreement((claimed_rows, claimed_columns), (rows, columns))
    try:
        decoded, header = jpeg_ls.decode_pixel_data(frame)
        values: Stored = np.frombuffer(decoded, np.uint8 if precision <= 8 else "<u2")  # noqa: PLR2004 - bits of a byte
        if components > 1 and header["interleave_mode"] == 0:
            return Decoded(np.moveaxis(values.reshape(components, rows, columns), 0, 2), precision)
        return Decoded(values.reshape(rows, columns, components), precision)
    except (RuntimeError, ValueError) as error:
        raise UnreadablePixels("the JPEG-LS picture is damaged: send it again") from error


def decode_jpeg_2000(frame: bytes, rows: int, columns: int) -> Decoded:
    """Decode a JPEG 2000 frame, bare or in a JP2 box; multi-component transforms are undone (YBR becomes RGB)."""
    precision, claimed, components = _check_j2k(frame)
    check_agreement(claimed, (rows, columns))
    try:
        values = decode_with_openjpeg(frame)
        return Decoded(values.view(f"u{values.dtype.itemsize}").reshape(rows, columns, components), precision)
    except (RuntimeError, ValueError) as error:
        raise UnreadablePixels("the JPEG 2000 picture is damaged: send it again") from error


def _unpack_bits(segment: bytes, size: int) -> bytes:
    """Undo PackBits; never give more than `size` bytes (G.3.1)."""
    unpacked = bytearray()
    at = 0
    most = min(len(segment) - 1, 2 * size + _RLE_HEADER_BYTES)  # runs of one byte are the longest way to write it
    while at < most and len(unpacked) < size:
        length = segment[at]
        if length < 128:  # noqa: PLR2004 - that many bytes and one more follow
            unpacked += segment[at + 1 : at + 2 + length]
            at += 2 + length
        elif length > 128:  # noqa: PLR2004 - the next byte repeats; 128 itself means nothing
            unpacked += segment[at + 1 : at + 2] * (257 - length)
            at += 2
        else:
            at += 1
    if len(unpacked) < size:
        raise UnreadablePixels("an RLE segment ends early: the file is truncated, send it again")
    return bytes(unpacked[:size])


def _read_ls_size(frame: bytes) -> tuple[int, int, int, int]:
    for marker, parameters, _ in read_segments(frame):
        if marker == _START_OF_LS_FRAME and len(parameters) >= 6:  # noqa: PLR2004 - precision, lines, samples, components
            precision, rows, columns, components = struct.unpack_from(">BHHB", parameters)
            check_size(rows, columns)
            if not 2 <= precision <= 16 or components not in (1, 3):  # noqa: PLR2004 - T.87 C.2.2
                break
            return precision, rows, columns, components
    raise UnreadablePixels("the JPEG-LS picture has no frame header that can be read: it is damaged, send it again")


def _check_j2k(frame: bytes) -> tuple[int, tuple[int, int], int]:
    """Read precision, size and components, and refuse what would cost memory out of proportion."""
    start = frame.find(_J2K_START, 0, _MOST_JP2_BOX_BYTES)
    if start < 0 or len(frame) < start + _J2K_SIZE_BYTES:
        raise UnreadablePixels("the JPEG 2000 picture has no header: it is damaged, send it again")
    x1, y1, x0, y0, tile_width, tile_height, _, _, components = struct.unpack_from(">8IH", frame, start + 8)
    rows, columns = y1 - y0, x1 - x0
    check_size(rows, columns)
    depths = frame[start + 42 : start + 42 + 3 * components]
    if components not in (1, 3) or len(set(depths[::3])) != 1 or set(depths[1::3] + depths[2::3]) != {1}:
        raise UnreadablePixels("a JPEG 2000 picture with unusual components is not read: send it uncompressed")
    tiles = -(-columns // max(tile_width, 1)) * -(-rows // max(tile_height, 1))
    parts = tiles * _parts_per_tile(frame, start, min(tile_height, rows), min(tile_width, columns))
    if min(tile_width, tile_height) == 0 or tiles > _MOST_TILES or parts > _MOST_PARTS:
        raise UnreadablePixels(f"the JPEG 2000 picture is cut into {tiles:,} tiles and {parts:,} parts: it is forged")
    return (depths[0] & 127) + 1, (rows, columns), components


def _parts_per_tile(frame: bytes, start: int, height: int, width: int) -> int:
    """Count code blocks and precincts of a tile from the coding style, coarsely and never too few."""
    at = start + 2
    for _ in range(64):
        marker, length = struct.unpack(">HH", frame[at : at + 4].ljust(4, b"\0"))
        if marker == _CODING_STYLE:
            style = frame[at + 4 : at + 2 + length].ljust(10, b"\0")
            layers, levels = int.from_bytes(style[2:4], "big"), style[5]
            block_bits = style[6] + style[7] + 4
            precincts = style[10:] if style[0] & 1 else b""
            smallest = min((size & 15) + (size >> 4) for size in precincts) if precincts else 30
            area = height * width
            return (area >> min(block_bits, smallest)) + 3 * (levels + 1) * max(layers, 1)
        at += 2 + length
    raise UnreadablePixels("the JPEG 2000 picture has no coding style: it is damaged, send it again")
