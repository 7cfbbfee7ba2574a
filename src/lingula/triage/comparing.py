"""A second file under a known id is held against the first: the same radiograph by another way, or another one.

Equal bytes are told by their digest, and nothing is fetched. Other bytes are compared with the original in the store
(`lingula.radiology.likeness`), which may mean decoding both; so only one comparison runs at a time in a process, and
few may wait for it. Ids are made from site and UID, so a site's files are only ever compared with its own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from threading import Lock

from lingula.errors import BackendUnavailable, Conflict, LingulaError
from lingula.radiology.likeness import Likeness, liken
from lingula.radiology.study import FileFormat, Instance
from lingula.records.records import NewInstance
from lingula.stores.store import ObjectStore
from lingula.triage.prepared import fetch_original

MOST_IN_LINE = 6  # of the threads that receive; the others go on taking first arrivals
WAIT_SECONDS = 30.0
_RETRY_AFTER_SECONDS = 2.0
_NOT_TOLD = frozenset({"transfer_syntax_uid", "is_stat", "file_format"})  # told otherwise, or said by the way it came

_ADVICE = {
    Likeness.OTHER_PATIENT: "settle at the sender whose radiograph it is",
    Likeness.OTHER_PIXELS: "send a changed radiograph under a new SOP Instance UID",
    Likeness.OTHER_CONTENTS: "send a changed object under a new SOP Instance UID",
    Likeness.UNKNOWN: "send it as it was sent first",
}


class Comparing:
    """Tells what a second file has in common with the first; safe to call from several threads.

    Parameters
    ----------
    wait_seconds
        How long one may wait for those before it.
    """

    def __init__(self, wait_seconds: float = WAIT_SECONDS) -> None:
        self._wait_seconds = wait_seconds
        self._turn = Lock()
        self._guard = Lock()
        self._in_line = 0

    @property
    def in_line(self) -> int:
        """How many are being compared or wait for it."""
        return self._in_line

    def likeness(self, store: ObjectStore, known: NewInstance, new: NewInstance, data: bytes) -> Likeness:
        """Compare what has come with what is kept.

        Parameters
        ----------
        known
            What is recorded.
        new, data
            What has come under the same id.

        Raises
        ------
        Conflict
            If it is another radiograph, or cannot be told; the message names no identity.
        BackendUnavailable
            If the original cannot be fetched whole now, or too much is being compared; the sender should try again.
        """
        if new.sha256 == known.sha256:
            return Likeness.BYTES
        likeness = Likeness.UNKNOWN
        if known.description.file_format is new.description.file_format is FileFormat.DICOM:
            with self._my_turn():
                likeness = liken(_original(store, known), data)
        if not likeness.is_same:
            raise Conflict(f"{likeness} under this UID: instance {known.id} stays; {_ADVICE[likeness]}")
        return likeness

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        with self._guard:
            if self._in_line >= MOST_IN_LINE:
                raise _busy()
            self._in_line += 1
        try:
            if not self._turn.acquire(timeout=self._wait_seconds):
                raise _busy()
            try:
                yield
            finally:
                self._turn.release()
        finally:
            with self._guard:
                self._in_line -= 1


def differing_elements(one: Instance, other: Instance) -> str:
    """Name the described elements whose values differ, with commas between; the values stay untold."""
    names = (each.name for each in fields(Instance) if each.name not in _NOT_TOLD)
    return ", ".join(name for name in names if getattr(one, name) != getattr(other, name))


def _original(store: ObjectStore, known: NewInstance) -> bytes:
    """Fetch what is kept; where it cannot be had, the sender keeps its copy and comes again."""
    try:
        return fetch_original(store, known)
    except BackendUnavailable:
        raise
    except LingulaError as error:
        raise BackendUnavailable(
            f"the original of instance {known.id} cannot be read from the store to compare with: send it again later; "
            "if this stays so, an engineer must restore the store from its backup"
        ) from error


def _busy() -> BackendUnavailable:
    return BackendUnavailable(
        "too many radiographs received before are being compared: send it again in a moment",
        retry_after_seconds=_RETRY_AFTER_SECONDS,
    )
