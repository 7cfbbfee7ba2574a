"""The same synthetic pixels in every encoding Lingula accepts.

Lossless encodings end within one grey level of `PIXELS` (rounding). Lossy ones state their tolerance: the mean error in
grey levels, which for a picture at JPEG quality 95 is below 1.5.
"""

from collections.abc import Callable
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import (
    JPEG2000,
    UID,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSNearLossless,
)

from made.dicom_files import LOSSLESS, NATIVE, as_bytes, lut_sequence, made_dataset, with_frame
from made.jpeg_encoders import extended_jpeg, lossless_jpeg
from made.pictures import as_file, as_jpeg, as_png, as_tiff, deepened, made_pixels

PIXELS = made_pixels()
TWELVE = deepened(PIXELS, 12)
SIXTEEN = deepened(PIXELS, 16)
RGB = np.repeat(PIXELS[:, :, np.newaxis], 3, axis=2)
GREY_CHROMA = np.dstack([PIXELS, np.full_like(PIXELS, 128), np.full_like(PIXELS, 128)])


def windowed(stored: NDArray[np.integer], bits: int, center: float, width: float, **elements: object) -> Dataset:
    dataset = made_dataset(stored, bits_stored=bits)
    dataset.WindowCenter, dataset.WindowWidth = center, width
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return dataset


def twelve(**elements: object) -> Dataset:
    return windowed(TWELVE, 12, 2048, 4096, **elements)


def palette_png() -> bytes:
    turned = Image.fromarray(255 - PIXELS).convert("P")
    turned.putpalette([level for entry in range(256) for level in (255 - entry,) * 3])
    turned.frombytes((255 - PIXELS).tobytes())
    return as_file(turned, "PNG")


def palette_dicom(bits: int) -> bytes:
    dataset = made_dataset(255 - PIXELS, photometric="PALETTE COLOR")
    entries = 255 - np.arange(256)
    for colour in ("Red", "Green", "Blue"):
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, bits])
        data = (entries * 257).astype("<u2") if bits == 16 else entries.astype("u1")
        setattr(dataset, f"{colour}PaletteColorLookupTableData", data.tobytes())
    return as_bytes(dataset)


def planar() -> bytes:
    dataset = made_dataset(RGB, photometric="RGB")
    dataset.PlanarConfiguration, dataset.PixelData = 1, np.moveaxis(RGB, 2, 0).tobytes()
    return as_bytes(dataset)


def half_chroma() -> bytes:
    dataset = made_dataset(RGB, photometric="YBR_FULL_422")
    pairs = PIXELS.reshape(-1, 2)
    dataset.PixelData = np.hstack([pairs, np.full_like(pairs, 128)]).tobytes()
    return as_bytes(dataset)


def shifted() -> bytes:
    dataset = twelve(HighBit=15)
    dataset.PixelData = (TWELVE << 4 | 0x000A).tobytes()
    return as_bytes(dataset)


def eight_in(syntax: UID) -> bytes:
    return as_bytes(made_dataset(PIXELS), syntax)


def twelve_in(syntax: UID) -> bytes:
    return as_bytes(twelve(), syntax)


def rgb_in(syntax: UID) -> bytes:
    return as_bytes(made_dataset(RGB, photometric="RGB"), syntax)


def lossless_in(syntax: UID, predictor: int) -> bytes:
    return with_frame(twelve(), lossless_jpeg(TWELVE, 12, predictor), syntax)


def signed_in(syntax: UID) -> bytes:
    return as_bytes(windowed((TWELVE.astype(int) - 2048).astype(np.int16), 12, 0, 4096), syntax)


def low_window_values() -> NDArray[np.uint16]:
    return np.asarray(np.clip(TWELVE.astype(int) + 200, 0, 65535), np.uint16)


def modality_table() -> Dataset:
    dataset = windowed(PIXELS, 8, 32768, 65536)
    dataset.ModalityLUTSequence = lut_sequence((np.arange(256) * 257).astype(np.uint16), 0, 16)
    dataset.ModalityLUTSequence[0].ModalityLUTType = "US"
    return dataset


