"""From stored values to what a doctor sees: modality, window, polarity, background.

All steps that depend on the stored value alone are carried out once per possible value, in a table, and the picture is
looked up in it. That is exact, as fast as memory, and keeps the order of the standard's pipeline readable.

References
----------
DICOM PS3.3 C.11.1 (Modality LUT), C.11.2 (VOI LUT: windows and their functions), C.7.6.3.1.2 (polarity),
C.7.5.1.1.2 (Pixel Padding Value), C.11.6 (Presentation LUT Shape).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lingula.radiology.radiograph import Pixels

Grey = NDArray[np.float64]
"""Values of any shape; after a window 0-1."""

Stored = NDArray[np.integer]
"""Values as stored in the file, in the smallest type that holds them."""

Tone = Callable[[Grey], Grey]

_DARKEST_PERCENT, _BRIGHTEST_PERCENT = 0.5, 99.5
"""Where a picture without a window is cut: markers and the direct beam take less than that of most radiographs."""
_TABLE_BITS = 16
_BLOCK_PIXELS = 1 << 20
"""Looked up at a time, so that a large picture needs no index of eight bytes per pixel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Presentation:
    """How stored values become grey levels.

    Parameters
    ----------
    to_units
        The modality's rescaling, stored values to its units.
    window
        The VOI transformation, units to 0-1; None spreads the values found in the picture.
    is_inverted
        Small values are bright (MONOCHROME1).
    padding
        Lowest and highest stored value of pixels that are no part of the picture; they become black.
    """

    to_units: Tone = field(default=lambda stored: stored)
    window: Tone | None = None
    is_inverted: bool = False
    padding: tuple[int, int] | None = None


def linear(center: float, width: float) -> Tone:
    """Give the standard's LINEAR window; its ramp is one unit narrower than `width` (C.11.2.1.2.1)."""
    ramp = max(width - 1.0, 1e-9)
    return lambda units: np.clip((units - (center - 0.5)) / ramp + 0.5, 0.0, 1.0)


def linear_exact(center: float, width: float) -> Tone:
    """Give the LINEAR_EXACT window (C.11.2.1.3.2)."""
    return lambda units: np.clip((units - center) / width + 0.5, 0.0, 1.0)


def sigmoid(center: float, width: float) -> Tone:
    """Give the SIGMOID window (C.11.2.1.3.1)."""
    return lambda units: 1.0 / (1.0 + np.exp(np.clip(-4.0 * (units - center) / width, -700.0, 700.0)))


def table(first: float, entries: NDArray[np.float64]) -> Tone:
    """Give a look-up table: values below its first and beyond its last entry take those (C.11.1.1, C.11.2.1.1)."""
    last = len(entries) - 1
    return lambda values: entries[np.clip(np.rint(values - first), 0, last).astype(np.intp)]


def spread(values: Grey) -> Pixels:
    """Bring values without a window to grey levels by their percentiles; what is not finite becomes black."""
    is_finite = np.isfinite(values)
    if not is_finite.any():
        return np.zeros(values.shape, np.uint8)
    dark, bright = np.percentile(values[is_finite], (_DARKEST_PERCENT, _BRIGHTEST_PERCENT))
    return to_levels(np.where(is_finite, between(dark, bright)(np.where(is_finite, values, dark)), 0.0))


def to_levels(greys: Grey) -> Pixels:
    """Round 0-1 to eight bits."""
    return np.asarray(np.rint(greys * 255.0), dtype=np.uint8)


def present(stored: Stored, presentation: Presentation) -> Pixels:
    """Show stored values as a doctor sees them.

    Parameters
    ----------
    stored
        Shape (rows, columns), sign and high bits settled.

    Returns
    -------
    Pixels
        The same shape, bone bright.
    """
    lowest, highest = int(stored.min()), int(stored.max())
    if highest - lowest >= 1 << _TABLE_BITS:
        return _show(stored.astype(np.float64), presentation, None)
    possible = np.arange(lowest, highest + 1, dtype=np.float64)
    counts = np.zeros(len(possible), np.int64)
    shown = np.empty(stored.shape, np.uint8)
    step = max(1, _BLOCK_PIXELS // stored.shape[1])
    blocks = [slice(row, row + step) for row in range(0, stored.shape[0], step)]
    if presentation.window is None:
        for block in blocks:
            counts += np.bincount(stored[block].astype(np.intp).ravel() - lowest, minlength=len(possible))
    levels = _show(possible, presentation, counts)
    for block in blocks:
        shown[block] = levels[stored[block].astype(np.intp) - lowest]
    return shown


def _show(values: Grey, presentation: Presentation, counts: NDArray[np.int64] | None) -> Pixels:
    units = presentation.to_units(values)
    is_padding = np.zeros(values.shape, bool)
    if presentation.padding is not None:
        lowest, highest = presentation.padding
        is_padding = (values >= lowest) & (values <= highest)
    window = presentation.window or _spread_of(units, ~is_padding, counts)
    greys = window(units)
    if presentation.is_inverted:
        greys = 1.0 - greys
    return to_levels(np.where(is_padding, 0.0, greys))


def _spread_of(units: Grey, is_counted: NDArray[np.bool_], counts: NDArray[np.int64] | None) -> Tone:
    """Give the window between the picture's own percentiles, weighing each value by how many pixels have it."""
    if not is_counted.any():
        return linear_exact(0.0, 1.0)
    found = units[is_counted]
    if counts is None:
        dark, bright = np.percentile(found, (_DARKEST_PERCENT, _BRIGHTEST_PERCENT))
        return between(float(dark), float(bright))
    order = np.argsort(found, kind="stable")
    so_far = np.cumsum(counts[is_counted][order])
    ends = np.searchsorted(so_far, so_far[-1] * np.array([_DARKEST_PERCENT, _BRIGHTEST_PERCENT]) / 100.0)
    dark, bright = found[order][ends]
    return between(float(dark), float(bright))


def between(dark: float, bright: float) -> Tone:
    """Give the window whose ends are these values."""
    return linear_exact((dark + bright) / 2.0, max(bright - dark, 1e-9))
