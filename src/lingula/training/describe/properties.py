"""What a radiograph looks like apart from what it shows: brightness, contrast, sharpness, borders, spectrum.

Everything is measured on the pixels as a network gets them, (N, side, side), so sizes no longer matter here.

References
----------
Pech-Pacheco JL et al., ICPR 2000 (the Laplacian's spread as sharpness).
"""

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from lingula.radiology.radiograph import Pixels

Measured = NDArray[np.float32]

THUMBNAIL = 32
"""Side of the small pictures that linear models read."""
_CHUNK = 64  # pictures in floating point at once
_DARK = 16  # grey levels; a border of an X-ray's collimator or of a scanner is not quite black
_MOSTLY = 0.95  # of a line's pixels must be dark for it to be border
_BLACKEST, _WHITEST = 2, 253  # grey levels at which nothing can be told apart any more
_RINGS = 48


@dataclass(frozen=True, kw_only=True)
class Properties:
    """One number per radiograph in each array of shape (N,).

    Parameters
    ----------
    brightness, contrast
        Mean and standard deviation of the grey levels, 0-255.
    sharpness
        Standard deviation of the Laplacian, in grey levels: large for sharp or grainy pictures.
    black, white
        Share of pixels at either end of the grey scale, 0-1.
    top, bottom, left, right
        Width of the dark border at each edge, as a share of the side.
    """

    brightness: Measured
    contrast: Measured
    sharpness: Measured
    black: Measured
    white: Measured
    top: Measured
    bottom: Measured
    left: Measured
    right: Measured

    def columns(self, *names: str) -> NDArray[np.float32]:
        """Give some of them, or all, side by side: shape (N, names)."""
        chosen = names or [field.name for field in fields(self)]
        return np.stack([getattr(self, name) for name in chosen], axis=1).astype(np.float32)


def measure_properties(pixels: Pixels) -> Properties:
    """Measure pictures of shape (N, side, side)."""
    made = [_properties(pixels[start : start + _CHUNK]) for start in range(0, len(pixels), _CHUNK)]
    return Properties(
        **{field.name: np.concatenate([getattr(part, field.name) for part in made]) for field in fields(Properties)}
    )


def _properties(pixels: Pixels) -> Properties:
    grey = pixels.astype(np.float32)
    inside = grey[:, 1:-1, 1:-1]
    around = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    dark = pixels <= _DARK
    rows, columns = dark.mean(axis=2) >= _MOSTLY, dark.mean(axis=1) >= _MOSTLY
    return Properties(
        brightness=grey.mean(axis=(1, 2)),
        contrast=grey.std(axis=(1, 2)),
        sharpness=(around - 4 * inside).std(axis=(1, 2)),
        black=(pixels <= _BLACKEST).mean(axis=(1, 2), dtype=np.float32),
        white=(pixels >= _WHITEST).mean(axis=(1, 2), dtype=np.float32),
        top=_unbroken(rows),
        bottom=_unbroken(rows[:, ::-1]),
        left=_unbroken(columns),
        right=_unbroken(columns[:, ::-1]),
    )


def _unbroken(lines: NDArray[np.bool_]) -> Measured:
    """Give the share of lines before the first that is no border."""
    return np.asarray(np.logical_and.accumulate(lines, axis=1).mean(axis=1, dtype=np.float32))


def radial_spectrum(pixels: Pixels) -> NDArray[np.float32]:
    """Give the logarithm of the power at each spatial frequency, all directions together; shape (N, rings).

    The first ring is the coarsest; a Hann window keeps the frame's edges out of it.
    """
    side = pixels.shape[1]
    window = np.outer(np.hanning(side), np.hanning(side)).astype(np.float32)
    down, across = np.fft.fftfreq(side), np.fft.rfftfreq(side)
    radius = np.hypot(down[:, np.newaxis], across[np.newaxis])
    ring = np.minimum((radius / 0.5 * _RINGS).astype(np.int64), _RINGS)  # the corners beyond 0.5 share the last
    members = np.bincount(ring.ravel(), minlength=_RINGS + 1)

    def measured(part: Pixels) -> NDArray[np.float32]:
        grey = part.astype(np.float32)
        grey -= grey.mean(axis=(1, 2), keepdims=True)
        power = np.abs(np.fft.rfft2(grey * window)) ** 2
        sums = np.stack([np.bincount(ring.ravel(), weights=each.ravel(), minlength=_RINGS + 1) for each in power])
        return np.log(sums / members + 1.0).astype(np.float32)

    return in_chunks(measured, pixels)


def thumbnails(pixels: Pixels, side: int = THUMBNAIL) -> NDArray[np.float32]:
    """Shrink pictures to (N, side, side) by averaging cells; grey levels 0-255."""
    edges = np.linspace(0, pixels.shape[1], side + 1).astype(np.intp)[:-1]
    size = np.diff(np.append(edges, pixels.shape[1])).astype(np.float32)
    area = np.outer(size, size)

    def shrunk(part: Pixels) -> NDArray[np.float32]:
        rows = np.add.reduceat(part, edges, axis=1, dtype=np.float32)
        return np.asarray(np.add.reduceat(rows, edges, axis=2) / area)

    return in_chunks(shrunk, pixels)


def in_chunks(change: Callable[[Pixels], NDArray[np.float32]], pixels: Pixels) -> NDArray[np.float32]:
    """Apply a function to a few pictures at a time, so that memory stays small."""
    return np.concatenate([change(pixels[start : start + _CHUNK]) for start in range(0, len(pixels), _CHUNK)])


def border_pixels(small: NDArray[np.float32], *, share: float = 1 / 8) -> NDArray[np.float32]:
    """Give the pixels of the outermost `share` of each side of small pictures (N, side, side); shape (N, D)."""
    side = small.shape[1]
    wide = max(1, round(share * side))
    ring = np.ones((side, side), np.bool_)
    ring[wide:-wide, wide:-wide] = False
    return np.asarray(small[:, ring])
