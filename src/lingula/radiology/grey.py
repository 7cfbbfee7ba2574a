"""From stored values to what a doctor sees: modality, window, polarity, background.

All steps that depend on the stored value alone are carried out once per possible value, in a table, and the picture is
looked up in it. That is exact, as fast as memory, and keeps the order of the standard's pipeline readable.

References
----------
DICOM PS3.3 C.11.1 (Modality LUT), C.11.2 (VOI LUT: windows and their functions), C.7.6.3.1.2 (polarity),
C.7.5.1.1.2 (Pixel Padding Value), C.11.6 (Presentation LUT Shape).
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from lingula.radiology.radiograph import Pixels

Grey = NDArray[np.float64]
"""Values of any shape; after a window 0-1."""

Stored = NDArray[np.integer]
"""Values as stored in the file, in the smallest type that holds them."""

Tone = Callable[[Grey], Grey]

LUMINANCE = (0.299, 0.587, 0.114)
"""Weights of red, green and blue (ITU-R BT.601), as JPEG and DICOM's YBR use them."""
BRIGHTEST = 65535.0
_DARKEST_PERCENT, _BRIGHTEST_PERCENT = 0.5, 99.5
"""Where a picture without a window is cut: markers and the direct beam take less than that of most radiographs."""
_TABLE_BITS = 16
_SAMPLED_PIXELS = 1 << 22
"""Enough to tell percentiles of values too many for a table."""
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
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return np.zeros(values.shape, np.uint8)
    dark, bright = np.percentile(finite, (_DARKEST_PERCENT, _BRIGHTEST_PERCENT))
    with np.errstate(all="ignore"):
        return to_levels(np.where(np.isfinite(values), between(float(dark), float(bright))(values), 0.0))


def to_luminance(values: Stored, bits_stored: int) -> Stored:
    """Add up one or three colours of shape (rows, columns, samples) to sixteen bits, a row at a time to save memory."""
    weights = np.array(LUMINANCE if values.shape[2] == len(LUMINANCE) else (1.0,))
    scale = weights * (BRIGHTEST / ((1 << bits_stored) - 1))
    luminance = np.empty(values.shape[:2], np.uint16)
    for row, colours in enumerate(values):
        luminance[row] = np.clip(np.rint(colours @ scale), 0, BRIGHTEST)
    return luminance


def to_levels(greys: Grey) -> Pixels:
    """Round 0-1 to eight bits."""
    return np.asarray(np.rint(np.nan_to_num(greys) * 255.0), dtype=np.uint8)


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
    step = max(1, _BLOCK_PIXELS // stored.shape[1])
    blocks = [slice(row, row + step) for row in range(0, stored.shape[0], step)]
    shown = np.empty(stored.shape, np.uint8)
    with np.errstate(all="ignore"):  # a forged slope may overflow; what is not finite becomes black or white
        if highest - lowest >= 1 << _TABLE_BITS:
            some = stored[:: 1 + stored.size // _SAMPLED_PIXELS].astype(np.float64).ravel()
            settled = _settle(presentation, some, np.ones(some.shape, np.int64))
            for block in blocks:
                shown[block] = _show(stored[block].astype(np.float64), settled)
            return shown
        possible = np.arange(lowest, highest + 1, dtype=np.float64)
        counts = np.zeros(len(possible), np.int64)
        if presentation.window is None:
            for block in blocks:
                counts += np.bincount(stored[block].astype(np.intp).ravel() - lowest, minlength=len(possible))
        levels = _show(possible, _settle(presentation, possible, counts))
    for block in blocks:
        shown[block] = levels[stored[block].astype(np.intp) - lowest]
    return shown


def _show(values: Grey, presentation: Presentation) -> Pixels:
    greys = (presentation.window or linear_exact(0.0, 1.0))(presentation.to_units(values))
    if presentation.is_inverted:
        greys = 1.0 - greys
    return to_levels(np.where(_is_padding(values, presentation), 0.0, greys))


def _is_padding(values: Grey, presentation: Presentation) -> NDArray[np.bool_]:
    lowest, highest = presentation.padding or (1, 0)
    return (values >= lowest) & (values <= highest)


def _settle(presentation: Presentation, values: Grey, counts: NDArray[np.int64]) -> Presentation:
    """Where the file has no window, take the one between the picture's percentiles; `counts` pixels have each value."""
    is_counted = ~_is_padding(values, presentation) & (counts > 0)
    if presentation.window is not None or not is_counted.any():
        return presentation
    units = presentation.to_units(values[is_counted])
    order = np.argsort(units, kind="stable")
    so_far = np.cumsum(counts[is_counted][order])
    ends = np.searchsorted(so_far, so_far[-1] * np.array([_DARKEST_PERCENT, _BRIGHTEST_PERCENT]) / 100.0)
    dark, bright = units[order][ends]
    return replace(presentation, window=between(float(dark), float(bright)))


def between(dark: float, bright: float) -> Tone:
    """Give the window whose ends are these values."""
    return linear_exact((dark + bright) / 2.0, max(bright - dark, 1e-9))
