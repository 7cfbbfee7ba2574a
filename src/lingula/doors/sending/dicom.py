"""Sends DICOM files to a DICOM receiver, Lingula or any other, as a modality would.

Associations are kept open and used again; each is for one kind of object in one transfer syntax, because that is what a
file is: it goes as it is, byte for byte, or not at all. Pictures without DICOM are refused: whose they are and what
they show would have to be made up.
"""

import ssl
import threading
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from lingula.doors.dicom.commands import Answer
from lingula.doors.dicom.pdus import Malformed, ProposedContext
from lingula.doors.dicom.requesting import Peer, Rejected, Requested
from lingula.doors.dicom.wire import Gone
from lingula.doors.sending.patience import NOT_SAID, Patience
from lingula.doors.sending.sender import Outcome, Sent
from lingula.doors.sending.trust import trusting_context
from lingula.errors import BackendUnavailable, NotAccepted, NotAllowed, SettingsError
from lingula.radiology.elements import data_set_starts, read_elements

CALLING = "LINGULA"
_CONTEXT = 1
_WARNINGS = range(0xB000, 0xC000)
_OUT_OF_RESOURCES = range(0xA700, 0xA800)
_LONGEST_TITLE = 16
_ADVICE = {  # by what OpenSSL or the operating system calls it
    "CERTIFICATE_VERIFY_FAILED": "its certificate is of no authority known here: give &ca=FILE, and the name it states",
    "WRONG_VERSION_NUMBER": "it speaks no TLS there: leave out tls=1, or ask for its other port",
    "Connection refused": "nobody listens there: see whether it runs and the port is right",
    "Name or service not known": "check the spelling, or the name service",
    "timed out": "see whether it runs and no firewall is between",
}
_SOP_CLASS, _SOP_INSTANCE = 0x00080016, 0x00080018
_REJECTIONS = {
    (1, 3): "does not know the calling AE title {calling!r}; bind it to a site there, or give ?calling=AET",
    (1, 7): "is not called {called!r}; write its AE title before the @",
}


@dataclass(frozen=True, slots=True)
class _Kind:
    """What an association is opened for."""

    sop_class: str
    transfer_syntax: str


@dataclass(frozen=True, slots=True)
class _Object:
    kind: _Kind
    sop_instance: str
    data_set: memoryview


