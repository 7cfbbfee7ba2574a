"""What a file is apart from its picture: size in bytes, format, how hard it was compressed."""

import io
import math
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lingula.errors import NotAccepted
from lingula.radiology import sniffing
from lingula.radiology.study import FileFormat

_FORMATS = tuple(FileFormat)
_ALL_COARSE = 64 * 16.0  # what a JPEG's table sums to if there is none: the file is no JPEG Pillow reads


def file_numbers(paths: Sequence[Path]) -> NDArray[np.float32]:
    """Give numbers of each file, shape (N, D): the logarithm of its bytes, of its JPEG table, and its format.

    A JPEG's quantisation table says how hard it was compressed and often by whose software.
    """
    return np.array([list(_numbers(path)) for path in paths], np.float32)


def _numbers(path: Path) -> Iterator[float]:
    data = path.read_bytes()
    try:
        file_format: FileFormat | None = sniffing.tell_format(data)
    except NotAccepted:  # cannot happen to a file that was decoded before, unless it has just been replaced
        file_format = None
    yield math.log(max(1, len(data)))
    yield math.log(_coarseness(data) if file_format is FileFormat.JPEG else _ALL_COARSE)
    for each in _FORMATS:
        yield float(file_format is each)


def _coarseness(data: bytes) -> float:
    """Sum a JPEG's luminance quantisation table: larger means compressed harder."""
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data)) as picture:
            warnings.simplefilter("ignore")  # absurd sizes were refused when the file was decoded
            tables = getattr(picture, "quantization", {})
            return float(max(1, sum(tables[0])))
    except (OSError, KeyError, ValueError):
        return _ALL_COARSE
