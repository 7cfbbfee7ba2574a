"""Writes down who looked at what: the line an auditor asks for.

A page fetches the same picture more than once, and the worklist shows fifty at a time; the same person looking at the
same thing again within a few minutes is one line, not fifty.

References
----------
OWASP ASVS 4.0 V7.2; IHE ITI TF-1 section 9, Audit Trail and Node Authentication.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta

from lingula.doors.http.security import Caller
from lingula.records.accounts import Access, Accounts

SAME_LOOK = timedelta(minutes=5)
_AT_MOST = 20_000


class AccessNotes:
    """Adds lines to the access log."""

    def __init__(self, accounts: Accounts, clock: Callable[[], datetime]) -> None:
        self._accounts = accounts
        self._clock = clock
        self._lately: OrderedDict[tuple[str, str, str], datetime] = OrderedDict()
        self._lock = threading.Lock()

    def note(self, caller: Caller, action: str, resource: str) -> None:
        """Write that the caller did something to a resource, a Lingula id; raises `BackendUnavailable`."""
        self._accounts.add_access(Access(at=self._clock(), who=caller.who, action=action, resource=resource))

    def note_look(self, caller: Caller, action: str, resource: str) -> None:
        """Write that the caller looked at something, once in a few minutes; raises `BackendUnavailable`."""
        key, now = (caller.who, action, resource), self._clock()
        with self._lock:
            last = self._lately.get(key)
        if last is not None and now - last < SAME_LOOK:
            return
        self.note(caller, action, resource)
        with self._lock:
            self._lately[key] = now
            self._lately.move_to_end(key)
            while len(self._lately) > _AT_MOST:
                self._lately.popitem(last=False)
