"""Lossless JPEG (process 14), the commonest compression of radiographs in older archives.

References
----------
ITU-T T.81 Annex H; DICOM PS3.5 8.2.1 and A.4.2 (transfer syntaxes .57 and .70).
"""

import numpy as np
from numpy.typing import NDArray

from lingula.errors import UnreadablePixels
from lingula.radiology.huffman import INVALID, BitWindows, HuffmanTable
from lingula.radiology.jpeg_segments import JpegScan, read_scan

_START_OF_LOSSLESS_FRAME = 0xC3
_LEFT, _ABOVE, _PLANE = 1, 2, 4
_FULL_SIZE = 16
"""A difference of 16 bits is always 32768 and takes no further bits (H.1.2.2)."""

Lines = NDArray[np.uint16]


def decode_lossless(data: bytes) -> NDArray[np.uint16]:
    """Decode a lossless JPEG.

    Returns
    -------
    NDArray[np.uint16]
        Shape (rows, columns, components), in the stream's precision.

    Raises
    ------
    UnreadablePixels
        If the stream is damaged or truncated.
    """
    scan = read_scan(data, _START_OF_LOSSLESS_FRAME)
    if not 2 <= scan.precision <= 16 or not 1 <= scan.predictor <= 7:  # noqa: PLR2004 - T.81 table H.1 and B.2.2
        raise UnreadablePixels("a lossless JPEG's precision or predictor is impossible: it is damaged, send it again")
    tables = [scan.table(0, dc) for dc, _ in scan.table_ids]
    line = scan.columns * scan.components
    parts, rows_left = [], scan.rows
    for segment in scan.segments:
        rows = _rows_of(scan, rows_left)
        differences = _decode_differences(BitWindows(segment), tables, rows * line)
        parts.append(_undo_prediction(differences.reshape(rows, scan.columns, scan.components), scan))
        rows_left -= rows
        if rows_left == 0:
            return np.concatenate(parts) << np.uint16(scan.point_transform)
    raise UnreadablePixels("the lossless JPEG ends before its last row: it is truncated, send it again")


