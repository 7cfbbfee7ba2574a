"""A radiograph arrives: look, store, record, note; only then is the sender told that it is safe here.

Every door calls `Receiver.receive`. Sending twice is the same as sending once, also by two ways: other bytes under a
known SOP Instance UID are compared with the first, which stays whatever comes after it. If store or record fails, the
sender is told to try again and keeps its copy; if only the queue is down, the radiograph is safe all the same and
`upkeep` writes the note later.
"""

import hashlib
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from lingula.errors import BackendUnavailable, Conflict, NotFound, UnreadablePixels
from lingula.queues.queue import WorkQueue
from lingula.radiology.identifiers import InstanceId, SiteName, SourceName, StudyId
from lingula.radiology.likeness import Likeness
from lingula.radiology.naming import ids_of
from lingula.radiology.reading import describe_instance
from lingula.radiology.study import Instance, Priority, Status
from lingula.records.records import NewInstance, Records
from lingula.stores.store import ObjectStore
from lingula.triage.comparing import Comparing, differing_elements
from lingula.triage.events import Clock, InstanceReceived, InstanceReceivedAgain, InstanceReplayed, Notify
from lingula.triage.originals import Original, original_key

DEFAULT_LIMIT_BYTES = 64 * 1024 * 1024

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Received:
    """What the sender is told: Lingula's ids, and whether the radiograph was new.

    Parameters
    ----------
    description
        What the file that came says of itself.
    likeness
        What it has in common with what is kept; of a new radiograph its bytes.
    differs_in
        Names of the described elements that differ from what is kept.
    """

    instance: InstanceId
    study: StudyId
    is_new: bool
    status: Status
    description: Instance
    likeness: Likeness = Likeness.BYTES
    differs_in: str = ""


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """Takes radiographs in; safe to call from several threads.

    >>> received = receiver.receive(data, site=SiteName("north"), door="http")  # doctest: +SKIP
    >>> received.is_new  # doctest: +SKIP
    True

    Parameters
    ----------
    clock, new_token
        Injected, so that tests know them.
    limit_bytes
        A larger file is refused before it is looked at.
    comparing
        Holds other bytes under a known id against the first.
    """

    store: ObjectStore
    records: Records
    queue: WorkQueue
    notify: Notify
    clock: Clock
    new_token: Callable[[], str] = lambda: secrets.token_hex(4)
    limit_bytes: int = DEFAULT_LIMIT_BYTES
    comparing: Comparing = field(default_factory=Comparing)

    def receive(
        self,
        data: bytes,
        *,
        site: SiteName,
        door: str,
        source_name: SourceName | None = None,
        priority: Priority | None = None,
    ) -> Received:
        """Take in one file; when this returns, it is safe here and will be assessed.

        Parameters
        ----------
        data
            The bytes as sent: DICOM, JPEG, PNG or TIFF, told by their content.
        site, door
            Who sends, and through which door.
        source_name
            The name the file had at the sender.
        priority
            `stat` if the sender asks for it; other priorities follow from the assessment and are not the sender's.

        Raises
        ------
        NotDicom, UnreadablePixels
            If the bytes cannot become a radiograph; nothing was kept.
        Conflict
            If another radiograph came under the same SOP Instance UID before; the first stays, this one is not kept.
        BackendUnavailable
            If store or record do not answer, or too much is being compared; the sender should keep its copy and try
            again.
        """
        received_at = self.clock()
        if len(data) > self.limit_bytes:
            raise UnreadablePixels(
                f"the file has {len(data):,} bytes; at most {self.limit_bytes:,} are accepted: send single radiographs"
            )
        description = describe_instance(data)
        if priority is Priority.STAT:
            description = replace(description, is_stat=True)
        new = self._new_instance(data, description, site, door, received_at)
        new = replace(new, source_name=source_name)
        self.store.put(new.store_key, data)
        received = self._record(new, data)
        self._tell(new, received)
        return received

    def adopt(self, original: Original) -> bool:
        """Record an original that was stored but never recorded, or clear it away if it was recorded otherwise.

        Happens when the program was killed between the two, or when the records were restored from a backup. True if
        the original is now recorded. An original of another installation is left alone.

        Raises
        ------
        NotFound, NotDicom, UnreadablePixels
            If the bytes are gone or damaged.
        BackendUnavailable
            If store or record do not answer.
        """
        data = self.store.get(original.key)
        new = self._new_instance(data, describe_instance(data), original.site, "upkeep", original.received_at)
        if new.id != original.instance:
            return False
        new = replace(new, store_key=original.key)
        try:
            received = self._record(new, data)
        except Conflict:
            return False
        self._tell(new, received)
        return received.is_new

    def _new_instance(
        self, data: bytes, description: Instance, site: SiteName, door: str, received_at: datetime
    ) -> NewInstance:
        sha256 = hashlib.sha256(data).hexdigest()
        instance, study = ids_of(self.records.installation_key(), site, description, sha256)
        return NewInstance(
            id=instance,
            study=study,
            site=site,
            door=door,
            sha256=sha256,
            size_bytes=len(data),
            store_key=original_key(site, instance, received_at, self.new_token()),
            description=description,
            received_at=received_at,
        )

    def _record(self, new: NewInstance, data: bytes) -> Received:
        """Record an arrival whose bytes are stored; bytes that the record will not point to are cleared away."""
        try:
            if self.records.add_instance(new):
                return Received(
                    instance=new.id, study=new.study, is_new=True, status=Status.RECEIVED, description=new.description
                )
        except Conflict as error:
            self._clear_away(new.store_key)
            self._say_refused(new, error)
            raise
        return self._hold_against_the_first(new, data)

    def _hold_against_the_first(self, new: NewInstance, data: bytes) -> Received:
        """Compare with what was recorded under this id; a first arrival never comes here."""
        stored = self.records.instance(new.id)
        try:
            likeness = self.comparing.likeness(self.store, stored.new, new, data)
        except Conflict as error:
            self._say_refused(new, error)
            raise
        finally:
            if stored.new.store_key != new.store_key:
                self._clear_away(new.store_key)
        is_mended = stored.status is Status.FAILED and self._put_back(stored.new, new, data)
        return Received(
            instance=new.id,
            study=stored.new.study,
            is_new=False,
            status=Status.RECEIVED if is_mended else stored.status,
            description=new.description,
            likeness=likeness,
            differs_in=differing_elements(stored.new.description, new.description),
        )

    def _put_back(self, known: NewInstance, new: NewInstance, data: bytes) -> bool:
        """Put back an original that the store has lost or cut, and let it be assessed again; True if that was so."""
        if new.sha256 != known.sha256 or self._is_whole(known):
            return False
        self.store.put(known.store_key, data)
        try:
            self.records.reopen(known.id)
        except Conflict:  # somebody asked for a replay this very moment
            return False
        self.notify(
            InstanceReplayed(
                at=new.received_at, site=known.site, study=known.study, instance=known.id, asked_by="the sender"
            )
        )
        return True

    def _is_whole(self, known: NewInstance) -> bool:
        try:
            return hashlib.sha256(self.store.get(known.store_key)).hexdigest() == known.sha256
        except NotFound:
            return False

    def _say_refused(self, new: NewInstance, error: Conflict) -> None:
        extra = {"action": "instance_refused", "site": new.site, "instance": new.id, "door": new.door}
        _log.warning(
            "another radiograph came under a known UID; the first stays", extra={**extra, "reason": str(error)}
        )

    def _clear_away(self, store_key: str) -> None:
        try:
            self.store.delete(store_key)
        except BackendUnavailable as error:
            _log.warning("a second copy stays in the store until upkeep finds it", extra={"reason": str(error)})

    def _tell(self, new: NewInstance, received: Received) -> None:
        if received.status is Status.RECEIVED:
            self._note(new.id)
        if not received.is_new:
            self.notify(
                InstanceReceivedAgain(
                    at=new.received_at,
                    site=new.site,
                    study=received.study,
                    instance=new.id,
                    door=new.door,
                    likeness=received.likeness,
                    differs_in=received.differs_in,
                )
            )
            return
        self.notify(
            InstanceReceived(
                at=new.received_at,
                site=new.site,
                study=received.study,
                instance=new.id,
                door=new.door,
                size_bytes=new.size_bytes,
                seconds=max(0.0, (self.clock() - new.received_at).total_seconds()),
            )
        )

    def _note(self, instance: InstanceId) -> None:
        try:
            self.queue.put(instance)
        except BackendUnavailable as error:
            _log.warning(
                "the queue is down; upkeep will write the note", extra={"instance": instance, "reason": str(error)}
            )
