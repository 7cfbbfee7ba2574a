"""Copies of DICOM radiographs for research, without anything that identifies a person.

The standard lists hundreds of attributes to remove. This goes the other way: only attributes that are known to be
harmless and useful are kept, and only if their values look as the standard says; whatever else a sender has put in,
private elements and overlays included, is left out. UIDs and the patient's id become keyed pseudonyms, so that a
patient's studies stay together within one installation and nobody outside can undo it.

References
----------
DICOM PS3.15 Annex E, Basic Application Level Confidentiality Profile (113100), Retain Patient Characteristics Option
(113108); PS3.16 CID 7050; PS3.5 B.2 (UIDs from UUIDs).
"""

import hashlib
import hmac
import re
import struct

from lingula.errors import NotDicom, NotEligible
from lingula.radiology import values
from lingula.radiology.elements import (
    DEFLATED,
    EXPLICIT_LITTLE,
    PIXEL_DATA,
    Elements,
    Encoding,
    PixelPlace,
    fragments,
    read_elements,
)
from lingula.radiology.layout import check_pixels_are_there, read_layout

_CODE = re.compile(rb"[A-Z0-9_ ]{0,16}(\\[A-Z0-9_ ]{0,16})*")
_NUMBERS = re.compile(rb"[0-9+\-.eE \\]*")
_UID = re.compile(rb"[0-9.]{1,64}\0?")
_ANYTHING = re.compile(rb".*", re.DOTALL)
_LOOKS = {b"CS": _CODE, b"DS": _NUMBERS, b"IS": _NUMBERS, b"UI": _UID, b"US": _ANYTHING, b"OW": _ANYTHING}

_KEPT = {
    **dict.fromkeys((0x00080008, 0x00080060, 0x00080068), b"CS"),  # Image Type, Modality, Presentation Intent Type
    0x00080016: b"UI",  # SOP Class UID
    **dict.fromkeys((0x00180015, 0x00181500, 0x00185100, 0x00185101), b"CS"),  # body part, positioner, positions
    **dict.fromkeys((0x00180060, 0x00181110, 0x00181164), b"DS"),  # KVP, source to detector, imager pixel spacing
    **dict.fromkeys((0x00181150, 0x00181151, 0x00181152), b"IS"),  # exposure time, current, exposure
    **dict.fromkeys((0x00200020, 0x00200060), b"CS"),  # Patient Orientation, Laterality
    **dict.fromkeys((0x00280002, 0x00280006, 0x00280010, 0x00280011), b"US"),  # samples, planes, rows, columns
    **dict.fromkeys((0x00280004, 0x00281056, 0x20500020), b"CS"),  # photometric interpretation, VOI function, shape
    0x00280008: b"IS",  # Number of Frames
    **dict.fromkeys((0x00280100, 0x00280101, 0x00280102, 0x00280103, 0x00280120, 0x00280121), b"US"),  # bits, padding
    **dict.fromkeys((0x00280030, 0x00281050, 0x00281051, 0x00281052, 0x00281053), b"DS"),  # spacing, window, rescale
    **dict.fromkeys((0x00281101, 0x00281102, 0x00281103), b"US"),  # palette descriptors
    **dict.fromkeys((0x00281201, 0x00281202, 0x00281203), b"OW"),  # palettes
}
_CHARACTERISTICS = {0x00100040: b"CS", 0x00101010: b"CS"}  # Patient's Sex, Patient's Age (an AS looks like a code)
_LUT_SEQUENCES = (0x00283000, 0x00283010)
_REPLACED_UIDS = (0x00080018, 0x0020000D, 0x0020000E)
_BURNED_IN_ANNOTATION = 0x00280301
_LONG_HEADS = (b"OB", b"OW", b"SQ")
_META = Encoding(is_explicit=True, byte_order="<")


def deidentify(data: bytes, key: bytes, *, keeps_characteristics: bool = False) -> bytes:
    """Give a copy of a DICOM radiograph that identifies nobody.

    Parameters
    ----------
    key
        Secret of the installation; the same key gives the same pseudonyms.
    keeps_characteristics
        Keep age and sex, which research on children needs; the copy says so.

    Raises
    ------
    NotDicom, UnreadablePixels
        If the file is no DICOM file or is not whole.
    NotEligible
        If there are no pixels, or text is burned into them: that needs a person's eye.
    """
    if data[128:132] != b"DICM":
        raise NotDicom("only DICOM files with a preamble are de-identified; a plain picture has no header to clean")
    elements = read_elements(data)
    if elements.pixels is None:
        raise NotEligible("the DICOM file has no pixels; only radiographs are de-identified")
    if values.code(elements, _BURNED_IN_ANNOTATION) == "YES":
        raise NotEligible("the DICOM file says that text is burned into its pixels; a person must clean it first")
    check_pixels_are_there(elements.data, elements.pixels, read_layout(elements))
    kept = _kept_values(elements, _KEPT | (_CHARACTERISTICS if keeps_characteristics else {}))
    kept |= {tag: (b"UI", _new_uid(key, elements, tag)) for tag in _REPLACED_UIDS}
    kept |= _new_identity(key, elements, keeps_characteristics=keeps_characteristics)
    written = {tag: _element(tag, vr, value, elements.encoding) for tag, (vr, value) in kept.items()}
    for tag in _LUT_SEQUENCES:
        item = elements.first_item(tag)
        if item is not None:
            tables = _kept_values(item, {0x00283002: b"US", 0x00283006: b"OW"})
            body = b"".join(_element(inner, vr, value, elements.encoding) for inner, (vr, value) in tables.items())
            written[tag] = _element(tag, b"SQ", _item(body, elements.encoding), elements.encoding)
    body = b"".join(written[tag] for tag in sorted(written)) + _pixel_element(elements, elements.pixels)
    return _meta(elements, kept[0x00080018][1]) + body