def voi_table() -> Dataset:
    dataset = made_dataset(low_window_values(), bits_stored=16)
    dataset.VOILUTSequence = lut_sequence(np.arange(4096).astype(np.uint16), 200, 12)
    dataset.WindowCenter, dataset.WindowWidth = 1, 2  # a table comes before a window
    return dataset


def signed_voi_table() -> Dataset:
    dataset = made_dataset((TWELVE.astype(int) - 2048).astype(np.int16), bits_stored=12)
    dataset.VOILUTSequence = lut_sequence(np.arange(4096).astype(np.uint16), (1 << 16) - 2048, 12)
    return dataset


def padded_rows(stored: NDArray[np.uint16]) -> NDArray[np.uint16]:
    return np.vstack([np.full((8, stored.shape[1]), 4000, np.uint16), stored])


LOSSLESS_ENCODINGS: dict[str, Callable[[], bytes]] = {
    "png 8": lambda: as_png(PIXELS),
    "png 16": lambda: as_png(SIXTEEN),
    "png 12 in 16": lambda: as_png(TWELVE),
    "png rgb": lambda: as_png(RGB),
    "png rgba": lambda: as_file(Image.fromarray(RGB).convert("RGBA"), "PNG"),
    "png grey and alpha": lambda: as_file(Image.fromarray(PIXELS).convert("LA"), "PNG"),
    "png palette": palette_png,
    "tiff 8": lambda: as_tiff(PIXELS),
    "tiff 8 deflated": lambda: as_tiff(PIXELS, compression="tiff_adobe_deflate"),
    "tiff 8 lzw": lambda: as_tiff(PIXELS, compression="tiff_lzw"),
    "tiff 16": lambda: as_tiff(SIXTEEN),
    "tiff 16 big endian": lambda: as_file(Image.fromarray(SIXTEEN.astype(">u2")), "TIFF"),
    "tiff 12 in 16": lambda: as_tiff(TWELVE),
    "tiff 8 white is zero": lambda: as_tiff(255 - PIXELS, white_is_zero=True),
    "tiff 16 white is zero": lambda: as_tiff(65535 - SIXTEEN, white_is_zero=True),
    "tiff rgb": lambda: as_tiff(RGB),
    "dicom monochrome1": lambda: as_bytes(made_dataset(255 - PIXELS, photometric="MONOCHROME1")),
    "dicom monochrome1 and inverse": lambda: as_bytes(
        windowed(255 - PIXELS, 8, 128, 256, PhotometricInterpretation="MONOCHROME1", PresentationLUTShape="INVERSE")
    ),
    "dicom inverse": lambda: as_bytes(windowed(255 - PIXELS, 8, 128, 256, PresentationLUTShape="INVERSE")),
    "dicom 12 monochrome1": lambda: as_bytes(
        windowed(4095 - TWELVE, 12, 2048, 4096, PhotometricInterpretation="MONOCHROME1")
    ),
    "dicom 12": lambda: as_bytes(twelve()),
    "dicom 12 in the high bits": shifted,
    "dicom 16": lambda: as_bytes(windowed(SIXTEEN, 16, 32768, 65536)),
    "dicom 32": lambda: as_bytes(windowed(SIXTEEN.astype(np.uint32) * 65537, 32, 2.0**31, 2.0**32)),
    "dicom signed 16": lambda: as_bytes(windowed((SIXTEEN.astype(int) - 32768).astype(np.int16), 16, 0, 65536)),
    "dicom signed 8": lambda: as_bytes(made_dataset((PIXELS.astype(int) - 128).astype(np.int8))),
    "dicom rescale": lambda: as_bytes(windowed(TWELVE, 12, 924, 2048, RescaleSlope=0.5, RescaleIntercept=-100)),
    "dicom two windows": lambda: as_bytes(
        windowed(TWELVE, 12, 2048, 4096, WindowCenter=[2048, 9], WindowWidth=[4096, 9])
    ),
    "dicom linear exact": lambda: as_bytes(windowed(TWELVE, 12, 2047.5, 4095, VOILUTFunction="LINEAR_EXACT")),
    "dicom narrow exact window": lambda: as_bytes(windowed(TWELVE, 12, 0.5, 0.999, RescaleSlope="0.000244")),
    "dicom modality table": lambda: as_bytes(modality_table()),
    "dicom voi table": lambda: as_bytes(voi_table()),
    "dicom signed voi table": lambda: as_bytes(signed_voi_table()),
    "dicom rgb": lambda: as_bytes(made_dataset(RGB, photometric="RGB")),
    "dicom rgb 16": lambda: as_bytes(made_dataset(RGB.astype(np.uint16) * 257, bits_stored=16, photometric="RGB")),
    "dicom rgb planar": planar,
    "dicom ybr": lambda: as_bytes(made_dataset(GREY_CHROMA, photometric="YBR_FULL")),
    "dicom ybr half": half_chroma,
    "dicom palette 8": lambda: palette_dicom(8),
    "dicom palette 16": lambda: palette_dicom(16),
    **{f"dicom 8 {syntax.name}": partial(eight_in, syntax) for syntax in NATIVE + LOSSLESS},
    **{f"dicom 12 {syntax.name}": partial(twelve_in, syntax) for syntax in NATIVE + LOSSLESS},
    **{f"dicom signed {syntax.name}": partial(signed_in, syntax) for syntax in NATIVE + LOSSLESS},
    **{f"dicom rgb {syntax.name}": partial(rgb_in, syntax) for syntax in LOSSLESS},
    **{
        f"dicom 12 jpeg lossless {predictor}": partial(lossless_in, JPEGLossless, predictor)
        for predictor in range(1, 8)
    },
    "dicom 12 jpeg lossless sv1": partial(lossless_in, JPEGLosslessSV1, 1),
    "dicom 8 jpeg lossless": lambda: with_frame(made_dataset(PIXELS), lossless_jpeg(PIXELS, 8), JPEGLosslessSV1),
    "dicom 16 jpeg lossless with restarts": lambda: with_frame(
        windowed(SIXTEEN, 16, 32768, 65536), lossless_jpeg(SIXTEEN, 16, 1, restart_rows=50), JPEGLosslessSV1
    ),
    "dicom rgb jpeg lossless": lambda: with_frame(
        made_dataset(RGB, photometric="RGB"), lossless_jpeg(RGB, 8), JPEGLosslessSV1
    ),
}

