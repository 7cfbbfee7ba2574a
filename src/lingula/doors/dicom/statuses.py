"""What each error becomes on a DICOM association, in one table; `docs/reference/errors.md` prints it.

References
----------
DICOM PS3.4 table B.2-1 (C-STORE), PS3.7 section 9.1.1.1.9 and Annex C.
"""

from collections.abc import Mapping

from lingula.errors import (
    BackendUnavailable,
    Conflict,
    LingulaError,
    NotAccepted,
    NotAllowed,
    NotEligible,
)

SUCCESS = 0x0000
PROCESSING_FAILURE = 0x0110
DUPLICATE_INSTANCE = 0x0111
NOT_AUTHORISED = 0x0124
UNRECOGNISED_OPERATION = 0x0211
OUT_OF_RESOURCES = 0xA700
KEPT_BUT_DIFFERENT = 0xB007  # a warning: kept, though the data set is not what the command announced
CANNOT_UNDERSTAND = 0xC000

TABLE: Mapping[type[LingulaError], int] = {
    NotAccepted: CANNOT_UNDERSTAND,
    NotEligible: SUCCESS,  # kept, and shown to a doctor as not assessed
    Conflict: DUPLICATE_INSTANCE,
    NotAllowed: NOT_AUTHORISED,
    BackendUnavailable: OUT_OF_RESOURCES,  # the only one that a sender should try again
    LingulaError: PROCESSING_FAILURE,
}


def status_of(error: LingulaError) -> int:
    """Look the error up in the table; a type without a row of its own takes its nearest ancestor's."""
    return next(TABLE[ancestor] for ancestor in type(error).__mro__ if ancestor in TABLE)
