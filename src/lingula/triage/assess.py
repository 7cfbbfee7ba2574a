"""A radiograph is assessed: fetch the bytes, prepare them as the package says, infer, say what it means, record.

An error never looks like a negative: what cannot be assessed is recorded as failed or not eligible, with the reason
and above `routine`. An attempt is counted before a byte is touched, so that a radiograph which kills the program is
found out: it is tried again alone, and parked as a recorded failure after the last attempt.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock

from lingula import __version__
from lingula.errors import BackendUnavailable, NotAccepted, NotFound
from lingula.modelpackage.archive import ModelPackage
from lingula.modelpackage.preprocessing import ModelInput
from lingula.queues.queue import Note, WorkQueue
from lingula.radiology.identifiers import InstanceId
from lingula.radiology.reading import describe_instance
from lingula.radiology.study import Status
from lingula.records.records import Assessment, Records, StoredInstance
from lingula.stores.store import ObjectStore
from lingula.triage.events import AssessmentFailed, Clock, Event, InstanceAssessed, InstanceNotEligible, Notify
from lingula.triage.finding import Finding, conclude, fail
from lingula.triage.infer import Model
from lingula.triage.prepared import Timer, fetch_original, prepare_instance
from lingula.triage.serving import Serving

_SUSPICIOUS_ATTEMPTS = 2  # once may have been any neighbour's fault, twice is suspicious

_log = logging.getLogger(__name__)


def assess_bytes(data: bytes, model: Model, timer: Timer = time.perf_counter) -> Finding:
    """Assess one file on its own, with no store or record: what the command line does.

    Parameters
    ----------
    data
        The bytes of a DICOM, JPEG, PNG or TIFF file.
    model
        The package that assesses.

    Returns
    -------
    Finding
        Bytes that cannot become a radiograph give status `failed` and the reason; nothing is raised for them.
    """
    started = timer()
    try:
        description = describe_instance(data)
    except NotAccepted as error:
        return fail(str(error), is_stat=False, seconds=timer() - started)
    prepared = prepare_instance(data, description, model.manifest, timer)
    if isinstance(prepared, Finding):
        return prepared
    return conclude(model.infer([prepared])[0], model.manifest, is_stat=description.is_stat, seconds=timer() - started)


@dataclass(frozen=True, kw_only=True)
class Assessor:
    """Assesses what the queue's notes point to; safe to share between workers.

    Parameters
    ----------
    serving
        Which model a batch is assessed with; asked once for each batch.
    most_attempts
        After so many begun attempts an instance is parked as failed.
    suspect_delay_seconds
        How long this program must have run before it tries what was under way twice when another one ended.
    timer
        Seconds of a clock that never goes back; injected for tests.
    hand_over
        Called with each instance once its finding is recorded, before the event: whoever waits for it in this process
        need not ask the record.
    """

    store: ObjectStore
    records: Records
    queue: WorkQueue
    serving: Serving
    notify: Notify
    clock: Clock
    most_attempts: int = 3
    suspect_delay_seconds: float = 5.0
    timer: Timer = time.perf_counter
    hand_over: Callable[[StoredInstance], None] = lambda _: None
    _alone: Lock = field(default_factory=Lock, repr=False)
    _has_waited: set[InstanceId] = field(default_factory=set, repr=False)
    _owed: deque[InstanceId] = field(default_factory=deque, repr=False)  # attempts to take back once the record answers
    _settling: Lock = field(default_factory=Lock, repr=False)

    def assess_untried(self, notes: Sequence[Note]) -> Sequence[Note]:
        """Assess together what was never tried, take its notes away, and give those that are left for `assess_alone`.

        Raises
        ------
        BackendUnavailable
            If a place does not answer; the attempts are not counted, and the notes not yet done are still leased.
        Exception
            Whatever a radiograph nobody foresaw sets off; nothing of its batch is recorded then.
        """
        self._settle()
        wanted = list(dict.fromkeys(note.instance for note in notes))
        untried = self.records.begin_attempts(wanted, only_untried=True)
        self._assess_together(untried)
        finished = {stored.new.id for stored in untried}
        if settled := [note for note in notes if note.instance in finished]:
            self.queue.done(*settled)
        return [note for note in notes if note.instance not in finished]

    def assess_alone(self, note: Note) -> None:
        """Assess what was tried before, and is suspected of having stopped the program, one at a time in this process.

        So no neighbour is counted down with it. One that was under way twice must wait a while: whatever stops the
        program, the others get through, and a program that others stop does not blame it. Raises as `assess_untried`.
        """
        if self._try_alone(note.instance):
            self.queue.done(note)
        else:
            self.queue.give_back(note, self.suspect_delay_seconds)

    def park(self, instance: InstanceId, reason: str) -> bool:
        """Note that an attempt failed; True if it was the last one, which is then recorded as failed.

        Raises
        ------
        BackendUnavailable
            If the record does not answer.
        """
        stored = self.records.instance(instance)
        if stored.status is not Status.RECEIVED:
            return True
        if stored.attempts >= self.most_attempts:
            finding = fail(
                f"could not be assessed in {stored.attempts} attempts: {reason}",
                is_stat=stored.new.description.is_stat,
                seconds=0.0,
            )
            self._save([(stored, finding)], self.serving.model)
            return True
        self._has_waited.add(instance)  # its next attempt comes after the worker's own delay
        self.notify(
            AssessmentFailed(
                at=self.clock(),
                site=stored.new.site,
                study=stored.new.study,
                instance=instance,
                reason=reason,
                attempt=stored.attempts,
                is_parked=False,
            )
        )
        return False

    def _try_alone(self, instance: InstanceId) -> bool:
        """Assess an instance that was tried before; False if it must wait first."""
        with self._alone:
            if self._must_wait(instance):
                self._has_waited.add(instance)
                return False
            for stored in self.records.begin_attempts([instance]):
                if stored.attempts <= self.most_attempts:
                    self._assess_together([stored])
                    continue
                reason = (
                    f"{self.most_attempts} attempts ended without a result: the program was stopped, or a place stood "
                    "still, each time; look at the original before trying again"
                )
                finding = fail(reason, is_stat=stored.new.description.is_stat, seconds=0.0)
                self._save([(stored, finding)], self.serving.model)
            self._has_waited.discard(instance)
            return True

    def _must_wait(self, instance: InstanceId) -> bool:
        if instance in self._has_waited:
            return False
        try:
            stored = self.records.instance(instance)
        except NotFound:  # a note without a record: there is nothing to wait for
            return False
        return stored.status is Status.RECEIVED and stored.attempts >= _SUSPICIOUS_ATTEMPTS

    def _assess_together(self, batch: Sequence[StoredInstance]) -> None:
        model = self.serving.model  # one for the whole batch, whatever is promoted meanwhile
        try:
            self._save(list(zip(batch, self._findings(batch, model), strict=True)), model)
        except BackendUnavailable:
            self._forgive([stored.new.id for stored in batch])
            raise

    def _findings(self, batch: Sequence[StoredInstance], model: Model) -> list[Finding]:
        """Prepare each radiograph on its own, infer on all that are eligible at once."""
        answers: list[ModelInput | Finding] = []
        seconds: list[float] = []
        for stored in batch:
            started = self.timer()
            data = fetch_original(self.store, stored.new)
            answers.append(prepare_instance(data, stored.new.description, model.manifest, self.timer))
            seconds.append(self.timer() - started)
        started = self.timer()
        inputs = [answer for answer in answers if not isinstance(answer, Finding)]
        inferences = iter(model.infer(inputs))
        inferring_seconds = self.timer() - started
        return [
            answer
            if isinstance(answer, Finding)
            else conclude(
                next(inferences),
                model.manifest,
                is_stat=stored.new.description.is_stat,
                seconds=preparing_seconds + inferring_seconds,
            )
            for answer, stored, preparing_seconds in zip(answers, batch, seconds, strict=True)
        ]

    def _save(self, findings: Sequence[tuple[StoredInstance, Finding]], model: Model) -> None:
        """Record findings in one transaction and tell of those that took effect."""
        if not findings:
            return
        assessments = [self._assessment(stored, finding, model.package) for stored, finding in findings]
        effective = self.records.save_assessments(assessments)
        for (stored, _), assessment in zip(findings, assessments, strict=True):
            if stored.new.id in effective:
                self.hand_over(replace(stored, status=assessment.status, assessment=assessment))
                self.notify(_event(stored, assessment, model.package.label))

    def _assessment(self, stored: StoredInstance, finding: Finding, package: ModelPackage) -> Assessment:
        points = package.manifest.operating_points
        return Assessment(
            instance=stored.new.id,
            status=finding.status,
            priority=finding.priority,
            assessed_at=self.clock(),
            seconds=finding.seconds,
            code_version=__version__,
            reason=finding.reason,
            probability=finding.probability,
            band=finding.band,
            novelty=finding.novelty,
            activation_map=finding.activation_map,
            lung_mask=finding.lung_mask,
            package_name=package.manifest.name,
            package_version=package.manifest.version,
            package_sha256=package.sha256,
            rule_out_threshold=points.rule_out.threshold,
            rule_in_threshold=points.rule_in.threshold,
        )

    def _forgive(self, instances: Sequence[InstanceId]) -> None:
        """Take back the attempts a place's outage cost; if the record itself is out, as soon as it answers again."""
        try:
            self.records.forgive_attempts(instances)
        except BackendUnavailable as error:
            _log.warning("attempts stay counted until the record answers", extra={"reason": str(error)})
            self._owed.extend(instances)

    def _settle(self) -> None:
        """Take back what is owed, lest an outage that returns be held against a radiograph."""
        with self._settling:
            while self._owed:
                self.records.forgive_attempts([self._owed[0]])  # one at a time: the same one may be owed twice
                self._owed.popleft()


def _event(stored: StoredInstance, assessment: Assessment, package: str) -> Event:
    new, at = stored.new, assessment.assessed_at
    waited_seconds = max(0.0, (at - new.received_at).total_seconds())
    if assessment.probability is not None and assessment.band is not None and assessment.novelty is not None:
        return InstanceAssessed(
            at=at,
            site=new.site,
            study=new.study,
            instance=new.id,
            probability=assessment.probability,
            band=assessment.band,
            priority=assessment.priority,
            novelty=assessment.novelty,
            package=package,
            seconds=assessment.seconds,
            waited_seconds=waited_seconds,
        )
    reason = assessment.reason or ""
    if assessment.status is Status.NOT_ELIGIBLE:
        return InstanceNotEligible(
            at=at, site=new.site, study=new.study, instance=new.id, reason=reason, waited_seconds=waited_seconds
        )
    return AssessmentFailed(
        at=at,
        site=new.site,
        study=new.study,
        instance=new.id,
        reason=reason,
        attempt=stored.attempts,
        is_parked=True,
    )
