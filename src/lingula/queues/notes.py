"""A note as it lies on a broker: the instance's id and nothing else, so no identity ever leaves the record."""

import logging
import re

from lingula.radiology.identifiers import InstanceId

_log = logging.getLogger(__name__)

_NOTE = re.compile(rb"[A-Za-z0-9_-]{1,64}")


class NoteReader:
    """Reads notes; what is none is told by None, with one warning for all of them.

    >>> NoteReader().read(b"i3k5")
    'i3k5'
    """

    def __init__(self) -> None:
        self._has_warned = False

    def read(self, data: bytes) -> InstanceId | None:
        """Give the instance a note names, or None if this is no note: it is to be dropped."""
        if _NOTE.fullmatch(data):
            return InstanceId(data.decode("ascii"))
        if not self._has_warned:
            self._has_warned = True
            _log.warning(
                "what is no note of Lingula's is dropped from the queue; does another program write there?",
                extra={"size_bytes": len(data)},
            )
        return None


def note_bytes(instance: InstanceId) -> bytes:
    """Give what is written to the broker for an instance."""
    return instance.encode("ascii")
