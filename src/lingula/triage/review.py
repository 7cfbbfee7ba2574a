"""A doctor reads a study: claims it while it is open, and leaves a verdict that is never overwritten.

A claim is a lease, so a browser that was closed blocks nobody for long; who still has the study open claims it again.
"""

from dataclasses import dataclass
from datetime import timedelta

from lingula.errors import NotFound
from lingula.radiology.identifiers import StudyId
from lingula.records.accounts import User
from lingula.records.records import Records, StoredStudy
from lingula.records.reviews import Claim, NewReview, Review, Verdict
from lingula.triage.events import Clock, Notify, StudyClaimed, StudyReviewed


@dataclass(frozen=True, kw_only=True)
class Reviews:
    """Claims and verdicts.

    >>> reviews.claim(study, doctor)  # doctest: +SKIP
    >>> reviews.review(study, doctor, Verdict.AGREE, finding="right lower lobe")  # doctest: +SKIP

    Parameters
    ----------
    claim_minutes
        How long a study stays claimed by the doctor who opened it.
    """

    records: Records
    notify: Notify
    clock: Clock
    claim_minutes: float = 15.0

    def claim(self, study: StudyId, doctor: User) -> Claim:
        """Note that a doctor has the study open; claiming again makes the claim longer.

        Raises
        ------
        NotFound
            If there is no such study at the doctor's sites.
        Conflict
            While another doctor's claim lasts.
        """
        stored = self._study(study, doctor)
        now = self.clock()
        claim = Claim(reviewer=doctor.name, until=now + timedelta(minutes=self.claim_minutes))
        self.records.claim(study, claim, now)
        old = stored.claim
        is_longer = old is not None and old.reviewer == doctor.name and old.until > now
        if not is_longer:
            self.notify(StudyClaimed(at=now, site=stored.site, study=study, reviewer=doctor.name))
        return claim

    def release(self, study: StudyId, doctor: User) -> None:
        """End the doctor's own claim, if there is one."""
        self.records.release(study, doctor.name)

    def review(
        self, study: StudyId, doctor: User, verdict: Verdict, finding: str | None = None, note: str | None = None
    ) -> Review:
        """Record a verdict and end the doctor's claim.

        Parameters
        ----------
        finding, note
            What the doctor writes; nothing but spaces counts as nothing.

        Raises
        ------
        NotFound
            If there is no such study at the doctor's sites.
        Conflict
            While another doctor's claim lasts.
        """
        stored = self._study(study, doctor)
        now = self.clock()
        review = self.records.add_review(
            NewReview(
                study=study,
                reviewer=doctor.name,
                verdict=verdict,
                reviewed_at=now,
                finding=(finding or "").strip() or None,
                note=(note or "").strip() or None,
            )
        )
        self.notify(
            StudyReviewed(
                at=now,
                site=stored.site,
                study=study,
                reviewer=doctor.name,
                verdict=verdict,
                waited_seconds=max(0.0, (now - stored.received_at).total_seconds()),
            )
        )
        return review

    def _study(self, study: StudyId, doctor: User) -> StoredStudy:
        stored = self.records.study(study)
        if doctor.sites is not None and stored.site not in doctor.sites:
            raise NotFound(f"no study {study} is known")
        return stored
