"""What a STOW-RS sender is told of each instance, as a DICOM JSON data set.

References
----------
DICOM PS3.18 10.5.3 and table I.2-2 (store instances response), PS3.18 Annex F (DICOM JSON), PS3.7 Annex C (statuses).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from lingula.errors import BackendUnavailable, Conflict, LingulaError, NotAccepted, NotEligible

MEDIA_TYPE = "application/dicom+json"
REFERENCED, FAILED, OTHER_FAILURES = "00081199", "00081198", "0008119A"
_SOP_CLASS, _SOP_INSTANCE, _REASON, _RETRIEVE_URL = "00081150", "00081155", "00081197", "00081190"
ANOTHER_STUDY = 0xA900  # the data set does not match what was asked

REASONS: Mapping[type[LingulaError], int] = {
    NotAccepted: 0xC000,  # cannot understand
    NotEligible: 0xC000,
    Conflict: 0x0111,  # duplicate SOP instance: another radiograph
    BackendUnavailable: 0xA700,  # out of resources; the whole request is answered 503 instead
    LingulaError: 0x0110,  # processing failure
}


@dataclass(frozen=True, kw_only=True)
class Stated:
    """What an instance calls itself; None where it does not."""

    sop_class_uid: str | None = None
    sop_instance_uid: str | None = None
    study_instance_uid: str | None = None


@dataclass(kw_only=True)
class Told:
    """The answer so far.

    >>> told = Told()
    >>> told.stored(Stated(sop_class_uid="1.2", sop_instance_uid="1.2.3"))
    >>> told.status
    <HTTPStatus.OK: 200>
    >>> told.failed(Stated(), 0xC000)
    >>> told.status
    <HTTPStatus.ACCEPTED: 202>
    """

    _items: dict[str, list[dict[str, object]]] = field(default_factory=dict)

    @property
    def status(self) -> HTTPStatus:
        """200 if all were stored, 202 if some were, 409 if none was."""
        if REFERENCED not in self._items:
            return HTTPStatus.CONFLICT
        return HTTPStatus.OK if len(self._items) == 1 else HTTPStatus.ACCEPTED

    def stored(self, stated: Stated) -> None:
        """Note an instance that is safe here; its place of retrieval is empty: Lingula is no archive."""
        self._add(REFERENCED, {**_named(stated), _RETRIEVE_URL: {"vr": "UR"}})

    def failed(self, stated: Stated, reason: int) -> None:
        """Note an instance that was not kept, under its own name if it has one."""
        said: dict[str, object] = {_REASON: {"vr": "US", "Value": [reason]}}
        if stated.sop_class_uid and stated.sop_instance_uid:
            self._add(FAILED, {**_named(stated), **said})
        else:
            self._add(OTHER_FAILURES, said)

    def body(self) -> bytes:
        """Give the data set."""
        sequences = {tag: {"vr": "SQ", "Value": items} for tag, items in sorted(self._items.items())}
        return json.dumps({_RETRIEVE_URL: {"vr": "UR"}, **sequences}).encode()

    def _add(self, sequence: str, item: dict[str, object]) -> None:
        self._items.setdefault(sequence, []).append(item)


def reason_of(error: LingulaError) -> int:
    """Look the error up in the table; a type without a row of its own takes its nearest ancestor's."""
    return next(REASONS[ancestor] for ancestor in type(error).__mro__ if ancestor in REASONS)


def _named(stated: Stated) -> dict[str, object]:
    uids = {_SOP_CLASS: stated.sop_class_uid, _SOP_INSTANCE: stated.sop_instance_uid}
    return {tag: {"vr": "UI", "Value": [uid]} if uid else {"vr": "UI"} for tag, uid in uids.items()}
