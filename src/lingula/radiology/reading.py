"""From bytes to an instance and a radiograph: the two questions every station of the walk asks.

`describe_instance` is asked when a file arrives: what is it, whose, is it whole? It never decodes pixels.
`read_radiograph` is asked when it is assessed, `render_window` when a doctor looks. All take bytes from anybody.
"""

import numpy as np

from lingula.radiology import dicom, jpeg, picture, sniffing
from lingula.radiology.grey import BRIGHTEST, Presentation, between, linear_exact, present, to_luminance
from lingula.radiology.jpeg_extended import decode_extended
from lingula.radiology.jpeg_lossless import decode_lossless
from lingula.radiology.pixels import read_dicom_radiograph
from lingula.radiology.radiograph import Pixels, Radiograph
from lingula.radiology.study import FileFormat, Instance

_SCREEN_BITS = 8


def describe_instance(data: bytes) -> Instance:
    """Tell what a file says of itself, from its header alone, and refuse it if it is not whole.

    Parameters
    ----------
    data
        The bytes as sent.

    Returns
    -------
    Instance
        Elements that are absent or broken are None.

    Raises
    ------
    NotDicom
        If the bytes are no format Lingula reads; the message says what they look like.
    UnreadablePixels
        If they are empty, truncated, damaged or claim an absurd size.
    """
    file_format = sniffing.tell_format(data)
    if file_format is FileFormat.DICOM:
        return dicom.describe_dicom(data)
    if file_format is FileFormat.JPEG:
        header = jpeg.read_jpeg_header(data)
        rows, columns = header.rows, header.columns
        if jpeg.is_on_its_side(header.orientation):
            rows, columns = columns, rows
        return Instance(file_format=file_format, rows=rows, columns=columns)
    size = picture.read_picture_size(data, file_format)
    return Instance(file_format=file_format, rows=size.rows, columns=size.columns)


def read_radiograph(data: bytes, *, at_least: int | None = None) -> Radiograph:
    """Decode a file's pixels as a doctor would see them.

    Parameters
    ----------
    data
        The bytes as sent.
    at_least
        The shortest side that is needed, in pixels: a JPEG may be decoded smaller, never below this. None decodes every
        pixel.

    Returns
    -------
    Radiograph
        Eight bits, bone bright; `rows` and `columns` are those of the file.

    Raises
    ------
    NotDicom
        If the bytes are no format Lingula reads.
    UnreadablePixels
        If they are truncated, damaged or claim an absurd size.
    NotEligible
        If the file is readable but holds no single still picture.
    """
    return _read(data, at_least, None)


def render_window(data: bytes, window: tuple[float, float] | None) -> Radiograph:
    """Decode every pixel for the viewer.

    Parameters
    ----------
    window
        Centre and width in the modality's units; None takes the file's own. Pictures other than DICOM have no units:
        theirs are grey levels, 0-255.

    Raises
    ------
    NotDicom, UnreadablePixels, NotEligible
        As `read_radiograph`.
    """
    return _read(data, None, window)


def _read(data: bytes, at_least: int | None, window: tuple[float, float] | None) -> Radiograph:
    file_format = sniffing.tell_format(data)
    if file_format is FileFormat.DICOM:
        return read_dicom_radiograph(data, at_least=at_least, window=window)
    if file_format is FileFormat.JPEG:
        header = jpeg.read_jpeg_header(data)
        is_deep = header.is_lossless or header.precision > _SCREEN_BITS
        decoded = _decode_deep_jpeg(data, header) if is_deep else jpeg.decode_jpeg(data, header, at_least)
        pixels, rows, columns = jpeg.turn_upright(decoded, header.orientation), header.rows, header.columns
        if jpeg.is_on_its_side(header.orientation):
            rows, columns = columns, rows
    else:
        pixels = picture.decode_picture(data, file_format)
        rows, columns = pixels.shape
    if window is not None:
        pixels = present(pixels, Presentation(window=linear_exact(*window)))
    return Radiograph(pixels=pixels, rows=rows, columns=columns)


def _decode_deep_jpeg(data: bytes, header: jpeg.JpegHeader) -> Pixels:
    """Decode a JPEG that no screen shows as it is: lossless or of more than eight bits."""
    values = decode_lossless(data) if header.is_lossless else decode_extended(data)[:, :, np.newaxis]
    return present(to_luminance(values, header.precision), Presentation(window=between(0.0, BRIGHTEST)))
