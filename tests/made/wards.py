"""A DICOM door that is open before a system in memory, and senders that speak with it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lingula.doors.dicom import DicomDoor
from lingula.doors.dicom.pdus import ProposedContext
from lingula.doors.dicom.requesting import Peer, Requested
from lingula.radiology.elements import data_set_starts
from lingula.records.records import StoredInstance, WorklistQuery
from lingula.wiring import System

DX = "1.2.840.10008.5.1.4.1.1.1.1"
EXPLICIT = "1.2.840.10008.1.2.1"
VERIFICATION = "1.2.840.10008.1.1"


@dataclass(frozen=True)
class Ward:
    """A door that is open, and what is behind it."""

    system: System
    door: DicomDoor

    def peer(self, calling: str = "NORTH", called: str = "LINGULA") -> Peer:
        return Peer(host="127.0.0.1", port=self.door.port, called=called, calling=calling)

    def kept(self) -> list[StoredInstance]:
        """Give everything that is recorded."""
        query = WorklistQuery(now=self.system.clock(), caps={}, page_size=1000)
        rows = self.system.records.worklist(query).rows
        return [one for row in rows for one in self.system.records.study(row.study).instances]

    def bytes_of(self, one: StoredInstance) -> bytes:
        return self.system.store.get(one.new.store_key)


OpenWard = Callable[..., Ward]
"""Opens a door: settings by name, and `change`, a function that may put something else behind it."""


@contextmanager
def associated(peer: Peer, *contexts: ProposedContext) -> Iterator[Requested]:
    """Open an association for DX radiographs unless told otherwise, and release it."""
    association = Requested(peer, contexts or [context(1)])
    try:
        yield association
    finally:
        association.release()


def context(number: int, abstract: str = DX, *transfer: str) -> ProposedContext:
    return ProposedContext(number=number, abstract_syntax=abstract, transfer_syntaxes=transfer or [EXPLICIT])


def data_set(data: bytes) -> memoryview:
    """Give a file's data set as it goes over an association."""
    return memoryview(data)[data_set_starts(data) :]
