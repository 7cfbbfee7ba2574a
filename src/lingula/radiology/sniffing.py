"""What bytes are, told by their first bytes; a file's name is never asked.

The refusals say what the bytes look like and what to do, because whoever reads them is a technician with a full
waiting room.

References
----------
DICOM PS3.10 7.1 (preamble); ITU-T T.81 (JPEG); W3C PNG 5.2; TIFF 6.0 section 2.
"""

from lingula.errors import NotDicom, UnreadablePixels
from lingula.radiology.study import FileFormat

_WANTED = "send DICOM, JPEG, PNG or TIFF"

_PICTURES = {
    b"\xff\xd8\xff": FileFormat.JPEG,
    b"\x89PNG\r\n\x1a\n": FileFormat.PNG,
    b"II*\x00": FileFormat.TIFF,
    b"MM\x00*": FileFormat.TIFF,
}

_FOREIGN = {
    b"PK\x03\x04": "a zip archive: unpack it and send the radiographs in it one by one",
    b"PK\x05\x06": "an empty zip archive",
    b"\x1f\x8b": "gzip data: unpack it and send the radiograph inside",
    b"7z\xbc\xaf": "a 7z archive: unpack it and send the radiographs in it one by one",
    b"Rar!": "a RAR archive: unpack it and send the radiographs in it one by one",
    b"%PDF": "a PDF document: send the radiograph itself",
    b"GIF8": "a GIF picture: GIF loses grey levels, send the original",
    b"BM": "a BMP picture: save it as PNG or send the original",
    b"RIFF": "a RIFF container (WebP or video): send the original",
    b"II+\x00": "a BigTIFF picture: save it as TIFF or send the original",
    b"MM\x00+": "a BigTIFF picture: save it as TIFF or send the original",
    b"\x00\x00\x00\x0cjP  ": "a JPEG 2000 file: wrap it in DICOM or save it as PNG",
    b"\xff\x4f\xff\x51": "a JPEG 2000 codestream: wrap it in DICOM or save it as PNG",
    b"\x7fELF": "a program, not a picture",
    b"MZ": "a program, not a picture",
}

_PREAMBLE_BYTES = 128
_LOOKED_AT = 512


def tell_format(data: bytes) -> FileFormat:
    """Tell what the bytes are.

    Raises
    ------
    NotDicom
        If they are no format Lingula reads; the message says what they look like.
    UnreadablePixels
        If there are no bytes at all.
    """
    if not data:
        raise UnreadablePixels("the file is empty (0 bytes): send it again")
    if data[_PREAMBLE_BYTES : _PREAMBLE_BYTES + 4] == b"DICM":
        return FileFormat.DICOM
    for signature, file_format in _PICTURES.items():
        if data.startswith(signature):
            return file_format
    if looks_like_bare_dicom(data):
        return FileFormat.DICOM
    raise NotDicom(f"the bytes are {_describe_foreign(data)}; {_WANTED}")


def looks_like_bare_dicom(data: bytes) -> bool:
    """Whether a DICOM data set may start here without preamble: group 0002 or 0008, a low element, a sane length."""
    if len(data) < 8:  # noqa: PLR2004 - the shortest element head
        return False
    little = data[0] in (2, 8) and data[1] == 0
    big = data[0] == 0 and data[1] == 8  # noqa: PLR2004 - group 0008, big endian
    element = data[2:4] if little else data[3:1:-1]
    if not (little or big) or element[1] != 0:
        return False
    is_explicit = data[4:6].isalpha() and data[4:6].isupper()
    return is_explicit or (little and int.from_bytes(data[4:8], "little") <= _LOOKED_AT)


def _describe_foreign(data: bytes) -> str:
    for signature, words in _FOREIGN.items():
        if data.startswith(signature):
            return words
    head = data[:_LOOKED_AT]
    if not any(head):
        return "zeros: the file was probably copied while it was being written"
    if all(byte in b"\t\n\r\f" or 32 <= byte < 127 for byte in head):  # noqa: PLR2004 - printable ASCII
        return "plain text"
    return "in no known format"