def _rows_of(scan: JpegScan, rows_left: int) -> int:
    """Tell how many rows a segment holds; restarts come at the ends of rows (H.1.1)."""
    if scan.restart_interval == 0:
        return rows_left
    if scan.restart_interval % scan.columns:
        raise UnreadablePixels("a lossless JPEG restarts inside a row: it is damaged, send it again")
    return min(scan.restart_interval // scan.columns, rows_left)


def _decode_differences(bits: BitWindows, tables: list[HuffmanTable], count: int) -> Lines:
    """Decode `count` differences; components take turns."""
    differences = np.empty(count, np.uint16)
    found, at = 0, 0  # at: the bit where the next symbol begins
    while found < count:
        first_byte = at >> 3
        if first_byte >= bits.size_bytes:
            raise UnreadablePixels("the lossless JPEG ends before its last pixel: it is truncated, send it again")
        codes = bits.codes(first_byte)
        positions, at = _find_symbols(codes, tables, at - 8 * first_byte, found % len(tables))
        at += 8 * first_byte
        positions = positions[: count - found]
        turn = (np.arange(len(positions)) + found) % len(tables)
        symbols, code_bits = np.empty(len(positions), np.uint8), np.empty(len(positions), np.uint8)
        for component, table in enumerate(tables):
            code = codes[positions[turn == component]]
            symbols[turn == component], code_bits[turn == component] = table.symbols[code], table.code_bits[code]
        if len(symbols) and symbols.max() > _FULL_SIZE:
            raise UnreadablePixels("a lossless JPEG has a code that is in no table: it is damaged, send it again")
        values = bits.magnitudes(positions + 8 * first_byte + code_bits, np.where(symbols == _FULL_SIZE, 0, symbols))
        values = np.where(symbols == _FULL_SIZE, 1 << 15, values)
        differences[found : found + len(values)] = values & 0xFFFF
        found += len(values)
    return differences


def _find_symbols(
    codes: NDArray[np.uint16], tables: list[HuffmanTable], at: int, turn: int
) -> tuple[NDArray[np.int64], int]:
    """Find where symbols begin among a block's bit positions, and where the first one after the block does."""
    steps = [_steps(table)[codes].tobytes() for table in tables]
    positions: list[int] = []
    note = positions.append
    end = len(codes)
    if all(table is tables[0] for table in tables):
        step = steps[0]
        while at < end:
            note(at)
            at += step[at]
    else:
        while at < end:
            note(at)
            at += steps[turn][at]
            turn = (turn + 1) % len(steps)
    return np.array(positions, np.int64), at


def _steps(table: HuffmanTable) -> NDArray[np.uint8]:
    """Give how many bits a code and its magnitude take, for every possible 16 bits."""
    sizes = np.where((table.symbols == INVALID) | (table.symbols == _FULL_SIZE), 0, table.symbols)
    return np.asarray(table.code_bits + np.minimum(sizes, _FULL_SIZE), dtype=np.uint8)


def _undo_prediction(differences: Lines, scan: JpegScan) -> Lines:
    """Add each pixel's prediction from its neighbours; sums wrap at 16 bits (H.1.2.1).

    The first row is always predicted from the left, the first column from above, the first pixel from mid-grey.
    """
    differences[0, 0] += np.uint16(1 << max(0, scan.precision - scan.point_transform - 1))
    rows, columns, _ = differences.shape
    if scan.predictor == _LEFT or rows == 1 or columns == 1:
        differences[:, 0] = np.cumsum(differences[:, 0], axis=0, dtype=np.uint16)
        return np.cumsum(differences, axis=1, dtype=np.uint16)
    if scan.predictor == _ABOVE:
        differences[0] = np.cumsum(differences[0], axis=0, dtype=np.uint16)
        return np.cumsum(differences, axis=0, dtype=np.uint16)
    if scan.predictor == _PLANE:
        return np.cumsum(np.cumsum(differences, axis=0, dtype=np.uint16), axis=1, dtype=np.uint16)
    for component in range(differences.shape[2]):
        differences[:, :, component] = _undo_along_diagonals(differences[:, :, component], scan.predictor)
    return differences


def _undo_along_diagonals(differences: Lines, predictor: int) -> Lines:
    """Undo a prediction that needs its left neighbour: all pixels of one rising diagonal are independent."""
    rows, columns = differences.shape
    flat = np.ascontiguousarray(differences).reshape(-1)
    before = np.zeros(rows + 1, np.int32)  # the diagonal before, by row, shifted by one so that row -1 exists
    earlier = np.zeros(rows + 1, np.int32)
    for diagonal in range(1, rows + columns - 1):
        if diagonal == 1:
            before[1] = flat[0]
        top, bottom = max(0, diagonal - columns + 1), min(diagonal, rows - 1)
        left, above, corner = before[top + 1 : bottom + 2], before[top : bottom + 1], earlier[top : bottom + 1]
        predicted = _predict(predictor, left, above, corner)
        if top == 0:
            predicted[0] = left[0]
        if bottom == diagonal:
            predicted[-1] = above[-1]
        place = slice(diagonal + top * (columns - 1), diagonal + bottom * (columns - 1) + 1, columns - 1)
        flat[place] += (predicted & 0xFFFF).astype(np.uint16)
        earlier, before = before, np.zeros(rows + 1, np.int32)
        before[top + 1 : bottom + 2] = flat[place]
    return flat.reshape(rows, columns)


def _predict(
    predictor: int, left: NDArray[np.int32], above: NDArray[np.int32], corner: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Predict by one of table H.1's rules 3, 5, 6 and 7."""
    match predictor:
        case 3:
            return corner.copy()
        case 5:
            return left + (above - corner >> 1)
        case 6:
            return above + (left - corner >> 1)
        case _:
            return left + above >> 1
