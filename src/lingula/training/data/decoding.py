"""Many files decoded to small pixels, on all cores, and kept on disk under the digest of their contents.

Decoding and shrinking are triage's own (`radiology.reading`, `modelpackage.preprocessing`), so a network is trained on
exactly what a hospital's radiographs will look like to it.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from lingula.errors import NotAccepted
from lingula.modelpackage.manifest import Preprocessing
from lingula.modelpackage.preprocessing import DEFAULT_PREPROCESSING, prepare
from lingula.radiology.radiograph import Pixels
from lingula.radiology.reading import read_radiograph
from lingula.training.data.labelled import Progress

Given = TypeVar("Given")
Made = TypeVar("Made")
_VERSION = 3  # raise it when decoding or shrinking change, so that old caches are not taken
_SCALED_DECODING = 2  # times the wanted size: what a scaled JPEG decoding keeps at least


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """Where a file's pixels stand, the digests that tell it from others, and the size of the picture in the file."""

    place: int
    file_digest: str
    pixel_digest: str
    rows: int
    columns: int


@dataclass(frozen=True, kw_only=True)
class _Told:
    """What decoding told of a file: either a digest of the decoded pixels and a size, or the reason why not."""

    pixel_digest: str | None = None
    rows: int = 0
    columns: int = 0
    reason: str | None = None


def decode_files(
    paths: Sequence[Path], *, size: int, cache: Path | None = None, progress: Progress | None = None
) -> tuple[Pixels, list[Decoded | str]]:
    """Decode files to (N, size, size) uint8.

    Returns
    -------
    tuple
        The pixels of the files that could be read, and for each path either its place in them or the reason why not.
    """
    preprocessing = DEFAULT_PREPROCESSING.model_copy(
        update={"height": size, "width": size, "decode_at_least": _SCALED_DECODING * size}
    )
    digests = list(_in_threads(_file_digest, paths))
    key = hashlib.sha256("\n".join([str(_VERSION), str(size), *digests]).encode()).hexdigest()[:32]
    found = None if cache is None else _from_cache(cache, key)
    pixels, told = found or _decode_all(paths, preprocessing, progress)
    if cache is not None and found is None:
        _to_cache(cache, key, pixels, told)
    return pixels, list(_outcomes(digests, told))


def _outcomes(digests: Sequence[str], told: Sequence[_Told]) -> Iterator[Decoded | str]:
    place = 0
    for digest, entry in zip(digests, told, strict=True):
        if entry.pixel_digest is None:
            yield entry.reason or "unreadable"
        else:
            yield Decoded(
                place=place,
                file_digest=digest,
                pixel_digest=entry.pixel_digest,
                rows=entry.rows,
                columns=entry.columns,
            )
            place += 1


def _decode_all(
    paths: Sequence[Path], preprocessing: Preprocessing, progress: Progress | None
) -> tuple[Pixels, list[_Told]]:
    pixels = np.empty((len(paths), preprocessing.height, preprocessing.width), dtype=np.uint8)
    told: list[_Told] = []
    kept = 0
    for done, outcome in enumerate(_in_threads(lambda path: _decode(path, preprocessing), paths), start=1):
        if isinstance(outcome, str):
            told.append(_Told(reason=outcome))
        else:
            pixels[kept], made = outcome
            told.append(made)
            kept += 1
        if progress is not None:
            progress(done, len(paths))
    return pixels[:kept], told


def _decode(path: Path, preprocessing: Preprocessing) -> tuple[Pixels, _Told] | str:
    """Give small pixels and what tells the file from others, or the reason why there are none.

    The digest is that of all pixels: a JPEG decoded at half its size has others than its own lossless copy.
    """
    try:
        data = path.read_bytes()
        radiograph = read_radiograph(data, at_least=preprocessing.decode_at_least)
        is_whole = radiograph.pixels.shape == (radiograph.rows, radiograph.columns)
        whole = radiograph if is_whole else read_radiograph(data)
        prepared = prepare(radiograph, preprocessing)
    except OSError as error:
        return f"cannot be opened: {error.strerror}"
    except NotAccepted as error:
        return str(error)
    pixels: Pixels = np.rint(prepared[0, 0] * preprocessing.scale_divisor).astype(np.uint8)
    digest = hashlib.sha256(whole.pixels.tobytes()).hexdigest()
    return pixels, _Told(pixel_digest=digest, rows=radiograph.rows, columns=radiograph.columns)


def _file_digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return f"unopened {path}"


def _in_threads(make: Callable[[Given], Made], given: Sequence[Given]) -> Iterator[Made]:
    """Map in order; decoders and digests release the interpreter's lock."""
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        yield from pool.map(make, given)


def _from_cache(cache: Path, key: str) -> tuple[Pixels, list[_Told]] | None:
    try:
        told = [_Told(**entry) for entry in json.loads((cache / f"{key}.json").read_text())]
        pixels = np.load(cache / f"{key}.npy", mmap_mode="c")
    except (OSError, ValueError, EOFError, TypeError):
        return None  # not there or cut off: decoding again mends it
    if len(pixels) != sum(entry.pixel_digest is not None for entry in told):
        return None
    return pixels, told


def _to_cache(cache: Path, key: str, pixels: Pixels, told: Sequence[_Told]) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    partial = cache / f"{key}.{os.getpid()}.partial.npy"
    np.save(partial, pixels)
    partial.replace(cache / f"{key}.npy")
    described = cache / f"{key}.{os.getpid()}.partial.json"
    described.write_text(json.dumps([asdict(entry) for entry in told]))
    described.replace(cache / f"{key}.json")
