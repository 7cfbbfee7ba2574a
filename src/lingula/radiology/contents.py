"""What a data set without pixels says, whatever way it is written.

Reports, presentation states and key object selections come beside radiographs, and by the same two ways. Two files say
the same if their elements agree apart from what encoding and archives change: value representations, lengths, padding,
private elements, and what an archive brings into line with its own register.

References
----------
DICOM PS3.5 7.1 (data elements), 7.5 (sequences), 7.8 (private elements), 6.2 (padding); PS3.3 C.12.1 (SOP Common).
"""

import hashlib
import struct

from lingula.errors import UnreadablePixels
from lingula.radiology.elements import (
    ITEM,
    ITEM_END,
    SEQUENCE_END,
    UNDEFINED,
    Elements,
    Encoding,
    read_head,
)
from lingula.radiology.limits import MOST_ELEMENTS

_IMPLICIT = Encoding(is_explicit=False, byte_order="<")
_PATIENT_GROUP = 0x0010
_HEAD_BYTES = 8
_DEEPEST = 32  # items in items; a structured report has a dozen
_COERCED = frozenset(
    (
        0x00080005,  # Specific Character Set
        0x00080012,  # Instance Creation Date
        0x00080013,  # Instance Creation Time
        0x00080014,  # Instance Creator UID
        0x00080050,  # Accession Number
        0x00080080,  # Institution Name
        0x00080081,  # Institution Address
        0x00080082,  # Institution Code Sequence
        0x00080090,  # Referring Physician's Name
        0x00080201,  # Timezone Offset From UTC
        0x00081030,  # Study Description
        0x00081040,  # Institutional Department Name
        0x00400275,  # Request Attributes Sequence
        0x04000561,  # Original Attributes Sequence: where an archive notes what it changed
        0xFFFCFFFC,  # Data Set Trailing Padding
    )
)
"""What archives bring into line with their own register, or note about having done so."""


def contents_digest(elements: Elements) -> bytes:
    """Digest what a data set says, nested items included.

    Raises
    ------
    UnreadablePixels
        If it is damaged, or has absurdly many elements or levels.
    """
    walk = _Walk(elements.data)
    try:
        walk.data_set(elements.starts_at, len(elements.data), elements.encoding, 0)
    except struct.error as error:
        raise UnreadablePixels("the data set ends inside an element: it is truncated, send it again") from error
    return walk.digest.digest()


class _Walk:
    """One walk over a data set; what does not count is read all the same, to find its end."""

    def __init__(self, data: bytes) -> None:
        self.digest = hashlib.sha256()
        self._data = data
        self._left = MOST_ELEMENTS
        self._muted = 0  # levels within something that does not count

    def data_set(self, at: int, end: int, encoding: Encoding, depth: int) -> int:
        """Digest elements up to the end or a delimiter; give where it ends."""
        while at + _HEAD_BYTES <= end:
            tag, length, value = read_head(self._data, at, encoding)
            if tag in (ITEM_END, SEQUENCE_END):
                return value
            self._left -= 1
            if self._left < 0 or depth > _DEEPEST:
                raise UnreadablePixels("the data set has absurdly many elements or levels: the file is forged")
            vr = self._data[at + 4 : at + 6] if encoding.is_explicit else b"UN"
            is_passed_over = _is_passed_over(tag, depth)
            self._muted += is_passed_over
            if self._is_sequence(vr, length, value):
                # PS3.5 6.2.2: an unknown value's items are implicit, whatever is around them.
                inner = _IMPLICIT if vr == b"UN" else encoding
                at = self._sequence(tag, value, end if length == UNDEFINED else value + length, inner, depth)
            else:
                at = value + length
                self._leaf(tag, self._data[value:at])
            self._muted -= is_passed_over
        return at

    def _sequence(self, tag: int, at: int, end: int, encoding: Encoding, depth: int) -> int:
        self._note(b"(" + tag.to_bytes(4, "big"))
        while at + _HEAD_BYTES <= end:
            found, length, value = read_head(self._data, at, encoding)
            if found == SEQUENCE_END:
                at = value
                break
            if found != ITEM:
                raise UnreadablePixels("a sequence holds something that is no item: the file is damaged")
            self._note(b"[")
            at = self.data_set(value, end if length == UNDEFINED else min(end, value + length), encoding, depth + 1)
            self._note(b"]")
        self._note(b")")
        return at

    def _is_sequence(self, vr: bytes, length: int, value: int) -> bool:
        if vr == b"SQ" or length == UNDEFINED:
            return True
        # Without a value representation a sequence of stated length is told by its first item.
        return vr == b"UN" and length >= _HEAD_BYTES and self._data[value : value + 4] == b"\xfe\xff\x00\xe0"

    def _leaf(self, tag: int, value: bytes) -> None:
        if b"\0" not in value[:-1]:  # a text; numbers keep their noughts
            value = value.rstrip(b"\0 ")
        if value:
            self._note(b"." + tag.to_bytes(4, "big") + len(value).to_bytes(4, "big") + value)

    def _note(self, said: bytes) -> None:
        if not self._muted:
            self.digest.update(said)


def _is_passed_over(tag: int, depth: int) -> bool:
    """Say whether an element is free to differ: private, a group's length, the patient's, or brought into line."""
    group = tag >> 16
    return bool(group % 2) or tag & 0xFFFF == 0 or (depth == 0 and group == _PATIENT_GROUP) or tag in _COERCED
