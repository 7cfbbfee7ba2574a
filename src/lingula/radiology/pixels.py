"""From a DICOM file's pixels to a radiograph: decode, settle sign and colour, present.

References
----------
DICOM PS3.3 C.7.6.3.1 (photometric interpretations), C.7.6.3.1.5 (palettes); PS3.5 8.1 (pixel cells).
"""

from dataclasses import replace

import numpy as np

from lingula.errors import NotEligible, UnreadablePixels
from lingula.radiology import values
from lingula.radiology.elements import Elements, read_elements
from lingula.radiology.grey import BRIGHTEST, LUMINANCE, Presentation, Stored, between, present, to_luminance
from lingula.radiology.layout import PixelLayout, check_pixels_are_there, read_layout
from lingula.radiology.presentation import read_padding, read_presentation
from lingula.radiology.radiograph import Radiograph
from lingula.radiology.stored import Samples, decode_samples

_PALETTES = ((0x00281101, 0x00281201), (0x00281102, 0x00281202), (0x00281103, 0x00281203))


def read_dicom_radiograph(
    data: bytes, *, at_least: int | None = None, window: tuple[float, float] | None = None
) -> Radiograph:
    """Decode a DICOM file's only frame as a doctor would see it.

    Parameters
    ----------
    at_least
        The shortest side needed: baseline JPEG may be decoded smaller, never below this.
    window
        Centre and width in the modality's units; None takes the file's own.

    Raises
    ------
    NotDicom, UnreadablePixels
        If the file is none, truncated, damaged or absurdly large.
    NotEligible
        If it has no pixels, several frames, or a transfer syntax that is not read.
    """
    elements = read_elements(data)
    place = elements.pixels
    if place is None:
        raise NotEligible(
            "the DICOM file has no pixels (a report, a presentation state, ...); there is nothing to read"
        )
    layout = read_layout(elements)
    if layout.number_of_frames > 1:
        raise NotEligible(f"the DICOM file has {layout.number_of_frames} frames; only single radiographs are assessed")
    check_pixels_are_there(elements.data, place, layout)
    # A scaled picture has mixtures along the edge of its padding, which would no longer count as padding.
    samples = decode_samples(elements, place, layout, at_least if read_padding(elements, layout) is None else None)
    stored, is_colour = _to_stored_grey(samples, elements, layout)
    if is_colour:
        shown = Presentation(window=between(0.0, BRIGHTEST))
    else:
        shown = read_presentation(elements, replace(layout, bits_stored=samples.bits_stored), window)
    return Radiograph(pixels=present(stored, shown), rows=layout.rows, columns=layout.columns)


def _to_stored_grey(samples: Samples, elements: Elements, layout: PixelLayout) -> tuple[Stored, bool]:
    """Reduce colour to luminance; tell whether it was colour, which knows no window."""
    photometric_interpretation = samples.photometric_interpretation
    if photometric_interpretation == "PALETTE COLOR":
        return _look_up_palette(samples.values[:, :, 0], elements), True
    if photometric_interpretation.startswith("YBR"):
        return to_luminance(samples.values[:, :, :1], samples.bits_stored), True
    if photometric_interpretation == "RGB" and samples.values.shape[2] == len(LUMINANCE):
        return to_luminance(samples.values, samples.bits_stored), True
    if samples.values.shape[2] != 1:
        raise UnreadablePixels(f"{layout.photometric_interpretation!r} with several samples per pixel cannot be read")
    return samples.values[:, :, 0], False


def _look_up_palette(stored: Stored, elements: Elements) -> Stored:
    colours, first = [], 0
    for descriptor_tag, data_tag in _PALETTES:
        descriptor, data = values.shorts(elements, descriptor_tag), elements.value(data_tag)
        if len(descriptor) < 3 or data is None:  # noqa: PLR2004 - entries, first value mapped, bits per entry
            raise UnreadablePixels("the DICOM file has a palette picture but no palette: export it again as grey")
        count, first = descriptor[0] or 1 << 16, descriptor[1]
        if len(data) < 2 * count:
            colours.append(np.frombuffer(data[:count], np.uint8) * 257.0)
        else:
            colours.append(np.frombuffer(data[: 2 * count], f"{elements.encoding.byte_order}u2").astype(np.float64))
    if len({len(entries) for entries in colours}) != 1:
        raise UnreadablePixels("the palette has more entries for one colour than for another: export it again as grey")
    luminance = np.rint(np.array(LUMINANCE) @ np.stack(colours)).astype(np.uint16)
    index = np.clip(stored.astype(np.int32) - first, 0, len(luminance) - 1)
    return np.asarray(luminance[index], dtype=np.uint16)
