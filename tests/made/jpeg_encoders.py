"""Encoders for the JPEG kinds no permissive library writes, as simple as the standard allows (ITU-T T.81)."""

import struct
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

_ZIGZAG = sorted(
    ((row, column) for row in range(8) for column in range(8)),
    key=lambda place: (sum(place), place[0] if sum(place) % 2 else place[1]),
)


def lossless_jpeg(stored: NDArray[np.integer], precision: int, predictor: int = 1, restart_rows: int = 0) -> bytes:
    """Encode (rows, columns) or (rows, columns, 3) losslessly (process 14); two tables take turns."""
    planes = np.atleast_3d(stored).astype(int)
    rows, columns, components = planes.shape
    step = restart_rows or rows
    pieces = []
    for first in range(0, rows, step):
        part = planes[first : first + step]
        bits = "".join(
            _coded(int(part[r, c, k]) - _predicted(part[:, :, k], r, c, predictor, precision), 5 + k % 2)
            for r in range(len(part))
            for c in range(columns)
            for k in range(components)
        )
        pieces.append(_stuffed(bits))
    scan = (
        bytes([components]) + b"".join(bytes([k + 1, k % 2 << 4]) for k in range(components)) + bytes([predictor, 0, 0])
    )
    segments = [
        (0xC3, _frame(precision, rows, columns, components)),
        (0xC4, _flat_table(0, range(17), 5) + _flat_table(1, range(17), 6)),
        (0xDD, struct.pack(">H", restart_rows * columns)),
        (0xDA, scan),
    ]
    return _stream(segments, pieces)


def extended_jpeg(stored: NDArray[np.integer], precision: int = 12, step: int = 4, restart_blocks: int = 0) -> bytes:
    """Encode (rows, columns) with the DCT and Huffman codes of process 4; `step` quantises every coefficient."""
    rows, columns = stored.shape
    padded = np.pad(stored.astype(float), ((0, -rows % 8), (0, -columns % 8)), mode="edge") - (1 << precision - 1)
    cosines = np.array([[np.cos((2 * x + 1) * u * np.pi / 16) / 2 for x in range(8)] for u in range(8)])
    cosines[0] /= np.sqrt(2)
    blocks = [
        np.rint(cosines @ padded[r : r + 8, c : c + 8] @ cosines.T / step).astype(int)
        for r in range(0, padded.shape[0], 8)
        for c in range(0, padded.shape[1], 8)
    ]
    interval = restart_blocks or len(blocks)
    pieces = [_stuffed("".join(_blocks(blocks[i : i + interval]))) for i in range(0, len(blocks), interval)]
    segments = [
        (0xDB, bytes([0]) + bytes([step]) * 64),
        (0xC1, _frame(precision, rows, columns, 1)),
        (0xC4, _flat_table(0, range(17), 5) + _flat_table(16, range(256), 9)),
        (0xDD, struct.pack(">H", restart_blocks)),
        (0xDA, bytes([1, 1, 0, 0, 63, 0])),
    ]
    return _stream(segments, pieces)


def _predicted(plane: NDArray[np.integer], r: int, c: int, predictor: int, precision: int) -> int:
    if r == 0 and c == 0:
        return 1 << precision - 1
    if r == 0:
        return int(plane[0, c - 1])
    if c == 0:
        return int(plane[r - 1, 0])
    left, above, corner = int(plane[r, c - 1]), int(plane[r - 1, c]), int(plane[r - 1, c - 1])
    rules = (
        left,
        above,
        corner,
        left + above - corner,
        left + ((above - corner) >> 1),
        above + ((left - corner) >> 1),
        (left + above) >> 1,
    )
    return rules[predictor - 1]


def _coded(difference: int, bits: int) -> str:
    """Give category and magnitude of a difference, modulo 65536, with codes of equal length."""
    difference = (difference + 32767) % 65536 - 32767
    size = abs(difference).bit_length()
    if size == 16:
        return f"{size:0{bits}b}"
    return f"{size:0{bits}b}{_magnitude(difference, size)}"


def _magnitude(number: int, size: int) -> str:
    if size == 0:
        return ""
    return f"{number if number > 0 else number + (1 << size) - 1:0{size}b}"


def _blocks(blocks: Iterable[NDArray[np.integer]]) -> Iterator[str]:
    before = 0
    for block in blocks:
        numbers = [int(block[place]) for place in _ZIGZAG]
        difference, before = numbers[0] - before, numbers[0]
        size = abs(difference).bit_length()
        yield f"{size:05b}{_magnitude(difference, size)}"
        last = max((i for i in range(64) if numbers[i]), default=0)
        run = 0
        for number in numbers[1 : last + 1]:
            if number == 0:
                run += 1
                continue
            yield f"{0xF0:09b}" * (run // 16)
            size = abs(number).bit_length()
            yield f"{(run % 16) << 4 | size:09b}{_magnitude(number, size)}"
            run = 0
        if last < 63:
            yield f"{0:09b}"


def _flat_table(place: int, symbols: Iterable[int], bits: int) -> bytes:
    """Give a Huffman table in which every symbol is its own code of equal length."""
    listed = bytes(symbols)
    counts = bytearray(16)
    counts[bits - 1] = min(len(listed), 255)
    return bytes([place]) + bytes(counts) + listed[:255]


def _frame(precision: int, rows: int, columns: int, components: int) -> bytes:
    listed = b"".join(bytes([k + 1, 0x11, 0]) for k in range(components))
    return struct.pack(">BHHB", precision, rows, columns, components) + listed


def _stuffed(bits: str) -> bytes:
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\x00")


def _stream(segments: list[tuple[int, bytes]], pieces: list[bytes]) -> bytes:
    head = b"".join(bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body for marker, body in segments)
    entropy = pieces[0] + b"".join(bytes([0xFF, 0xD0 + i % 8]) + piece for i, piece in enumerate(pieces[1:]))
    return b"\xff\xd8" + head + entropy + b"\xff\xd9"
