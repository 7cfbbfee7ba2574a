"""Huffman decoding for the JPEG kinds that no permissively licensed decoder reads, in arrays instead of bits.

What follows a bit depends on where the last symbol ended, which would mean a slow loop over millions of bits. Instead
every bit position is looked up at once as if a symbol began there; then a loop of one addition per symbol finds the
positions where symbols really begin. A damaged stream gives wrong symbols, never an access out of bounds.

References
----------
ITU-T T.81 Annex C (tables), F.2.2.1 (extension of magnitudes).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lingula.errors import UnreadablePixels

INVALID = 255
"""The symbol of a code that no table entry begins with."""
BLOCK_BYTES = 1 << 18
"""Looked up at a time: eight positions per byte, so a few megabytes whatever the picture's size."""
_PADDING = b"\0" * 8
_CODE_BITS = 16


@dataclass(frozen=True, slots=True)
class HuffmanTable:
    """What each possible 16 bits begin with: the symbol and how many bits its code takes."""

    symbols: NDArray[np.uint8]  # (65536,)
    code_bits: NDArray[np.uint8]  # (65536,)


def build_table(counts: bytes, symbols: bytes) -> HuffmanTable:
    """Build a table from how many codes of each length there are (16 numbers) and their symbols in order."""
    looked_up = np.full(1 << _CODE_BITS, INVALID, np.uint8)
    code_bits = np.ones(1 << _CODE_BITS, np.uint8)
    start, given = 0, iter(symbols)
    for length, count in enumerate(counts, start=1):
        for _, symbol in zip(range(count), given, strict=False):
            end = start + (1 << _CODE_BITS - length)
            if end > 1 << _CODE_BITS:
                raise UnreadablePixels("a JPEG Huffman table has more codes than fit: the picture is damaged")
            looked_up[start:end], code_bits[start:end] = symbol, length
            start = end
    return HuffmanTable(looked_up, code_bits)


class BitWindows:
    """Bits of one entropy-coded segment, to be looked at from any position.

    Parameters
    ----------
    segment
        The bytes between two markers, stuffed as in the file.
    """

    def __init__(self, segment: bytes) -> None:
        plain = segment.replace(b"\xff\x00", b"\xff")
        self.size_bytes = len(plain)
        self._bytes = np.frombuffer(plain + _PADDING, np.uint8)

    def codes(self, first_byte: int) -> NDArray[np.uint16]:
        """Give the 16 bits at every bit position of a block of bytes, in order."""
        block = self._bytes[first_byte : min(first_byte + BLOCK_BYTES, self.size_bytes) + 2].astype(np.uint32)
        three = block[:-2] << 16 | block[1:-1] << 8 | block[2:]
        codes = np.empty((len(three), 8), np.uint16)
        for shift in range(8):
            codes[:, shift] = three >> (8 - shift) & 0xFFFF
        return codes.reshape(-1)

    def magnitudes(self, positions: NDArray[np.int64], sizes: NDArray[np.integer]) -> NDArray[np.int32]:
        """Read the signed numbers of `sizes` bits that begin at bit `positions`."""
        at, offset = positions >> 3, positions & 7
        window = np.zeros(len(positions), np.int64)
        for byte in range(4):
            window = window << 8 | self._bytes[np.minimum(at + byte, len(self._bytes) - 1)]
        wide = sizes.astype(np.int64)
        extra = window >> (32 - offset - wide) & ((1 << wide) - 1)
        is_negative = extra < (1 << wide >> 1)
        return np.where(is_negative, extra - (1 << wide) + 1, extra).astype(np.int32)
