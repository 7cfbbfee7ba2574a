"""DICOM's elements found in bytes from anybody: one flat walk, bounded, without copying the pixels.

pydicom reads a whole data set into objects, follows nested sequences by recursion and inflates without a limit; a door
open to hostile bytes can afford none of these, and a header is needed for every instance in well under a millisecond.
So this walk only notes where each top-level element lies, and values are decoded when asked for.

References
----------
DICOM PS3.5 chapter 7 (encoding of data sets), 7.5 (sequences), A.4 (encapsulated pixels), A.5 (deflated);
PS3.10 chapter 7 (file meta information).
"""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from lingula.errors import NotDicom, UnreadablePixels
from lingula.radiology.limits import MOST_ELEMENTS, MOST_INFLATED_BYTES

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"

TRANSFER_SYNTAX_UID = 0x00020010
PIXEL_DATA = 0x7FE00010
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
UNDEFINED = 0xFFFFFFFF
_LONG_HEADS = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"))
_READERS = {
    order: tuple(struct.Struct(order + layout).unpack_from for layout in ("HH", "I", "H")) for order in ("<", ">")
}
_PREAMBLE = 132
_UID = re.compile(rb"[0-9.]{1,64}")
_ENDS_INSIDE = "the DICOM file ends inside an element: it is truncated, send it again"


@dataclass(frozen=True, slots=True)
class Encoding:
    """How elements are written: with their value representation or without, and in which byte order."""

    is_explicit: bool
    byte_order: str  # "<" or ">"


@dataclass(frozen=True, slots=True)
class PixelPlace:
    """Where the Pixel Data value starts and its stated length; None if it is encapsulated in fragments."""

    start: int
    length: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Elements:
    """Where the top-level elements of one data set lie.

    Parameters
    ----------
    starts_at
        Where the first element lies in `data`.
    places
        Start and end of each value in `data`, by tag.
    pixels
        Where the Pixel Data lie; None if there are none.
    """

    data: bytes
    encoding: Encoding
    transfer_syntax_uid: str
    starts_at: int
    places: dict[int, tuple[int, int]]
    pixels: PixelPlace | None

    def value(self, tag: int) -> bytes | None:
        """Give an element's bytes; None if it is absent or empty."""
        start, end = self.places.get(tag, (0, 0))
        return self.data[start:end] or None

    def first_item(self, tag: int) -> "Elements | None":
        """Give the data set in the first item of a sequence; None if the sequence is absent or empty."""
        start, end = self.places.get(tag, (0, 0))
        if end - start < 8:  # noqa: PLR2004 - the length of an item's head
            return None
        head, length, at = read_head(self.data, start, self.encoding)
        if head != ITEM:
            raise UnreadablePixels(f"sequence {_name(tag)} does not begin with an item: the header is damaged")
        stop = end if length == UNDEFINED else min(at + length, end)
        places, _ = _walk(self.data, at, stop, self.encoding)
        return Elements(
            data=self.data,
            encoding=self.encoding,
            transfer_syntax_uid=self.transfer_syntax_uid,
            starts_at=at,
            places=places,
            pixels=None,
        )


def read_elements(data: bytes) -> Elements:
    """Find the elements of a DICOM file, with or without preamble.

    Raises
    ------
    NotDicom
        If no plausible data set is there.
    UnreadablePixels
        If the file ends inside an element, inflates absurdly or holds absurdly many elements.
    """
    has_preamble = data[128:_PREAMBLE] == b"DICM"
    start = _PREAMBLE if has_preamble else 0
    try:
        meta, start = _walk_meta(data, start)
        first, end = meta.get(TRANSFER_SYNTAX_UID, (0, 0))
        stated = _UID.fullmatch(data[first:end].rstrip(b"\0 "))
        syntax = stated[0].decode("ascii") if stated else _guess_syntax(data, start)
        if syntax == DEFLATED:
            data, start = _inflate(data, start), 0
        encoding = _settle_encoding(data, start, syntax)
        places, pixels = _walk(data, start, len(data), encoding)
    except struct.error as error:
        raise UnreadablePixels(_ENDS_INSIDE) from error
    if not has_preamble and not {0x00080016, 0x00080018, 0x00080060} & places.keys():
        raise NotDicom("the bytes begin like DICOM, but name no SOP class, instance or modality; send a DICOM file")
    return Elements(
        data=data,
        encoding=encoding,
        transfer_syntax_uid=syntax,
        starts_at=start,
        places=places,
        pixels=pixels,
    )


def fragments(data: bytes, start: int) -> Iterator[tuple[int, int]]:
    """Give start and end of each encapsulated fragment; the first is the Basic Offset Table.

    Raises
    ------
    UnreadablePixels
        If the bytes end inside a fragment or absurdly many are there.
    """
    at = start
    for _ in range(MOST_ELEMENTS):
        if at >= len(data):
            return  # some modalities leave the final delimiter out
        group, element, length = struct.unpack("<HHI", data[at : at + 8].ljust(8, b"\0"))
        tag = group << 16 | element
        if tag == SEQUENCE_END:
            return
        if tag != ITEM or at + 8 + length > len(data):
            raise UnreadablePixels("the compressed pixels end before their last fragment: truncated, send it again")
        yield at + 8, at + 8 + length
        at += 8 + length
    raise UnreadablePixels(f"the compressed pixels have more than {MOST_ELEMENTS:,} fragments: the file is forged")


