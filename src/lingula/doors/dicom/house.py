"""What all associations of the door share: who is who, where objects go, and how much is too much."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lingula.doors.dicom.commands import Command
from lingula.doors.dicom.memory import Memory
from lingula.doors.dicom.statuses import KEPT_BUT_DIFFERENT, SUCCESS
from lingula.errors import NotFound
from lingula.radiology.identifiers import SiteName, SopInstanceUid
from lingula.records.accounts import Accounts, BindingKind
from lingula.triage.receive import Receiver

DOOR = "dicom"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Deadlines:
    """How long a sender may take; whoever takes longer has gone, or means no good."""

    request_seconds: float = 20.0  # until a connection has asked for an association (the standard's ARTIM timer)
    message_seconds: float = 300.0  # until an object is whole: 64 MiB over a line of 2 Mbit/s
    memory_seconds: float = 10.0  # until memory becomes free; senders wait longer than this for an answer


@dataclass(frozen=True, kw_only=True)
class House:
    """The receiving side of every association.

    Parameters
    ----------
    default_site
        Whose radiographs come from AE titles that no site has; None refuses them.
    places
        As many as associations may be open.
    idle_seconds
        How long an association may be silent between two messages.
    is_closing
        Whether the door takes in nothing new.
    """

    ae_title: str
    default_site: SiteName | None
    receiver: Receiver
    accounts: Accounts
    memory: Memory
    limit_bytes: int
    places: threading.BoundedSemaphore
    idle_seconds: float
    deadlines: Deadlines
    is_closing: Callable[[], bool]

    @contextmanager
    def place(self) -> Iterator[bool]:
        """Hold a place for an association; False if there is none."""
        is_free = self.places.acquire(blocking=False)
        try:
            yield is_free
        finally:
            if is_free:
                self.places.release()

    def site_of(self, calling: str) -> SiteName | None:
        """Give the site that a calling AE title belongs to; None if nobody may send under it.

        Raises
        ------
        BackendUnavailable
            If the records do not answer.
        """
        try:
            return self.accounts.site_of(BindingKind.AE_TITLE, calling)
        except NotFound:
            known = {site.name for site in self.accounts.sites()} if self.default_site else set()
            return self.default_site if self.default_site in known else None

    def keep(self, data: bytes, command: Command, site: SiteName) -> int:
        """Keep one object and give the status its sender is told; safe here when this returns.

        Raises
        ------
        NotDicom, UnreadablePixels, Conflict, BackendUnavailable
            As `Receiver.receive`.
        """
        received = self.receiver.receive(data, site=site, door=DOOR)
        announced = SopInstanceUid(command.sop_instance_uid) if command.sop_instance_uid else None
        if received.description.sop_instance_uid != announced:
            _log.warning(
                "a DICOM object is not the one its command announced; it is kept under what it says itself",
                extra={"action": "object_differs", "site": site, "instance": received.instance},
            )
            return KEPT_BUT_DIFFERENT
        return SUCCESS
