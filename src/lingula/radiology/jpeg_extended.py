"""JPEG Extended with twelve bits (process 4): sequential DCT, one grey component.

References
----------
ITU-T T.81 A.3.3 (inverse DCT), F.2 (sequential decoding), K.1 figure A.6 (zigzag); DICOM PS3.5 A.4.1 (.51).
"""

import numpy as np
from numpy.typing import NDArray

from lingula.errors import UnreadablePixels
from lingula.radiology.huffman import BLOCK_BYTES, INVALID, BitWindows, HuffmanTable
from lingula.radiology.jpeg_segments import JpegScan, read_scan

_START_OF_EXTENDED_FRAME = 0xC1
_SIDE, _COEFFICIENTS = 8, 64
_MOST_BLOCK_BYTES = 512  # 64 codes of 16 bits with magnitudes of 16 bits, twice over
_TRUNCATED = "the twelve-bit JPEG ends before its last block: it is truncated, send it again"


def decode_extended(data: bytes) -> NDArray[np.uint16]:
    """Decode a sequential grey JPEG of up to twelve bits.

    Returns
    -------
    NDArray[np.uint16]
        Shape (rows, columns).

    Raises
    ------
    UnreadablePixels
        If the stream is damaged, truncated or coloured.
    """
    scan = read_scan(data, _START_OF_EXTENDED_FRAME)
    steps = scan.quantisation.get(scan.quantisation_id)
    if scan.components != 1 or scan.precision not in (8, 12) or steps is None:
        raise UnreadablePixels("only grey extended JPEG of 8 or 12 bits is read: send the file uncompressed")
    dc, ac = scan.table(0, scan.table_ids[0][0]), scan.table(1, scan.table_ids[0][1])
    down, across = -(-scan.rows // _SIDE), -(-scan.columns // _SIDE)
    parts, blocks_left = [], down * across
    for segment in scan.segments:
        count = min(scan.restart_interval or blocks_left, blocks_left)
        coefficients = _decode_blocks(BitWindows(segment), dc, ac, count)
        coefficients[:, 0] = np.cumsum(coefficients[:, 0])
        parts.append(coefficients)
        blocks_left -= count
        if blocks_left == 0:
            return _to_pixels(np.concatenate(parts), steps, scan)
    raise UnreadablePixels(_TRUNCATED)


def _decode_blocks(bits: BitWindows, dc: HuffmanTable, ac: HuffmanTable, count: int) -> NDArray[np.int16]:
    """Decode `count` blocks to coefficients in zigzag order; DC still as differences."""
    coefficients = np.zeros(count * _COEFFICIENTS, np.int16)
    done, at = 0, 0  # at: the bit where the next block begins
    while done < count:
        first_byte = at >> 3
        codes = bits.codes(first_byte)
        is_last = first_byte + BLOCK_BYTES >= bits.size_bytes
        safe_end = len(codes) if is_last else len(codes) - 8 * _MOST_BLOCK_BYTES
        walk = _Walk(codes, dc, ac)
        try:
            walked = walk.blocks(at - 8 * first_byte, safe_end, count - done)
        except IndexError as error:
            raise UnreadablePixels(_TRUNCATED) from error
        if walked == 0:
            raise UnreadablePixels(_TRUNCATED)
        positions, places = np.array(walk.positions, np.int64), np.array(walk.places, np.int64)
        is_dc = places % _COEFFICIENTS == 0
        code = codes[positions]
        symbols = np.where(is_dc, dc.symbols[code], ac.symbols[code])
        if (symbols == INVALID).any():
            raise UnreadablePixels("the twelve-bit JPEG has a code that is in no table: it is damaged, send it again")
        starts = positions + 8 * first_byte + np.where(is_dc, dc.code_bits[code], ac.code_bits[code])
        values = bits.magnitudes(starts, symbols & 15)
        coefficients[done * _COEFFICIENTS + places] = values
        done += walked
        at = 8 * first_byte + walk.end
    return coefficients.reshape(count, _COEFFICIENTS)


class _Walk:
    """One pass over a block of bit positions: where each coefficient's code begins, and which coefficient it is."""

    def __init__(self, codes: NDArray[np.uint16], dc: HuffmanTable, ac: HuffmanTable) -> None:
        self.positions: list[int] = []
        self.places: list[int] = []
        self.end = 0
        self._dc_steps = (dc.code_bits + (dc.symbols & 15))[codes].tobytes()
        self._ac_steps = (ac.code_bits + (ac.symbols & 15))[codes].tobytes()
        size, run = ac.symbols & 15, ac.symbols >> 4
        # How far a code moves on in the block; without a magnitude it skips sixteen or ends the block.
        self._moves = np.where(size > 0, run + 1, np.where(run == 15, 16, _COEFFICIENTS))[codes].astype("u1").tobytes()  # noqa: PLR2004 - ZRL
        self._has_value = (size > 0)[codes].tobytes()

    def blocks(self, at: int, safe_end: int, count: int) -> int:
        """Walk at most `count` blocks that begin before `safe_end`; give how many."""
        walked = 0
        while walked < count and at < safe_end:
            place = walked * _COEFFICIENTS
            self.positions.append(at)
            self.places.append(place)
            at += self._dc_steps[at]
            coefficient = 0
            while coefficient < _COEFFICIENTS - 1:
                coefficient += self._moves[at]
                if self._has_value[at]:
                    self.positions.append(at)
                    self.places.append(place + min(coefficient, _COEFFICIENTS - 1))
                at += self._ac_steps[at]
            walked += 1
        self.end = at
        return walked


def _to_pixels(coefficients: NDArray[np.int16], steps: NDArray[np.int64], scan: JpegScan) -> NDArray[np.uint16]:
    """Dequantise, transform back, shift to unsigned and lay the blocks side by side."""
    down, across = -(-scan.rows // _SIDE), -(-scan.columns // _SIDE)
    pixels = np.empty((down, _SIDE, across, _SIDE), np.uint16)
    cosines = _cosines()
    middle, highest = 1 << (scan.precision - 1), (1 << scan.precision) - 1
    for row in range(down):
        spectrum = np.zeros((across, _COEFFICIENTS))
        spectrum[:, _zigzag()] = coefficients[row * across : (row + 1) * across] * steps
        values = cosines.T @ spectrum.reshape(across, _SIDE, _SIDE) @ cosines  # (across, 8, 8)
        pixels[row] = np.clip(np.rint(values) + middle, 0, highest).astype(np.uint16).transpose(1, 0, 2)
    return pixels.reshape(down * _SIDE, across * _SIDE)[: scan.rows, : scan.columns]


def _cosines() -> NDArray[np.float64]:
    """Give the orthonormal cosine transform: row u holds frequency u."""
    frequency, place = np.arange(_SIDE)[:, np.newaxis], np.arange(_SIDE)
    cosines = np.cos((2 * place + 1) * frequency * np.pi / (2 * _SIDE)) / 2.0
    cosines[0] /= np.sqrt(2.0)
    return cosines


def _zigzag() -> NDArray[np.intp]:
    """Give the row-major place of each coefficient in zigzag order."""
    places = [(row, column) for row in range(_SIDE) for column in range(_SIDE)]
    places.sort(key=lambda rc: (sum(rc), rc[0] if sum(rc) % 2 else rc[1]))
    return np.array([row * _SIDE + column for row, column in places], np.intp)