def _name(tag: int) -> str:
    return f"({tag >> 16:04x},{tag & 0xFFFF:04x})"


def read_head(data: bytes, at: int, encoding: Encoding) -> tuple[int, int, int]:
    """Read an element's tag, its stated length and where its value starts; raises `struct.error` beyond the end."""
    read_tag, read_long, read_short = _READERS[encoding.byte_order]
    group, element = read_tag(data, at)
    tag: int = group << 16 | element
    if not encoding.is_explicit or group == 0xFFFE:  # noqa: PLR2004 - items have no value representation
        return tag, read_long(data, at + 4)[0], at + 8
    if data[at + 4 : at + 6] in _LONG_HEADS:
        return tag, read_long(data, at + 8)[0], at + 12
    return tag, read_short(data, at + 6)[0], at + 8


def _walk(data: bytes, at: int, end: int, encoding: Encoding) -> tuple[dict[int, tuple[int, int]], PixelPlace | None]:
    places: dict[int, tuple[int, int]] = {}
    for _ in range(MOST_ELEMENTS):
        if at + 8 > end:
            if any(data[at:end]):
                raise UnreadablePixels(_ENDS_INSIDE)
            return places, None
        tag, length, value = read_head(data, at, encoding)
        if tag == PIXEL_DATA:
            return places, PixelPlace(value, None if length == UNDEFINED else length)
        if tag in (ITEM_END, SEQUENCE_END):
            return places, None
        if length == UNDEFINED:
            is_unknown = encoding.is_explicit and data[at + 4 : at + 6] == b"UN"
            # PS3.5 6.2.2: inside an unknown value of undefined length everything is implicit little endian.
            at = _skip_nested(data, value, Encoding(is_explicit=False, byte_order="<") if is_unknown else encoding)
        else:
            at = value + length
        if at > end:
            raise UnreadablePixels(f"the DICOM file ends inside element {_name(tag)}: it is truncated, send it again")
        places[tag] = (value, at)
    raise UnreadablePixels(f"the DICOM header has more than {MOST_ELEMENTS:,} elements: the file is forged")


def _skip_nested(data: bytes, at: int, encoding: Encoding) -> int:
    """Find the end of a sequence of undefined length, counting how deep it goes instead of recursing."""
    depth = 1
    for _ in range(MOST_ELEMENTS):
        tag, length, value = read_head(data, at, encoding)
        if tag in (ITEM_END, SEQUENCE_END):
            depth, at = depth - 1, value
            if depth == 0:
                return at
        elif length == UNDEFINED:
            depth, at = depth + 1, value
        else:
            at = value + length
    raise UnreadablePixels(f"a DICOM sequence has more than {MOST_ELEMENTS:,} elements: the file is forged")


def data_set_starts(data: bytes) -> int:
    """Give the place of a DICOM file's first byte after preamble and meta information.

    Raises
    ------
    UnreadablePixels
        If the meta information ends inside an element.
    """
    try:
        return _walk_meta(data, _PREAMBLE if data[128:_PREAMBLE] == b"DICM" else 0)[1]
    except struct.error as error:
        raise UnreadablePixels(_ENDS_INSIDE) from error


def _walk_meta(data: bytes, at: int) -> tuple[dict[int, tuple[int, int]], int]:
    """Walk group 0002, which is explicit little endian whatever follows."""
    places: dict[int, tuple[int, int]] = {}
    encoding = Encoding(is_explicit=True, byte_order="<")
    while data[at : at + 2] == b"\x02\x00":
        tag, length, value = read_head(data, at, encoding)
        if tag in places:
            raise UnreadablePixels(f"the DICOM meta information repeats element {_name(tag)}: it is damaged")
        at = value + length
        places[tag] = (value, at)
    return places, at


def _guess_syntax(data: bytes, at: int) -> str:
    """Without meta information, tell the encoding by the first element."""
    if not data[at + 4 : at + 6].isupper():
        return IMPLICIT_LITTLE
    return EXPLICIT_BIG if data[at] == 0 else EXPLICIT_LITTLE


def _settle_encoding(data: bytes, at: int, syntax: str) -> Encoding:
    """Take the transfer syntax at its word, except for the two mistakes that real senders make about explicitness."""
    if syntax == EXPLICIT_BIG:
        return Encoding(is_explicit=True, byte_order=">")
    looks_explicit = data[at + 4 : at + 6].isalpha() and data[at + 4 : at + 6].isupper()
    return Encoding(is_explicit=looks_explicit, byte_order="<")


def _inflate(data: bytes, at: int) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflated = inflater.decompress(memoryview(data)[at:], MOST_INFLATED_BYTES)
    except zlib.error as error:
        raise UnreadablePixels("the deflated DICOM data set is damaged: send it again") from error
    if inflater.unconsumed_tail:
        raise UnreadablePixels(f"the deflated DICOM data set is longer than {MOST_INFLATED_BYTES:,} bytes: forged")
    if not inflater.eof:
        raise UnreadablePixels("the deflated DICOM data set ends early: it is truncated, send it again")
    return inflated