def _kept_values(elements: Elements, wanted: dict[int, bytes]) -> dict[int, tuple[bytes, bytes]]:
    """Take the values that look as their representation says."""
    found = {tag: (vr, elements.value(tag)) for tag, vr in wanted.items()}
    return {tag: (vr, value) for tag, (vr, value) in found.items() if value is not None and _LOOKS[vr].fullmatch(value)}


def _new_identity(key: bytes, elements: Elements, *, keeps_characteristics: bool) -> dict[int, tuple[bytes, bytes]]:
    patient = values.text(elements, 0x00100020) or values.text(elements, 0x00100010) or ""
    pseudonym = f"ANON{_digest(key, 'patient', patient):032x}"[:16].upper().encode()
    codes = [(b"113100", b"Basic Application Confidentiality Profile")]
    if keeps_characteristics:
        codes.append((b"113108", b"Retain Patient Characteristics Option"))
    encoding = elements.encoding
    items = b"".join(
        _item(
            _element(0x00080100, b"SH", value, encoding)
            + _element(0x00080102, b"SH", b"DCM", encoding)
            + _element(0x00080104, b"LO", meaning, encoding),
            encoding,
        )
        for value, meaning in codes
    )
    empty = ((0x00080020, b"DA"), (0x00080030, b"TM"), (0x00080050, b"SH"), (0x00080090, b"PN"), (0x00100030, b"DA"))
    return {
        **{tag: (vr, b"") for tag, vr in empty},
        0x00100010: (b"PN", pseudonym),
        0x00100020: (b"LO", pseudonym),
        0x00120062: (b"CS", b"YES"),
        0x00120063: (b"LO", b"Lingula: known harmless attributes kept"),
        0x00120064: (b"SQ", items),
    }


def _new_uid(key: bytes, elements: Elements, tag: int) -> bytes:
    return f"2.25.{_digest(key, f'{tag:08x}', values.uid(elements, tag) or '')}".encode()


def _digest(key: bytes, kind: str, value: str) -> int:
    return int.from_bytes(hmac.new(key, f"{kind}\0{value}".encode(), hashlib.sha256).digest()[:16], "big")


def _element(tag: int, vr: bytes, value: bytes, encoding: Encoding) -> bytes:
    value += (b"\0" if vr in (b"UI", *_LONG_HEADS) else b" ") * (len(value) % 2)
    return _head(tag, vr, len(value), encoding) + value


def _head(tag: int, vr: bytes, length: int, encoding: Encoding) -> bytes:
    number = struct.pack(f"{encoding.byte_order}HH", tag >> 16, tag & 0xFFFF)
    if not encoding.is_explicit:
        return number + struct.pack(f"{encoding.byte_order}I", length)
    if vr in _LONG_HEADS:
        return number + vr + struct.pack(f"{encoding.byte_order}HI", 0, length)
    return number + vr + struct.pack(f"{encoding.byte_order}H", length)


def _item(body: bytes, encoding: Encoding) -> bytes:
    return struct.pack(f"{encoding.byte_order}HHI", 0xFFFE, 0xE000, len(body)) + body


def _pixel_element(elements: Elements, place: PixelPlace) -> bytes:
    """Copy the pixels as they are."""
    if place.length is not None:
        pixels = elements.data[place.start : place.start + place.length]
        stated = elements.data[place.start - 8 : place.start - 6] if elements.encoding.is_explicit else b""
        return _element(PIXEL_DATA, b"OB" if stated == b"OB" else b"OW", pixels, elements.encoding)
    pieces = [elements.data[start:end] for start, end in fragments(elements.data, place.start)]
    body = b"".join(_item(piece, elements.encoding) for piece in pieces)
    return _head(PIXEL_DATA, b"OB", 0xFFFFFFFF, elements.encoding) + body + b"\xfe\xff\xdd\xe0\0\0\0\0"


def _meta(elements: Elements, sop_instance_uid: bytes) -> bytes:
    """Write preamble and file meta information; a deflated data set is written plain."""
    syntax = elements.transfer_syntax_uid
    sop_class = elements.value(0x00080016) or b""
    body = b"".join(
        (
            _element(0x00020001, b"OB", b"\0\1", _META),
            _element(0x00020002, b"UI", sop_class.rstrip(b"\0"), _META),
            _element(0x00020003, b"UI", sop_instance_uid, _META),
            _element(0x00020010, b"UI", (EXPLICIT_LITTLE if syntax == DEFLATED else syntax).encode(), _META),
            _element(0x00020012, b"UI", b"2.25.329800735698586629295641978511506172918", _META),
        )
    )
    return bytes(128) + b"DICM" + _element(0x00020000, b"UL", struct.pack("<I", len(body)), _META) + body
