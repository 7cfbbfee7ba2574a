"""One association from its request to its end: who sends, what may come, and one answer for every object.

A thread of its own runs it. An object is answered with success only after `receive` has returned, which is when it is
stored and recorded; whatever breaks before that leaves nothing behind, and the sender still has its copy.

References
----------
DICOM PS3.8 section 9.2 (state machine; this is states 2, 3, 6, 8 and 13 of the acceptor), PS3.7 section 9.3.
"""

import logging
import time
from contextlib import suppress

from lingula.doors.dicom.arriving import Arriving, write_header
from lingula.doors.dicom.commands import COMMAND_LIMIT_BYTES, Command, CommandField, read_command, write_answer
from lingula.doors.dicom.house import House
from lingula.doors.dicom.negotiation import (
    NOT_NOW,
    TOO_MANY,
    UNKNOWN_CALLING_TITLE,
    Refusal,
    choose_contexts,
    refuse_at_sight,
)
from lingula.doors.dicom.pdus import (
    AbortReason,
    AssociationRequest,
    Malformed,
    PduType,
    read_request,
    read_values,
    write_abort,
    write_acceptance,
    write_command,
    write_pdu,
)
from lingula.doors.dicom.statuses import (
    CANNOT_UNDERSTAND,
    PROCESSING_FAILURE,
    SUCCESS,
    UNRECOGNISED_OPERATION,
    status_of,
)
from lingula.doors.dicom.wire import STALL_SECONDS, Gone, Pdu, Wire
from lingula.errors import BackendUnavailable, LingulaError
from lingula.radiology.identifiers import SiteName

_COMMAND, _LAST = 1, 2  # bits of the control header; PS3.8 E.2

_log = logging.getLogger(__name__)


