"""A copy of a file that is a new radiograph to whoever receives it: same pixels, another identity.

Lingula recognises what it has received before, so a hospital can only be simulated with files that differ: a DICOM
file gets new UIDs, a picture a comment.
"""

import io
import secrets
import struct
import zlib

_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_HEADER_ENDS = 33  # bytes: signature 8, length 4, type 4, IHDR 13, checksum 4
_JPEG_START = b"\xff\xd8"


def renew(data: bytes) -> bytes:
    """Give the same picture as a new radiograph; formats that cannot carry a comment come back unchanged."""
    token = secrets.token_hex(8).encode()
    if data.startswith(_JPEG_START):
        comment = b"lingula simulation " + token
        return _JPEG_START + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + data[2:]
    if data.startswith(_PNG_START):
        chunk = b"tEXt" + b"Comment\x00" + token
        framed = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        return data[:_PNG_HEADER_ENDS] + framed + data[_PNG_HEADER_ENDS:]
    if data[128:132] == b"DICM":
        return _renew_dicom(data)
    return data


def _renew_dicom(data: bytes) -> bytes:
    from pydicom import dcmread
    from pydicom.uid import generate_uid

    dataset = dcmread(io.BytesIO(data))
    dataset.SOPInstanceUID = generate_uid()
    dataset.SeriesInstanceUID = generate_uid()
    dataset.StudyInstanceUID = generate_uid()
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    target = io.BytesIO()
    dataset.save_as(target)
    return target.getvalue()
