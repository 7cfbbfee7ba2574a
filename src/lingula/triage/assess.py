"""A radiograph is assessed: fetch the bytes, prepare them as the package says, infer, say what it means, record.

An error never looks like a negative: what cannot be assessed is recorded as failed or not eligible, with the reason
and above `routine`. An attempt is counted before a byte is touched, so that a radiograph which kills the program is
found out: it is tried again alone, and parked as a recorded failure after the last attempt.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock

from lingula import __version__
from lingula.errors import BackendUnavailable, NotAccepted, NotEligible, NotFound
from lingula.modelpackage.preprocessing import ModelInput, prepare
from lingula.queues.queue import Note, WorkQueue
from lingula.radiology.identifiers import InstanceId
from lingula.radiology.reading import describe_instance, read_radiograph
from lingula.radiology.study import Instance, Status
from lingula.records.records import Assessment, Records, StoredInstance
from lingula.stores.store import ObjectStore
from lingula.triage.eligibility import reason_not_eligible
from lingula.triage.events import AssessmentFailed, Clock, Event, InstanceAssessed, InstanceNotEligible, Notify
from lingula.triage.finding import Finding, conclude, fail, refuse
from lingula.triage.infer import Inference, Model

Timer = Callable[[], float]
"""Seconds of a clock that never goes back."""

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
    prepared = _prepare(data, description, model, timer)
    if isinstance(prepared, Finding):
        return prepared
    return conclude(model.infer([prepared])[0], model.manifest, is_stat=description.is_stat, seconds=timer() - started)


def _prepare(data: bytes, description: Instance, model: Model, timer: Timer) -> ModelInput | Finding:
    """Give the model's input, or the finding that there will be none."""
    started = timer()
    is_stat = description.is_stat
    reason = reason_not_eligible(description, model.manifest.intended_use)
    if reason is not None:
        return refuse(reason, is_stat=is_stat, seconds=timer() - started)
    preprocessing = model.manifest.preprocessing
    try:
        return prepare(read_radiograph(data, at_least=preprocessing.decode_at_least), preprocessing)
    except NotEligible as error:
        return refuse(str(error), is_stat=is_stat, seconds=timer() - started)
    except NotAccepted as error:
        return fail(str(error), is_stat=is_stat, seconds=timer() - started)


@dataclass(frozen=True, kw_only=True)
class Assessor:
    """Assesses what the queue's notes point to; safe to share between workers.

    Parameters
    ----------
    most_attempts
        After so many begun attempts an instance is parked as failed.
    suspect_delay_seconds
        How long this program must have run before it tries what was under way twice when another one ended.
    timer
        Seconds of a clock that never goes back; injected for tests.
    """

    store: ObjectStore
    records: Records
    queue: WorkQueue
    model: Model
    notify: Notify
    clock: Clock
    most_attempts: int = 3
    suspect_delay_seconds: float = 5.0
    timer: Timer = time.perf_counter
    _alone: Lock = field(default_factory=Lock, repr=False)
    _has_waited: set[InstanceId] = field(default_factory=set, repr=False)

    def assess(self, notes: Sequence[Note]) -> None:
        """Assess a few instances together and take their notes away.

        Instances tried before are suspected of having stopped the program: each is tried alone, one at a time in this
        process, so that no neighbour is counted down with it. One that was under way twice must first wait a while:
        whatever stops the program, the others get through, and a program that others stop does not blame it.

        Raises
        ------
        BackendUnavailable
            If a place does not answer; the attempts are not counted, and the notes not yet done are still leased.
        Exception
            Whatever a radiograph nobody foresaw sets off; nothing of its batch is recorded then.
        """
        wanted = list(dict.fromkeys(note.instance for note in notes))
        untried = self.records.begin_attempts(wanted, only_untried=True)
        self._assess_together(untried)
        finished = {stored.new.id for stored in untried}
        for note in notes:
            if note.instance in finished or self._assess_alone(note.instance):
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
            self._save([(stored, finding)])
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

    def _assess_alone(self, instance: InstanceId) -> bool:
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
                    f"{self.most_attempts} attempts ended without a result: the program was stopped each time; "
                    "look at the original before trying again"
                )
                self._save([(stored, fail(reason, is_stat=stored.new.description.is_stat, seconds=0.0))])
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
        try:
            self._save(list(zip(batch, self._findings(batch), strict=True)))
        except BackendUnavailable:
            self._forgive([stored.new.id for stored in batch])
            raise

    def _findings(self, batch: Sequence[StoredInstance]) -> list[Finding]:
        """Prepare each radiograph on its own, infer on all that are eligible at once."""
        answers: list[ModelInput | Finding] = []
        seconds: list[float] = []
        for stored in batch:
            started = self.timer()
            data = self.store.get(stored.new.store_key)
            answers.append(_prepare(data, stored.new.description, self.model, self.timer))
            seconds.append(self.timer() - started)
        started = self.timer()
        inputs = [answer for answer in answers if not isinstance(answer, Finding)]
        inferences = iter(self.model.infer(inputs))
        inferring_seconds = self.timer() - started
        return [
            answer
            if isinstance(answer, Finding)
            else self._conclude(next(inferences), stored, preparing_seconds + inferring_seconds)
            for answer, stored, preparing_seconds in zip(answers, batch, seconds, strict=True)
        ]

    def _conclude(self, inference: Inference, stored: StoredInstance, seconds: float) -> Finding:
        return conclude(inference, self.model.manifest, is_stat=stored.new.description.is_stat, seconds=seconds)

    def _save(self, findings: Sequence[tuple[StoredInstance, Finding]]) -> None:
        """Record findings in one transaction and tell of those that took effect."""
        if not findings:
            return
        assessments = [self._assessment(stored, finding) for stored, finding in findings]
        effective = self.records.save_assessments(assessments)
        for (stored, _), assessment in zip(findings, assessments, strict=True):
            if stored.new.id in effective:
                self.notify(_event(stored, assessment, self.model.package.label))

    def _assessment(self, stored: StoredInstance, finding: Finding) -> Assessment:
        package = self.model.package
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
        """Take back the attempts a place's outage cost; if the record itself is out, they stay counted."""
        try:
            self.records.forgive_attempts(instances)
        except BackendUnavailable as error:
            _log.warning("attempts stay counted, the record is down", extra={"reason": str(error)})


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
