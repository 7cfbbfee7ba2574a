"""How a DICOM file asks for its stored values to be shown, read from its elements.

References
----------
DICOM PS3.3 C.11.1 (Modality LUT), C.11.2 (VOI LUT), C.7.5.1.1.2 (Pixel Padding Value), C.11.6 (Presentation LUT Shape).
"""

import numpy as np

from lingula.radiology import values
from lingula.radiology.elements import Elements
from lingula.radiology.grey import Presentation, Tone, between, linear, linear_exact, sigmoid, table
from lingula.radiology.layout import PixelLayout

_MODALITY_LUT_SEQUENCE, _VOI_LUT_SEQUENCE = 0x00283000, 0x00283010
_LUT_DESCRIPTOR, _LUT_DATA = 0x00283002, 0x00283006
_RESCALE_INTERCEPT, _RESCALE_SLOPE = 0x00281052, 0x00281053
_WINDOW_CENTER, _WINDOW_WIDTH, _VOI_LUT_FUNCTION = 0x00281050, 0x00281051, 0x00281056
_PIXEL_PADDING_VALUE, _PIXEL_PADDING_RANGE_LIMIT = 0x00280120, 0x00280121
_PRESENTATION_LUT_SHAPE = 0x20500020
_MOST_SCREEN_BITS = 8


def read_presentation(elements: Elements, layout: PixelLayout, window: tuple[float, float] | None) -> Presentation:
    """Read how to show a grey DICOM picture.

    Values of up to eight bits without a window are shown as they are; deeper ones are spread, because a detector's
    range says nothing about what a doctor wants to see.

    Parameters
    ----------
    window
        Centre and width a doctor chose, in the modality's units; None takes the file's own.
    """
    to_units, has_negative_units = _read_modality(elements, layout)
    tone = linear(*window) if window else _read_voi(elements, is_signed=has_negative_units)
    if tone is None and layout.bits_stored <= _MOST_SCREEN_BITS:
        lowest = -(1 << layout.bits_stored - 1) if layout.is_signed else 0
        ends = to_units(np.array([lowest, lowest + (1 << layout.bits_stored) - 1], dtype=np.float64))
        tone = between(float(ends.min()), float(ends.max()))
    return Presentation(
        to_units=to_units,
        window=tone,
        # A file may say the same twice: INVERSE is how newer objects spell what MONOCHROME1 means.
        is_inverted=layout.photometric_interpretation == "MONOCHROME1"
        or values.code(elements, _PRESENTATION_LUT_SHAPE) == "INVERSE",
        padding=read_padding(elements, layout),
    )


def read_padding(elements: Elements, layout: PixelLayout) -> tuple[int, int] | None:
    """Read the range of stored values that are no part of the picture; None if there is none."""
    padding = values.short(elements, _PIXEL_PADDING_VALUE, is_signed=layout.is_signed)
    if padding is None:
        return None
    limit = values.short(elements, _PIXEL_PADDING_RANGE_LIMIT, is_signed=layout.is_signed)
    other = padding if limit is None else limit
    return min(padding, other), max(padding, other)


def _read_modality(elements: Elements, layout: PixelLayout) -> tuple[Tone, bool]:
    """Read the way from stored values to units, and whether units may be negative."""
    looked_up = _read_table(elements.first_item(_MODALITY_LUT_SEQUENCE), is_signed=layout.is_signed)
    if looked_up is not None:
        tone, top = looked_up
        return (lambda stored: tone(stored) * top), False
    slope = values.decimal(elements, _RESCALE_SLOPE) or 1.0
    intercept = values.decimal(elements, _RESCALE_INTERCEPT) or 0.0
    return (lambda stored: stored * slope + intercept), layout.is_signed or intercept < 0.0


def _read_voi(elements: Elements, *, is_signed: bool) -> Tone | None:
    looked_up = _read_table(elements.first_item(_VOI_LUT_SEQUENCE), is_signed=is_signed)
    if looked_up is not None:
        return looked_up[0]
    center, width = values.decimal(elements, _WINDOW_CENTER), values.decimal(elements, _WINDOW_WIDTH)
    function = values.code(elements, _VOI_LUT_FUNCTION) or "LINEAR"
    if center is None or width is None or width <= 0.0:
        return None
    if function == "SIGMOID":
        return sigmoid(center, width)
    if function == "LINEAR_EXACT" or width < 1.0:
        return linear_exact(center, width)
    return linear(center, width)


def _read_table(item: Elements | None, *, is_signed: bool) -> tuple[Tone, float] | None:
    """Read a look-up table to 0-1 and its highest possible entry; None if it is absent or broken."""
    if item is None:
        return None
    descriptor, data = values.shorts(item, _LUT_DESCRIPTOR), item.value(_LUT_DATA)
    if len(descriptor) < 3 or data is None:  # noqa: PLR2004 - entries, first value mapped, bits per entry
        return None
    count, first, bits = descriptor[0] or 1 << 16, descriptor[1], descriptor[2]
    if is_signed and first >= 1 << 15:
        first -= 1 << 16
    has_bytes = len(data) < 2 * count
    cells = data[:count] if has_bytes else data[: 2 * count]
    entries = np.frombuffer(cells, np.uint8 if has_bytes else f"{item.encoding.byte_order}u2")
    if len(entries) < count or not 8 <= bits <= 16:  # noqa: PLR2004 - the depths the standard allows
        return None
    top = float(max((1 << bits) - 1, int(entries.max())))
    return table(float(first), entries / top), top
