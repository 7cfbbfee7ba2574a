"""Synthetic pictures and their encodings as JPEG, PNG and TIFF; nobody's chest."""

import io
import struct
import zlib

import numpy as np
import simplejpeg  # type: ignore[import-untyped] # the package carries no types
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

Eight = NDArray[np.uint8]
Sixteen = NDArray[np.uint16]


def made_pixels(rows: int = 120, columns: int = 152, seed: int = 7) -> Eight:
    """Give two dark lungs in a bright chest with ribs and some noise, using every grey level from 0 to 255."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    chest = np.exp(-(x**2) / 0.9 - y**2 / 1.2)
    for side in (-0.42, 0.42):
        chest = chest - 0.7 * np.exp(-(((x - side) / 0.28) ** 2) - ((y + 0.05) / 0.6) ** 2)
    chest = chest + 0.05 * np.sin(18 * y + 3 * x**2) + rng.normal(0.0, 0.01, x.shape)
    scaled = (chest - chest.min()) / (chest.max() - chest.min())
    return np.asarray(np.rint(scaled * 255), dtype=np.uint8)


def deepened(pixels: Eight, bits: int) -> Sixteen:
    """Stretch eight bits to the whole range of `bits`."""
    return np.asarray(np.rint(pixels * (((1 << bits) - 1) / 255.0)), dtype=np.uint16)


def as_jpeg(pixels: Eight, quality: int = 95) -> bytes:
    """Encode grey or RGB pixels as baseline JPEG."""
    is_grey = pixels.ndim == 2
    array = np.ascontiguousarray(pixels[:, :, np.newaxis] if is_grey else pixels)
    encoded = simplejpeg.encode_jpeg(array, quality, "GRAY" if is_grey else "RGB", "Gray" if is_grey else "444")
    return bytes(encoded)


def as_file(picture: Image.Image, file_format: str, **options: object) -> bytes:
    """Let Pillow encode a picture."""
    buffer = io.BytesIO()
    picture.save(buffer, file_format, **options)
    return buffer.getvalue()


def as_png(pixels: NDArray[np.integer]) -> bytes:
    """Encode grey (8 or 16 bits) or colour pixels as PNG."""
    return as_file(Image.fromarray(pixels), "PNG")


def as_tiff(
    pixels: NDArray[np.integer] | NDArray[np.floating], *, white_is_zero: bool = False, compression: str | None = None
) -> bytes:
    """Encode grey (integer or floating-point) or colour pixels as TIFF."""
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    data = as_file(Image.fromarray(pixels), "TIFF", tiffinfo=tags, compression=compression)
    if not white_is_zero:
        return data
    black_is_zero, zero_is_white = struct.pack("<HHIHH", 262, 3, 1, 1, 0), struct.pack("<HHIHH", 262, 3, 1, 0, 0)
    assert data.count(black_is_zero) == 1
    return data.replace(black_is_zero, zero_is_white)


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """Give one PNG chunk with its checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_bomb(rows: int, columns: int) -> bytes:
    """Give a PNG of zeros that claims (and, deflated, holds) any size."""
    header = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    squeezer = zlib.compressobj(9)
    squeezed = b"".join(squeezer.compress(bytes(columns + 1)) for _ in range(rows)) + squeezer.flush()
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", squeezed) + png_chunk(b"IEND", b"")


def tiff_of_size(rows: int, columns: int) -> bytes:
    """Give an uncompressed TIFF that claims any size and holds eight bytes."""
    entries = [(256, 4, columns), (257, 4, rows), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (278, 4, rows)]
    entries.append((279, 4, rows * columns))
    directory = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    return b"II*\0" + struct.pack("<I", 16) + bytes(8) + struct.pack("<H", len(entries)) + directory + bytes(4)


def with_orientation(jpeg: bytes, orientation: int, byte_order: str = ">") -> bytes:
    """Add an Exif segment with an orientation to a JPEG."""
    signature = b"MM\0*" if byte_order == ">" else b"II*\0"
    entry = struct.pack(f"{byte_order}HHIHH", 0x0112, 3, 1, orientation, 0)
    directory = struct.pack(f"{byte_order}IH", 8, 1) + entry + bytes(4)
    exif = b"Exif\0\0" + signature + directory
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]
