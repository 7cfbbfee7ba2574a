"""How a DICOM file's pixels are laid out, and whether they are all there.

References
----------
DICOM PS3.3 C.7.6.3 (Image Pixel); PS3.5 8 and A.4 (pixel encoding).
"""

from dataclasses import dataclass

from lingula.errors import UnreadablePixels
from lingula.radiology import values
from lingula.radiology.elements import Elements, PixelPlace, fragments
from lingula.radiology.limits import check_size


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelLayout:
    """How a DICOM file's pixels are laid out (the Image Pixel module)."""

    rows: int
    columns: int
    samples_per_pixel: int
    photometric_interpretation: str
    is_planar: bool
    bits_allocated: int
    bits_stored: int
    high_bit: int
    is_signed: bool
    number_of_frames: int

    @property
    def size_bytes(self) -> int:
        """How many bytes the uncompressed pixels of all frames take."""
        samples = self.rows * self.columns * self.samples_per_pixel
        if self.photometric_interpretation == "YBR_FULL_422" and self.samples_per_pixel > 1:
            samples = samples * 2 // 3  # two pixels share their chrominance
        return (samples * self.number_of_frames * self.bits_allocated + 7) // 8


def read_layout(elements: Elements) -> PixelLayout:
    """Read the Image Pixel module; what is missing but harmless gets its usual value.

    Raises
    ------
    UnreadablePixels
        If rows, columns or bits are missing or absurd.
    """
    rows, columns = values.short(elements, 0x00280010), values.short(elements, 0x00280011)
    if rows is None or columns is None:
        raise UnreadablePixels("the DICOM file has pixels but no Rows or Columns: export it again")
    check_size(rows, columns)
    bits_allocated = values.short(elements, 0x00280100) or 16
    bits_stored = values.short(elements, 0x00280101) or bits_allocated
    high_bit = values.short(elements, 0x00280102)
    if bits_allocated not in (1, 8, 16, 32) or not 1 <= bits_stored <= bits_allocated:
        raise UnreadablePixels(f"{bits_stored} of {bits_allocated} bits per pixel cannot be read: export it again")
    samples = values.short(elements, 0x00280002) or 1
    if samples not in (1, 3):
        raise UnreadablePixels(f"{samples} samples per pixel cannot be read; only grey and colour pictures are")
    return PixelLayout(
        rows=rows,
        columns=columns,
        samples_per_pixel=samples,
        photometric_interpretation=values.code(elements, 0x00280004) or "MONOCHROME2",
        is_planar=values.short(elements, 0x00280006) == 1,
        bits_allocated=bits_allocated,
        bits_stored=bits_stored,
        high_bit=high_bit if high_bit is not None and bits_stored - 1 <= high_bit < bits_allocated else bits_stored - 1,
        is_signed=values.short(elements, 0x00280103) == 1,
        number_of_frames=max(1, int(values.decimal(elements, 0x00280008) or 1)),
    )


def check_pixels_are_there(data: bytes, place: PixelPlace, layout: PixelLayout) -> None:
    """Refuse a file that ends before its pixels do."""
    if place.length is None:
        if not any(end > begin for begin, end in list(fragments(data, place.start))[1:]):
            raise UnreadablePixels("the DICOM file's compressed pixels are empty: it is truncated, send it again")
        return
    present = min(place.length, len(data) - place.start)
    needed = max(layout.size_bytes, place.length - 1)  # a single missing padding byte is forgiven
    if present < needed:
        raise UnreadablePixels(
            f"{present:,} bytes of pixels are there, {layout.rows} x {layout.columns} pixels need {needed:,}: "
            "the file is truncated, send it again"
        )
