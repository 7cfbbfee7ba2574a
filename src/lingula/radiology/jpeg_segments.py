"""The segments of a JPEG that `jpeg_lossless` and `jpeg_extended` decode: frame, tables, one scan.

References
----------
ITU-T T.81 Annex B.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lingula.errors import UnreadablePixels
from lingula.radiology.huffman import HuffmanTable, build_table
from lingula.radiology.limits import MOST_ELEMENTS

_STANDALONE = frozenset((0x01, *range(0xD0, 0xD9)))
_DEFINE_HUFFMAN, START_OF_SCAN, _DEFINE_QUANTISATION, _DEFINE_RESTART = 0xC4, 0xDA, 0xDB, 0xDD
_MARKER = re.compile(rb"\xff+[^\xff\xd9]", re.DOTALL)
"""Fill bytes, then a marker; the end of the image is none that anything follows."""
_MOST_SEGMENTS = 4096


@dataclass(kw_only=True)
class JpegScan:
    """A frame with its only scan.

    Parameters
    ----------
    table_ids
        Huffman table of each component in the scan: for differences or DC, and for AC.
    predictor, point_transform
        Of a lossless scan (Ss, Al).
    segments
        Entropy-coded bytes between restart markers.
    """

    precision: int
    rows: int
    columns: int
    components: int
    quantisation_id: int
    huffman: dict[tuple[int, int], HuffmanTable] = field(default_factory=dict)  # by class (0 DC, 1 AC) and id
    quantisation: dict[int, NDArray[np.int64]] = field(default_factory=dict)  # (64,) in zigzag order
    restart_interval: int = 0
    table_ids: list[tuple[int, int]] = field(default_factory=list)
    predictor: int = 0
    point_transform: int = 0
    segments: list[bytes] = field(default_factory=list)

    def table(self, table_class: int, table_id: int) -> HuffmanTable:
        """Give a Huffman table the scan needs."""
        table = self.huffman.get((table_class, table_id))
        if table is None:
            raise UnreadablePixels("the JPEG names a Huffman table it does not have: it is damaged, send it again")
        return table


def read_segments(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Give marker, parameters and the end of each segment up to the first scan, which is the last given."""
    at, marker = 2, 0
    for _ in range(_MOST_SEGMENTS):
        found = _MARKER.match(data, at)
        if found is None or marker == START_OF_SCAN:
            return
        marker, at = data[found.end() - 1], found.end()
        if marker in _STANDALONE:
            continue
        length = max(2, int.from_bytes(data[at : at + 2], "big"))
        yield marker, data[at + 2 : at + length], at + length
        at += length


def read_scan(data: bytes, frame_marker: int) -> JpegScan:
    """Read a JPEG whose frame starts with `frame_marker` and that has a single scan.

    Raises
    ------
    UnreadablePixels
        If it is damaged or another kind of JPEG.
    """
    scan: JpegScan | None = None
    huffman: dict[tuple[int, int], HuffmanTable] = {}
    quantisation: dict[int, NDArray[np.int64]] = {}
    restart_interval = 0
    try:
        for marker, parameters, end in read_segments(data):
            if marker == frame_marker:
                precision, rows, columns, components = struct.unpack_from(">BHHB", parameters)
                scan = JpegScan(
                    precision=precision,
                    rows=rows,
                    columns=columns,
                    components=components,
                    quantisation_id=parameters[8],
                    huffman=huffman,
                    quantisation=quantisation,
                )
            elif marker == _DEFINE_HUFFMAN:
                huffman.update(_read_huffman(parameters))
            elif marker == _DEFINE_QUANTISATION:
                quantisation.update(_read_quantisation(parameters))
            elif marker == _DEFINE_RESTART:
                (restart_interval,) = struct.unpack_from(">H", parameters)
            elif marker == START_OF_SCAN and scan is not None:
                scan.restart_interval = restart_interval
                _read_scan_header(scan, parameters)
                scan.segments = _split(data[end:])
                return scan
    except (struct.error, IndexError) as error:
        raise UnreadablePixels("a JPEG segment ends early: the picture is damaged, send it again") from error
    raise UnreadablePixels("the JPEG has no picture of the kind it was sent as: send the original again")


def _read_scan_header(scan: JpegScan, parameters: bytes) -> None:
    count = parameters[0]
    if count != scan.components or count not in (1, 3):
        raise UnreadablePixels(f"a JPEG with {count} of {scan.components} components in its scan is not read")
    scan.table_ids = [(parameters[2 + 2 * i] >> 4, parameters[2 + 2 * i] & 15) for i in range(count)]
    scan.predictor = parameters[1 + 2 * count]
    scan.point_transform = parameters[3 + 2 * count] & 15


def _read_huffman(parameters: bytes) -> dict[tuple[int, int], HuffmanTable]:
    tables = {}
    at = 0
    while at < len(parameters):
        counts = parameters[at + 1 : at + 17]
        end = at + 17 + sum(counts)
        tables[parameters[at] >> 4, parameters[at] & 15] = build_table(counts, parameters[at + 17 : end])
        at = end
    return tables


def _read_quantisation(parameters: bytes) -> dict[int, NDArray[np.int64]]:
    tables = {}
    at = 0
    while at < len(parameters):
        size = 2 if parameters[at] >> 4 else 1
        steps = struct.unpack_from(f">64{'H' if size == 2 else 'B'}", parameters, at + 1)  # noqa: PLR2004 - bytes per step
        tables[parameters[at] & 15] = np.array(steps, np.int64)
        at += 1 + 64 * size
    return tables


def _split(entropy: bytes) -> list[bytes]:
    """Cut entropy-coded bytes at restart markers, and end them at any other marker."""
    padded = np.frombuffer(entropy + b"\xff\xd9", np.uint8)
    marked = np.flatnonzero((padded[:-1] == 0xFF) & (padded[1:] != 0) & (padded[1:] != 0xFF))  # noqa: PLR2004 - marker
    segments = []
    start = 0
    for place in marked[:MOST_ELEMENTS].tolist():
        segments.append(entropy[start:place])
        start = place + 2
        if not 0xD0 <= padded[place + 1] <= 0xD7:  # noqa: PLR2004 - RST0 to RST7
            return segments
    raise UnreadablePixels(f"the JPEG restarts more than {MOST_ELEMENTS:,} times: it is forged")
