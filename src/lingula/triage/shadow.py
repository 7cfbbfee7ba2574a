"""A candidate assesses beside the serving package, shown to nobody: after it, when nothing waits, one at a time.

What is to be done is read from the record, so it goes on after a restart where it stopped. Nothing here can delay or
fail a real assessment: it begins only with radiographs that have their result, stops as soon as notes wait for workers,
and whatever a radiograph sets off with the candidate ends as a failure in the candidate's own table. No event is told,
so no page, timeline or priority ever follows from it.
"""

import logging
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from lingula import __version__
from lingula.errors import BackendUnavailable, LingulaError
from lingula.queues.queue import WorkQueue
from lingula.radiology.identifiers import InstanceId
from lingula.records.records import Records, StoredInstance
from lingula.records.shadows import Shadows, ShadowStatement
from lingula.stores.store import ObjectStore
from lingula.triage.events import Clock
from lingula.triage.finding import Finding, conclude, fail
from lingula.triage.infer import Model
from lingula.triage.prepared import Timer, fetch_original, prepare_instance

MOST_UNENDED = 5  # attempts that never ended before a candidate is no longer trusted to run inside the program
_AT_ONCE = 16  # of one round; the next one follows at once in quiet times
_UNDER_WAY = timedelta(minutes=10)  # no attempt takes that long; one older has ended with its program
_SETTLED = timedelta(minutes=10)  # what is recorded later than that after its arrival is found by the next full look
_FULL_LOOK_EVERY = timedelta(hours=1)
_REST = timedelta(seconds=30)  # after a place did not answer: the workers need it more

_log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class _Candidate:
    """The model in shadow, and how far the record has been looked through."""

    model: Model
    since: datetime
    looked_from: datetime
    full_look_at: datetime


class Shadow:
    """Lets a candidate assess what the serving package has assessed; one thread calls `run_once` again and again.

    >>> shadow.take_up(Model(read_package(path)), since=decision.at)  # doctest: +SKIP
    >>> repeat(shadow.run_once, stop, every_seconds=0.5)  # doctest: +SKIP

    Parameters
    ----------
    records, shadows
        What arrived and was assessed; where the candidate's statements go.
    queue
        Asked how much waits: the candidate works only when nothing does.
    timer
        Seconds of a clock that never goes back; injected for tests.
    """

    def __init__(
        self,
        *,
        store: ObjectStore,
        records: Records,
        shadows: Shadows,
        queue: WorkQueue,
        clock: Clock,
        timer: Timer = time.perf_counter,
    ) -> None:
        self._store, self._records, self._shadows, self._queue = store, records, shadows, queue
        self._clock, self._timer = clock, timer
        self._candidate: _Candidate | None = None
        self._rests_until = clock()
        self._counts: Counter[tuple[str, str]] = Counter()

    @property
    def package(self) -> str | None:
        """The label of the package in shadow, if there is one and it works."""
        candidate = self._candidate
        return None if candidate is None else candidate.model.package.label

    @property
    def counts(self) -> Mapping[tuple[str, str], int]:
        """How many statements this process made, by package and status."""
        return dict(self._counts)

    def take_up(self, model: Model, since: datetime) -> None:
        """Let a model that is loaded and warm assess what arrived since a time, beside the one that serves.

        Raises
        ------
        LingulaError
            If too many of its attempts ended with the program; it is not tried any more.
        """
        self._candidate = None
        unended = self._shadows.shadow_counts(model.package.sha256, since).begun
        if unended >= MOST_UNENDED:
            raise LingulaError(
                f"{unended} radiographs ended the program with {model.package.label} in shadow; it does not go on: "
                "stop the shadow and look at the package"
            )
        self._candidate = _Candidate(
            model=model, since=since, looked_from=since, full_look_at=self._clock() + _FULL_LOOK_EVERY
        )

    def stop(self) -> None:
        """Let go of the candidate; what it stated stays."""
        self._candidate = None

    def run_once(self) -> int:
        """Assess some of what the candidate has not seen, while nothing waits for the workers; say how many.

        A place that does not answer is left alone for a while; a later round makes up for it.
        """
        candidate = self._candidate
        if candidate is None or self._clock() < self._rests_until:
            return 0
        try:
            return self._work(candidate)
        except BackendUnavailable as error:
            _log.warning("the shadow rests, a place does not answer", extra={"reason": str(error)})
            self._rests_until = self._clock() + _REST
            return 0

    def _work(self, candidate: _Candidate) -> int:
        if self._is_busy():
            return 0
        done = 0
        for instance in self._open(candidate):
            if self._is_busy() or self._candidate is not candidate:
                break
            done += self._assess(candidate.model, instance)
        return done

    def _is_busy(self) -> bool:
        return self._queue.depth() > 0

    def _open(self, candidate: _Candidate) -> list[InstanceId]:
        """Look for what is open, from where the last look left off; now and then from the beginning."""
        now = self._clock()
        if now >= candidate.full_look_at:
            candidate.looked_from, candidate.full_look_at = candidate.since, now + _FULL_LOOK_EVERY
        found = self._shadows.open_shadows(
            candidate.model.package.sha256, candidate.looked_from, begun_before=now - _UNDER_WAY, at_most=_AT_ONCE
        )
        settled = max(candidate.looked_from, now - _SETTLED)
        candidate.looked_from = settled if found.from_time is None else min(settled, found.from_time)
        return list(found.instances)

    def _assess(self, model: Model, instance: InstanceId) -> bool:
        """Assess one radiograph, unless another program has begun it meanwhile."""
        now, package = self._clock(), model.package
        if not self._shadows.begin_shadows(package.sha256, [instance], at=now, begun_before=now - _UNDER_WAY):
            return False
        stored = self._records.instance(instance)
        started = self._timer()
        try:
            finding = self._finding(model, stored)
        except BackendUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a candidate meets must not reach what is real
            _log.warning("a candidate failed unforeseen", extra={"package": package.label, "instance": instance})
            # Only Lingula's own messages are known to carry no identity; of others the type alone is repeated.
            reason = str(error) if isinstance(error, LingulaError) else type(error).__name__
            finding = fail(reason, is_stat=False, seconds=self._timer() - started)
        self._shadows.save_shadows([_statement(model, instance, finding, self._clock())])
        self._counts[package.label, finding.status.value] += 1
        return True

    def _finding(self, model: Model, stored: StoredInstance) -> Finding:
        started = self._timer()
        described = stored.new.description
        data = fetch_original(self._store, stored.new)
        prepared = prepare_instance(data, described, model.manifest, self._timer)
        if isinstance(prepared, Finding):
            return prepared
        (inference,) = model.infer([prepared])
        return conclude(inference, model.manifest, is_stat=described.is_stat, seconds=self._timer() - started)


def _statement(model: Model, instance: InstanceId, finding: Finding, at: datetime) -> ShadowStatement:
    manifest = model.manifest
    points = manifest.operating_points
    return ShadowStatement(
        instance=instance,
        package_name=manifest.name,
        package_version=manifest.version,
        package_sha256=model.package.sha256,
        status=finding.status,
        assessed_at=at,
        seconds=finding.seconds,
        code_version=__version__,
        reason=finding.reason,
        probability=finding.probability,
        band=finding.band,
        novelty=finding.novelty,
        rule_out_threshold=points.rule_out.threshold,
        rule_in_threshold=points.rule_in.threshold,
    )