class DicomSender:
    """Keeps associations with one receiver; safe to use from several threads.

    Parameters
    ----------
    url
        ``dicom://AET@host:port[?calling=AET&tls=1&ca=FILE&cert=FILE&key=FILE]``.
    patience
        How long and how often to try again.
    """

    def __init__(self, url: str, patience: Patience) -> None:
        self._peer = peer_of(url)
        self._patience = patience
        self._lock = threading.Lock()
        self._idle: dict[_Kind, list[Requested]] = {}

    def close(self) -> None:
        """Release all associations."""
        with self._lock:
            idle = [one for ones in self._idle.values() for one in ones]
            self._idle = {}
        for one in idle:
            one.release()

    def send(self, data: bytes, name: str = "") -> Sent:  # noqa: ARG002 - a name stays at the sender
        """Send one file; see `Sender.send`."""
        try:
            sent = _object_of(data)
        except NotAccepted as error:
            return Sent(outcome=Outcome.REFUSED, reason=str(error))
        if isinstance(sent, str):
            return Sent(outcome=Outcome.REFUSED, reason=sent)
        return self._patience.until_answered(lambda: self._store(sent))

    def _store(self, sent: _Object) -> Sent:
        try:
            association, is_fresh = self._take(sent.kind)
            if _CONTEXT not in association.accepted:
                association.release()
                return Sent(outcome=Outcome.REFUSED, reason="the receiver takes no such objects in this encoding")
            try:
                answer = association.store(_CONTEXT, sent.kind.sop_class, sent.sop_instance, sent.data_set)
            except (Gone, Malformed):
                association.drop()
                if is_fresh:
                    raise
                return self._store(sent)  # the receiver had let go of it meanwhile, as it may
        except Rejected as error:
            raise self._refused(error) from error
        except (Gone, Malformed) as error:
            raise self._not_now(str(error)) from error
        self._give_back(sent.kind, association)
        return self._read(answer)

    def _take(self, kind: _Kind) -> tuple[Requested, bool]:
        with self._lock:
            idle = self._idle.get(kind)
            if idle:
                return idle.pop(), False
        context = ProposedContext(
            number=_CONTEXT, abstract_syntax=kind.sop_class, transfer_syntaxes=[kind.transfer_syntax]
        )
        return Requested(self._peer, [context]), True

    def _give_back(self, kind: _Kind, association: Requested) -> None:
        with self._lock:
            self._idle.setdefault(kind, []).append(association)

    def _read(self, answer: Answer) -> Sent:
        if answer.status in _OUT_OF_RESOURCES:
            raise self._not_now(answer.comment or f"status 0x{answer.status:04X}")
        if answer.status == 0 or answer.status in _WARNINGS:
            return Sent(outcome=Outcome.RECEIVED)
        said = f": {answer.comment}" if answer.comment else ""
        return Sent(outcome=Outcome.REFUSED, reason=f"status 0x{answer.status:04X}{said}")

    def _not_now(self, reason: str) -> BackendUnavailable:
        where = f"{self._peer.called} at {self._peer.host}:{self._peer.port}"
        advice = next((advice for sign, advice in _ADVICE.items() if sign in reason), "try again later")
        return BackendUnavailable(
            f"{where} does not take radiographs ({reason}); {advice}", retry_after_seconds=NOT_SAID
        )

    def _refused(self, error: Rejected) -> BackendUnavailable | NotAllowed:
        if not error.is_permanent:
            return self._not_now("it has no association free")
        said = _REJECTIONS.get((error.source, error.reason), "refuses the association")
        said = said.format(calling=self._peer.calling, called=self._peer.called)
        return NotAllowed(f"the DICOM receiver at {self._peer.host}:{self._peer.port} {said}")


def peer_of(url: str) -> Peer:
    """Read a ``dicom://`` address.

    Raises
    ------
    SettingsError
        If it names no receiver, or a file for TLS cannot be used.
    """
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    unknown = options.keys() - {"calling", "tls", "ca", "cert", "key"}
    if not parts.username or not parts.hostname or port is None or unknown or parts.path not in {"", "/"}:
        raise SettingsError(
            "a DICOM receiver is named like dicom://AET@host:11112, with ?calling=AET, tls=1, ca=FILE, cert=FILE and "
            "key=FILE if need be"
        )
    calling = options.get("calling", CALLING)
    if max(len(parts.username), len(calling)) > _LONGEST_TITLE:
        raise SettingsError("an AE title has at most 16 characters")
    return Peer(host=parts.hostname, port=port, called=parts.username, calling=calling, tls=_tls(options))


def _tls(options: dict[str, str]) -> ssl.SSLContext | None:
    if options.get("tls") != "1":
        if options.keys() & {"ca", "cert", "key", "tls"}:
            raise SettingsError("ca, cert and key of a DICOM receiver only mean something with tls=1")
        return None
    return trusting_context(options)


def _object_of(data: bytes) -> _Object | str:
    """Give what goes over the association; a text says why it cannot."""
    if data[128:132] != b"DICM":
        return "this is no DICOM file; send pictures with http(s)://, or make it one (img2dcm of DCMTK does)"
    elements = read_elements(data)
    sop_class, sop_instance = (
        (elements.value(tag) or b"").decode("latin-1").strip(" \0") for tag in (_SOP_CLASS, _SOP_INSTANCE)
    )
    if not sop_class or not sop_instance:
        return (
            "the file names no SOP class or no SOP instance, which a DICOM association needs; send it with http(s)://"
        )
    kind = _Kind(sop_class, elements.transfer_syntax_uid)
    return _Object(kind, sop_instance, memoryview(data)[data_set_starts(data) :])
