"""An object somebody told of, or that was found, becomes a radiograph of the site whose bucket it lies in.

Nothing outside a binding is ever fetched: an event is only a hint, whoever sent it. Keys may hold patients' names, so
what happened to an object is counted and told without its key.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Collection, Sequence
from enum import StrEnum
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from lingula.doors.bucket.notifications import ObjectPut
from lingula.doors.bucket.taken import Taken, Timer
from lingula.errors import BackendUnavailable, Conflict, NotAccepted, NotFound
from lingula.radiology.identifiers import SiteName, SourceName
from lingula.records.accounts import Binding, BindingKind
from lingula.records.bindings import site_of_address
from lingula.wiring import System

if TYPE_CHECKING:
    from lingula.doors.bucket.objects import Objects

NAME = "bucket"

_log = logging.getLogger(__name__)


class Outcome(StrEnum):
    """What became of one object or file."""

    RECEIVED = "received"
    KNOWN = "received again"
    REFUSED = "refused"  # it is no radiograph, too large, or contradicts another
    MISSING = "missing"  # it was gone before it could be read
    FOREIGN = "foreign"  # it lies in no bucket of a site
    UNREAD = "not understood"  # a message that is no notification


class Arrivals:
    """Takes objects in; safe to use from several threads.

    Parameters
    ----------
    system
        Its receiver, bindings, store and settings are used.
    timer
        Seconds of a clock that never goes back; injected for tests.
    """

    def __init__(self, system: System, timer: Timer = time.monotonic) -> None:
        self.timer = timer
        self.told_at: dict[str, float] = {}
        """When each bucket's last event came, by the timer."""
        self._system = system
        self._guard = threading.Lock()
        self._counts: Counter[tuple[str, Outcome]] = Counter()
        self._taken: dict[str, Taken] = {}

    @cached_property
    def objects(self) -> "Objects":
        """The server of the hospitals' buckets; raises `SettingsError` if its driver is missing."""
        from lingula.doors.bucket.objects import Objects

        settings = self._system.settings
        return Objects(settings.bucket_endpoint, settings.bucket_region, settings.upload_limit_bytes)

    def bindings(self, kind: BindingKind = BindingKind.BUCKET) -> Sequence[Binding]:
        """Give what is bound now; raises `BackendUnavailable`."""
        return self._system.accounts.bindings(kind)

    def told(self, puts: Sequence[ObjectPut], sites: Collection[SiteName] | None = None) -> Sequence[Outcome]:
        """Take what an event told of; where one object of a bucket cannot be taken now, its others wait too.

        Parameters
        ----------
        sites
            Whose objects the teller may speak of; None means all.

        Raises
        ------
        BackendUnavailable
            If one could not be taken now; the event should come again, and taking twice does no harm.
        """
        bindings = [one for one in self.bindings() if sites is None or one.site in sites] if puts else []
        now = self.timer()
        self.told_at.update((put.bucket, now) for put in puts if longest(bindings, put.address))
        outcomes: list[Outcome] = []
        away: dict[str, BackendUnavailable] = {}  # a thousand records must not wait for one bucket a thousand times
        for put in puts:
            try:
                if put.bucket not in away:
                    outcomes.append(self.take(put, bindings))
            except BackendUnavailable as error:
                away[put.bucket] = error
        for failed in away.values():
            raise failed
        return outcomes

    def take(self, put: ObjectPut, bindings: Sequence[Binding]) -> Outcome:
        """Fetch one object and receive it; raises `BackendUnavailable`."""
        binding = longest(bindings, put.address)
        if binding is None:
            return self.count("", Outcome.FOREIGN, "an event told of an object in no bucket of a site")
        try:
            fetched = self.objects.fetch(put)
        except NotFound:
            return self.count(binding.site, Outcome.MISSING, "an object was gone before it could be read")
        except NotAccepted as error:
            self._remember(binding, put, put.etag or "")
            return self.count(binding.site, Outcome.REFUSED, "an object was refused", error)
        try:
            outcome = self.accept(fetched.data, binding.site, PurePosixPath(put.key).name, NAME)
        except (NotAccepted, Conflict) as error:
            outcome = self.count(binding.site, Outcome.REFUSED, "an object was refused", error)
        self._remember(binding, put, fetched.etag)
        return outcome

    def accept(self, data: bytes, site: SiteName, name: str, door: str) -> Outcome:
        """Give bytes to the receiver; raises as it does: `NotAccepted`, `Conflict`, `BackendUnavailable`."""
        kept = name.replace("\0", "").encode(errors="replace").decode()  # a file's name may be any bytes
        received = self._system.receiver.receive(data, site=site, door=door, source_name=SourceName(kept))
        return self.count(site, Outcome.RECEIVED if received.is_new else Outcome.KNOWN)

    def count(self, site: str, outcome: Outcome, sentence: str = "", error: Exception | None = None) -> Outcome:
        """Count one more and say it in the log if there is something to say."""
        with self._guard:
            self._counts[site, outcome] += 1
        if sentence:
            extra = {"action": f"object_{outcome.name.lower()}", "site": site, "reason": str(error) if error else None}
            _log.warning(sentence, extra=extra)
        return outcome

    def counts(self) -> Sequence[tuple[tuple[str, str], float]]:
        """Give how many there were, by site and outcome."""
        with self._guard:
            return [((site, outcome.value), float(number)) for (site, outcome), number in sorted(self._counts.items())]

    def taken(self, binding: Binding) -> Taken:
        """Give the memory of what was taken from one bound bucket or folder; raises `BackendUnavailable`."""
        with self._guard:
            if binding.value not in self._taken:
                secret = self._system.records.installation_key()
                self._taken[binding.value] = Taken(self._system.store, binding.value, secret, self.timer)
            return self._taken[binding.value]

    def mark(self, binding: Binding, put: ObjectPut) -> bytes:
        """Give the mark of one version of an object."""
        return self.taken(binding).mark(put.address, put.etag or "")

    def close(self) -> None:
        """Write what is remembered, as far as the store answers, and let go of connections."""
        for taken in list(self._taken.values()):
            try:
                taken.flush()
            except BackendUnavailable as error:
                _log.warning("what was taken lately is forgotten and read once more", extra={"reason": str(error)})
        if "objects" in vars(self):
            self.objects.close()

    def _remember(self, binding: Binding, put: ObjectPut, etag: str) -> None:
        taken = self.taken(binding)
        taken.add(taken.mark(put.address, etag))


def longest(bindings: Sequence[Binding], address: str) -> Binding | None:
    """Give the binding an address falls under: the longest beginning wins."""
    fitting = [one for one in bindings if site_of_address([one], address) is not None]
    return max(fitting, key=lambda one: len(one.value), default=None)
