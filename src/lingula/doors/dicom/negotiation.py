"""What an association may carry, and who may open one.

Everything that could be an object to store is accepted, whatever it is: a CT sent by mistake is kept and shown as not
eligible, which a doctor sees; a refused association is seen by nobody. Services that this door does not offer
(queries, worklists, printing) are refused, context by context.

References
----------
DICOM PS3.8 section 7.1.1 and table 9-21 (reasons of A-ASSOCIATE-RJ); PS3.4 Annex B (storage service class).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pydicom import config
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from lingula.doors.dicom.pdus import APPLICATION_CONTEXT, AssociationRequest

VERIFICATION = "1.2.840.10008.1.1"

PREFERRED_SYNTAXES: Sequence[str] = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    JPEGLosslessSV1,
    JPEGLossless,
    JPEGLSLossless,
    JPEG2000Lossless,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    RLELossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEG2000,
    JPEGLSNearLossless,
)
"""Lossless before lossy: a sender who offers both for one context might compress anew only to please us."""

_KNOWN_SERVICES = frozenset({"SOP Class", "Meta SOP Class", "Service Class", "Application Context Name"})


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why an association is refused; the numbers are those of PS3.8 table 9-21."""

    is_permanent: bool
    source: int
    reason: int
    words: str

    def body(self) -> bytes:
        """Give the body of the A-ASSOCIATE-RJ."""
        return bytes((0, 1 if self.is_permanent else 2, self.source, self.reason))


WRONG_VERSION = Refusal(
    is_permanent=True, source=2, reason=2, words="the sender speaks another version of the DICOM protocol"
)
WRONG_APPLICATION = Refusal(
    is_permanent=True, source=1, reason=2, words="the sender names another application context than DICOM's"
)
WRONG_CALLED_TITLE = Refusal(
    is_permanent=True, source=1, reason=7, words="the sender calls another AE title than LINGULA_DICOM_AE_TITLE"
)
UNKNOWN_CALLING_TITLE = Refusal(
    is_permanent=True,
    source=1,
    reason=3,
    words="the sender's AE title belongs to no site: `lingula sites bind`, or LINGULA_DICOM_DEFAULT_SITE",
)
TOO_MANY = Refusal(
    is_permanent=False, source=3, reason=2, words="LINGULA_DICOM_ASSOCIATIONS are open already; the sender tries again"
)
NOT_NOW = Refusal(is_permanent=False, source=3, reason=1, words="the records do not answer; the sender tries again")


def refuse_at_sight(request: AssociationRequest, ae_title: str) -> Refusal | None:
    """Say why a request is refused before anybody is asked who the sender is; None if it is not."""
    if not request.speaks_version_1:
        return WRONG_VERSION
    if request.application_context != APPLICATION_CONTEXT:
        return WRONG_APPLICATION
    if request.called != ae_title.strip():
        return WRONG_CALLED_TITLE
    return None


def choose_contexts(request: AssociationRequest) -> dict[int, str | None]:
    """Give the transfer syntax chosen for each context's number; None where it is refused."""
    return {
        one.number: choose_syntax(one.transfer_syntaxes)
        if one.abstract_syntax == VERIFICATION or is_storage(one.abstract_syntax)
        else None
        for one in request.contexts
    }


def choose_syntax(offered: Sequence[str]) -> str:
    """Give the transfer syntax to receive in: what loses nothing first, an unknown one if there is no other.

    >>> choose_syntax(["1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2"])
    '1.2.840.10008.1.2'
    """
    return next((str(one) for one in PREFERRED_SYNTAXES if one in offered), offered[0])


def is_storage(abstract_syntax: str) -> bool:
    """Say whether objects may come under a SOP class: it is a storage class, a private one, or newer than this program.

    >>> is_storage("1.2.840.10008.5.1.4.1.1.1.1"), is_storage("1.2.840.10008.5.1.4.1.2.2.1")
    (True, False)
    """
    uid = UID(abstract_syntax, validation_mode=config.IGNORE)
    if uid.type not in _KNOWN_SERVICES:
        return True
    return "Storage" in uid.name and "Commitment" not in uid.name