LOSSY_ENCODINGS: dict[str, tuple[float, Callable[[], bytes]]] = {
    "jpeg": (1.5, lambda: as_jpeg(PIXELS)),
    "jpeg rgb": (1.5, lambda: as_jpeg(RGB)),
    "jpeg cmyk": (1.5, lambda: as_file(Image.fromarray(RGB).convert("CMYK"), "JPEG", quality=95)),
    "jpeg progressive": (1.5, lambda: as_file(Image.fromarray(PIXELS), "JPEG", quality=95, progressive=True)),
    "tiff jpeg, quality 75": (2.5, lambda: as_tiff(PIXELS, compression="jpeg")),
    "dicom jpeg": (1.5, lambda: with_frame(made_dataset(PIXELS), as_jpeg(PIXELS), JPEGBaseline8Bit)),
    "dicom jpeg, extended syntax": (1.5, lambda: with_frame(made_dataset(PIXELS), as_jpeg(PIXELS), JPEGExtended12Bit)),
    "dicom jpeg colour": (
        1.5,
        lambda: with_frame(made_dataset(RGB, photometric="YBR_FULL_422"), as_jpeg(RGB), JPEGBaseline8Bit),
    ),
    "dicom jpeg 12": (0.6, lambda: with_frame(twelve(), extended_jpeg(TWELVE, 12, 16), JPEGExtended12Bit)),
    "dicom jpeg 12 with restarts": (
        0.6,
        lambda: with_frame(twelve(), extended_jpeg(TWELVE, 12, 16, restart_blocks=30), JPEGExtended12Bit),
    ),
    "dicom jpeg-ls near": (1.0, partial(twelve_in, JPEGLSNearLossless)),
    "dicom jpeg 2000 lossy": (1.0, partial(twelve_in, JPEG2000)),
}


@cache
def encoded(name: str) -> bytes:
    """Give `PIXELS` in one of the encodings; some encoders are slow, so each runs once."""
    return LOSSLESS_ENCODINGS[name]() if name in LOSSLESS_ENCODINGS else LOSSY_ENCODINGS[name][1]()
