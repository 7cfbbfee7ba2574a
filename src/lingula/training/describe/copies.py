"""Radiographs that are nearly the same picture: recompressed, re-windowed, turned a little, cut, mirrored.

Each picture becomes a signature: 32 x 32 cells, standardised, their 143 coarsest cosine coefficients but the mean, each
measured against the data set's own mean and spread of it. Chests resemble each other, and that resemblance lies in the
mean; what is left is a person's own. Two signatures are compared by their cosine.

Measured on 5,206 children's chest radiographs: recompressed to JPEG quality 30, blurred, sharpened or with another
contrast or gamma a radiograph stays above 0.95 of itself, two different patients never reached 0.85.

References
----------
Zauner C, Implementation and benchmarking of perceptual image hash functions, 2010 (hashes of cosine coefficients).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lingula.training.data.dataset import Dataset
from lingula.training.describe.properties import thumbnails
from lingula.training.describe.result import Alike, NearCopies

Signatures = NDArray[np.float32]
"""Shape (N, 143), each of length 1."""

THRESHOLD = 0.9
_FINE, _CELLS, _COARSEST = 64, 32, 12
_TURNED_UP_TO = 20_000  # radiographs; beyond, every further comparison takes minutes
_TILE = 2048
_TINY = 1e-6
_ANGLES = (-6.0, -4.0, -2.0, 2.0, 4.0, 6.0)  # degrees; in between the similarity stays above the threshold
_CUTS = (0.025, 0.05, 0.075)  # of each side
_MOST_PAIRS = 100_000  # a set of so many copies is no set of radiographs; memory must not run out over it


@dataclass(frozen=True, kw_only=True)
class _Pairs:
    """Places (P,) of first and second, first before second, and their similarity."""

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    similarity: NDArray[np.float32]


def find_near_copies(dataset: Dataset, parts: NDArray[np.str_], *, threshold: float = THRESHOLD) -> NearCopies:
    """Look for nearly the same pictures.

    Parameters
    ----------
    parts
        Shape (N,); the part each radiograph is in, empty where it is in none.
    threshold
        The cosine above which two pictures are taken for the same.
    """
    fine = thumbnails(dataset.pixels, _FINE)
    coefficients = _coefficients(fine)
    middle, spread = coefficients.mean(axis=0), coefficients.std(axis=0) + _TINY
    plain = _signatures((coefficients - middle) / spread)
    best: dict[tuple[int, int], tuple[float, str]] = {}
    for change, changed in _changes(fine, coefficients):
        same = changed is coefficients
        pairs = _compare(plain if same else _signatures((changed - middle) / spread), plain, threshold)
        for first, second, value in zip(*_listed(pairs), strict=True):
            if value > best.get((first, second), (0.0, ""))[0]:
                best[first, second] = (value, change)
    found = [_alike(dataset, parts, pair, *best[pair]) for pair in sorted(best, key=lambda pair: -best[pair][0])]
    return NearCopies(
        pairs=tuple(found),
        threshold=threshold,
        closest_apart=_closest_apart(plain, dataset.patients, threshold),
        method=_method(len(dataset), threshold),
    )


def _method(count: int, threshold: float) -> str:
    turned = (
        "as it is, turned by 2, 4 and 6 degrees either way, cut by 2.5, 5 and 7.5 % of each side, "
        "mirrored and turned by quarters"
        if count <= _TURNED_UP_TO
        else f"as it is (more than {_TURNED_UP_TO:,} radiographs: turned and mirrored copies were not looked for)"
    )
    return (
        f"Signatures of 143 cosine coefficients of 32 x 32 cells, standardised over the data set, compared by their "
        f"cosine, each with all others {turned}; {threshold:g} and more counts as nearly the same picture."
    )


def _coefficients(fine: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give the coarsest cosine coefficients of (N, 64, 64) pictures, whatever their brightness and contrast."""
    count = len(fine)
    cells = fine.reshape(count, _CELLS, _FINE // _CELLS, _CELLS, _FINE // _CELLS).mean(axis=(2, 4))
    cells = cells - cells.mean(axis=(1, 2), keepdims=True)
    cells /= cells.std(axis=(1, 2), keepdims=True) + _TINY
    wave = np.cos(np.pi * np.outer(np.arange(_COARSEST), np.arange(_CELLS) + 0.5) / _CELLS).astype(np.float32)
    return np.asarray(wave @ cells @ wave.T)


def _signatures(standard: NDArray[np.float32]) -> Signatures:
    flat = standard.reshape(len(standard), -1)[:, 1:]  # the first is the mean, which standardising has made 0
    return np.asarray(flat / (np.linalg.norm(flat, axis=1, keepdims=True) + _TINY), np.float32)


def _changes(fine: NDArray[np.float32], coefficients: NDArray[np.float32]) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Give each change by name, and the coefficients of the pictures so changed."""
    yield "as it is", coefficients
    if len(fine) > _TURNED_UP_TO:
        return
    # A wave mirrored is the same wave, or its negative if it is odd; a picture turned over its diagonal swaps them.
    odd = np.where(np.arange(_COARSEST) % 2 == 1, -1.0, 1.0).astype(np.float32)
    across, down, over = odd[np.newaxis, np.newaxis], odd[np.newaxis, :, np.newaxis], coefficients.transpose(0, 2, 1)
    yield "mirrored", coefficients * across
    yield "upside down", coefficients * down
    yield "turned by 180 degrees", coefficients * across * down
    yield "turned by 90 degrees", over * down
    yield "turned by 270 degrees", over * across
    for angle in _ANGLES:
        yield f"turned by {angle:g} degrees", _coefficients(_each(fine, partial(_turned, degrees=angle)))
    for share in _CUTS:
        yield (
            f"cut by {share:.1%} of each side",
            _coefficients(_each(fine, partial(_cut, share=share))),
        )


def _turned(picture: Image.Image, degrees: float) -> Image.Image:
    return picture.rotate(degrees, Image.Resampling.BILINEAR)


def _cut(picture: Image.Image, share: float) -> Image.Image:
    low, high = share * _FINE, (1 - share) * _FINE
    return picture.resize((_FINE, _FINE), Image.Resampling.BILINEAR, box=(low, low, high, high))


def _each(fine: NDArray[np.float32], change: Callable[[Image.Image], Image.Image]) -> NDArray[np.float32]:
    return np.stack([np.asarray(change(Image.fromarray(picture)), np.float32) for picture in fine])


def _compare(changed: Signatures, plain: Signatures, threshold: float) -> _Pairs:
    """Give the pairs of different radiographs above the threshold, a tile at a time."""
    first: list[NDArray[np.intp]] = []
    second: list[NDArray[np.intp]] = []
    values: list[NDArray[np.float32]] = []
    for start in range(0, len(changed), _TILE):
        # If nothing is changed the other half of the square would find the same pairs again.
        begin = start if changed is plain else 0
        for left in range(begin, len(plain), _TILE):
            close = changed[start : start + _TILE] @ plain[left : left + _TILE].T
            rows, columns = np.nonzero(close >= threshold)
            rows, columns, value = rows + start, columns + left, close[rows, columns]
            apart = rows != columns
            first.append(np.minimum(rows, columns)[apart])
            second.append(np.maximum(rows, columns)[apart])
            values.append(value[apart])
    return _Pairs(first=np.concatenate(first), second=np.concatenate(second), similarity=np.concatenate(values))


def _listed(pairs: _Pairs) -> tuple[list[int], list[int], list[float]]:
    order = np.argsort(-pairs.similarity, kind="stable")[:_MOST_PAIRS]
    return pairs.first[order].tolist(), pairs.second[order].tolist(), pairs.similarity[order].tolist()


def _closest_apart(plain: Signatures, patients: NDArray[np.str_], threshold: float) -> float | None:
    """Give the largest similarity below the threshold between two patients: how far the threshold is from them."""
    _, number = np.unique(patients, return_inverse=True)
    closest = -1.0
    for start in range(0, len(plain), _TILE):
        for left in range(start, len(plain), _TILE):
            close = plain[start : start + _TILE] @ plain[left : left + _TILE].T
            same = number[start : start + _TILE, np.newaxis] == number[np.newaxis, left : left + _TILE]
            close[same | (close >= threshold)] = -1.0
            closest = max(closest, float(close.max()))
    return closest if closest > -1.0 else None


def _alike(dataset: Dataset, parts: NDArray[np.str_], pair: tuple[int, int], similarity: float, change: str) -> Alike:
    first, second = pair
    return Alike(
        first=str(dataset.names[first]),
        second=str(dataset.names[second]),
        similarity=min(1.0, similarity),
        change=change,
        other_patient=bool(dataset.patients[first] != dataset.patients[second]),
        other_label=bool(dataset.labels[first] != dataset.labels[second]),
        other_part=bool(parts[first] != parts[second]),
    )
