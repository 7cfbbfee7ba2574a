"""Identifiers of patients, studies and hospitals, which cannot be printed by accident.

Values that identify a person or an examination are wrapped: `str`, `repr` and formatting show ``•••``, and only
`reveal()`, which is easy to search for, gives the value. Lingula's own ids say nothing about the patient: they are
keyed digests, made with a key that never leaves the installation's records, so the same radiograph sent twice gets the
same id and nobody outside can guess one from the other.

References
----------
DICOM PS3.15 Annex E, attributes that identify; NIST SP 800-188 on keyed pseudonyms.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import NewType

InstanceId = NewType("InstanceId", str)
StudyId = NewType("StudyId", str)
SiteName = NewType("SiteName", str)

MASK = "•••"
_ID_BYTES = 16  # 128 bits: no two radiographs of one installation share an id


@dataclass(frozen=True, repr=False, slots=True)
class Identifying:
    """A value that identifies somebody; printing it shows a mask.

    >>> name = PatientName("Doe^Jane")
    >>> f"{name} {name!r}"
    '••• PatientName(•••)'
    >>> name.reveal()
    'Doe^Jane'
    """

    _value: str

    def reveal(self) -> str:
        """Give the value itself; allowed in `radiology/`, `records/` and the doctors' pages only."""
        return self._value

    def __str__(self) -> str:
        return MASK

    def __repr__(self) -> str:
        return f"{type(self).__name__}({MASK})"

    def __format__(self, format_spec: str) -> str:
        return format(MASK, format_spec)


class PatientName(Identifying):
    """Patient's Name (0010,0010)."""

    __slots__ = ()


class PatientId(Identifying):
    """Patient ID (0010,0020)."""

    __slots__ = ()


class AccessionNumber(Identifying):
    """Accession Number (0008,0050)."""

    __slots__ = ()


class SopInstanceUid(Identifying):
    """SOP Instance UID (0008,0018)."""

    __slots__ = ()


class SeriesInstanceUid(Identifying):
    """Series Instance UID (0020,000E)."""

    __slots__ = ()


class StudyInstanceUid(Identifying):
    """Study Instance UID (0020,000D)."""

    __slots__ = ()


class SourceName(Identifying):
    """The name a file had at the sender; hospitals put names and birth dates into it."""

    __slots__ = ()


def instance_id(key: bytes, site: SiteName, identity: str) -> InstanceId:
    """Give the id of the instance that `identity` (a SOP Instance UID or a content digest) names at a site."""
    return InstanceId("i" + _pseudonym(key, "instance", site, identity))


def study_id(key: bytes, site: SiteName, identity: str) -> StudyId:
    """Give the id of the study that `identity` (a Study Instance UID or an instance's identity) names at a site."""
    return StudyId("s" + _pseudonym(key, "study", site, identity))


def _pseudonym(key: bytes, *parts: str) -> str:
    # Lengths go in too, so that ("ab", "c") and ("a", "bc") differ.
    message = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
    digest = hmac.new(key, message, hashlib.sha256).digest()[:_ID_BYTES]
    return base64.b32encode(digest).decode().rstrip("=").lower()