class Association:
    """Speaks with one sender.

    Parameters
    ----------
    wire
        The connection; closed at the end.
    address
        Where the sender is, for the log.
    """

    def __init__(self, wire: Wire, house: House, address: str) -> None:
        self._wire = wire
        self._house = house
        self._address = address
        self._site = SiteName("")
        self._syntaxes: dict[int, str | None] = {}
        self._max_length = 0
        self._context = 0
        self._command = bytearray()
        self._asked: Command | None = None  # a command that waits for its data set
        self._arriving: Arriving | None = None
        self._message_deadline: float | None = None

    def run(self) -> None:
        """Serve the sender until one of both ends it."""
        try:
            if (request := self._asked_for()) is not None:
                with self._house.place() as is_free:
                    if self._negotiate(request, None if is_free else TOO_MANY):
                        self._serve()
        except Gone as error:
            if self._asked is not None:
                self._note("a DICOM sender broke off; nothing of the object is kept", str(error))
        except Malformed as error:
            self._note("a DICOM association was broken off", str(error))
            self._abort(error.reason)
        finally:
            self._let_go()
            self._wire.close()

    def _asked_for(self) -> AssociationRequest | None:
        """Wait for the request for an association; None if the door closes first."""
        deadline = time.monotonic() + self._house.deadlines.request_seconds
        pdu = self._wire.read(begun_by=deadline, whole_by=deadline, is_over=self._house.is_closing)
        if pdu is None:
            return None
        if pdu.kind != PduType.ASSOCIATE_RQ:
            raise _unexpected(pdu.kind)
        return read_request(bytes(pdu.body))

    def _negotiate(self, request: AssociationRequest, too_many: Refusal | None) -> bool:
        refusal = too_many or refuse_at_sight(request, self._house.ae_title) or self._recognise(request)
        if refusal is not None:
            self._note("a DICOM association was refused", refusal.words)
            self._wire.write(write_pdu(PduType.ASSOCIATE_RJ, refusal.body()))
            return False
        self._syntaxes = choose_contexts(request)
        self._max_length = request.max_length
        self._wire.write(write_acceptance(request, self._syntaxes))
        return True

    def _recognise(self, request: AssociationRequest) -> Refusal | None:
        try:
            site = self._house.site_of(request.calling)
        except BackendUnavailable:
            return NOT_NOW
        if site is None:
            return UNKNOWN_CALLING_TITLE
        self._site = site
        return None

    def _serve(self) -> None:
        while True:
            is_between = self._message_deadline is None
            pdu = self._wait_between() if is_between else self._wait_inside()
            if pdu is None:
                self._abort(AbortReason.NOT_SPECIFIED)
                return
            if pdu.kind == PduType.P_DATA_TF:
                for context, control, piece in read_values(pdu.body):
                    self._take(context, control, piece)
            elif pdu.kind == PduType.RELEASE_RQ and is_between:
                self._wire.write(write_pdu(PduType.RELEASE_RP, bytes(4)))
                return
            elif pdu.kind == PduType.ABORT:
                raise Gone("the sender aborted")
            else:
                raise _unexpected(pdu.kind)

    def _wait_between(self) -> Pdu | None:
        """Wait for whatever the sender wants next; None when the door closes."""
        begun_by = time.monotonic() + self._house.idle_seconds
        return self._wire.read(
            begun_by=begun_by, whole_by=begun_by + self._house.deadlines.message_seconds, is_over=self._house.is_closing
        )

    def _wait_inside(self) -> Pdu | None:
        """Wait for the next piece of what has begun."""
        deadline = self._message_deadline or 0.0
        return self._wire.read(begun_by=min(deadline, time.monotonic() + STALL_SECONDS), whole_by=deadline)

    def _take(self, context: int, control: int, piece: memoryview) -> None:
        if self._syntaxes.get(context) is None:
            raise Malformed("something came for a context that was not accepted")
        if self._message_deadline is None:
            self._message_deadline = time.monotonic() + self._house.deadlines.message_seconds
            self._context = context
        elif context != self._context:
            raise Malformed("two messages came mixed with each other")
        if control & _COMMAND:
            self._take_command(piece, is_last=bool(control & _LAST))
        else:
            self._take_data(piece, is_last=bool(control & _LAST))

    def _take_command(self, piece: memoryview, *, is_last: bool) -> None:
        if self._asked is not None:
            raise Malformed("a command came inside a data set", AbortReason.UNEXPECTED_PARAMETER)
        self._command += piece
        if len(self._command) > COMMAND_LIMIT_BYTES:
            raise Malformed("a command set is absurdly long")
        if not is_last:
            return
        command = read_command(bytes(self._command))
        self._asked = command
        if command.field == CommandField.C_STORE and command.has_data_set:
            header = write_header(command, self._syntaxes[self._context] or "")
            self._arriving = Arriving(header, self._house)
        if not command.has_data_set:
            self._answer(command)

    def _take_data(self, piece: memoryview, *, is_last: bool) -> None:
        if self._asked is None:
            raise Malformed("a data set came without a command", AbortReason.UNEXPECTED_PARAMETER)
        if self._arriving is not None:
            self._arriving.add(piece)
        if is_last:
            self._answer(self._asked)

    def _answer(self, command: Command) -> None:
        """Do what was asked now that all of it is here, and say what became of it."""
        status, comment = self._outcome(command)
        self._let_go()
        if command.field == CommandField.C_CANCEL or command.is_answer:
            return  # nothing of ours is under way that could be cancelled or answered
        self._wire.write(write_command(self._context, write_answer(command, status, comment), self._max_length))

    def _outcome(self, command: Command) -> tuple[int, str]:
        if command.field == CommandField.C_ECHO:
            return SUCCESS, ""
        if command.field != CommandField.C_STORE:
            return UNRECOGNISED_OPERATION, "only C-ECHO and C-STORE are known here"
        if self._arriving is None:
            return CANNOT_UNDERSTAND, "the command came without a data set"
        try:
            return self._house.keep(self._arriving.whole(), command, self._site), ""
        except LingulaError as error:
            status = status_of(error)
            self._note("a DICOM object was not kept", str(error), status)
            return status, str(error)
        except Exception:  # noqa: BLE001 - the outermost layer of this door; it answers, and the log has the trace
            _log.exception("a DICOM object could not be kept", extra={"action": "object_failed", "site": self._site})
            return PROCESSING_FAILURE, "Lingula's log says why"

    def _let_go(self) -> None:
        """Be between two messages."""
        if self._arriving is not None:
            self._arriving.close()
        self._arriving = self._asked = self._message_deadline = None
        self._command = bytearray()

    def _abort(self, reason: AbortReason) -> None:
        with suppress(Gone):  # it may have gone first
            self._wire.write(write_abort(reason))

    def _note(self, sentence: str, reason: str, status: int | None = None) -> None:
        extra: dict[str, object] = {"action": "association", "reason": reason, "address": self._address}
        if self._site:
            extra["site"] = self._site
        if status is not None:
            extra["status"] = f"0x{status:04X}"
        _log.warning(sentence, extra=extra)


def _unexpected(kind: int) -> Malformed:
    return Malformed(f"a message of type {kind} came out of turn", AbortReason.UNEXPECTED_PDU)
