"""What the pages show, in words: small frozen views that templates only have to lay out.

A patient's name and id come in as plain text from `pages`, the only module here that may reveal them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from lingula.doors.http.shapes import PREFIX
from lingula.modelpackage.archive import ModelPackage
from lingula.modelpackage.manifest import OperatingPoint
from lingula.radiology.study import Instance
from lingula.records.records import Assessment, StoredInstance, TimelineEntry, WorklistRow
from lingula.records.reviews import Claim, Review
from lingula.triage.priority import probability_words, words

SHORT_ID = 8  # characters of an id that people read out to each other
_MONTHS_UNTIL_YEARS = 2  # a child younger than this is spoken of in months
_SEXES = {"F": "female", "M": "male", "O": "other"}


@dataclass(frozen=True, kw_only=True)
class PatientView:
    """Who it is, and a line below."""

    name: str
    line: str


@dataclass(frozen=True, kw_only=True)
class ScaleView:
    """A probability on its scale, places in percent of the width."""

    text: str
    at: float
    rule_out: float
    rule_in: float
    rule_out_text: str
    rule_in_text: str


@dataclass(frozen=True, kw_only=True)
class RowView:
    """One line of the worklist."""

    study: str
    url: str | None
    thumbnail: str | None
    patient: PatientView
    priority: str
    is_promoted: bool
    band: str | None
    scale: ScaleView | None
    status: str
    why: str
    site: str
    instances: int
    waiting: str
    received_iso: str
    received_text: str
    reader: str
    is_taken: bool
    is_mine: bool


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A name and its value."""

    name: str
    value: str


def waiting_words(received_at: datetime, now: datetime) -> str:
    """Say a wait shortly.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> waiting_words(noon - timedelta(minutes=135), noon), waiting_words(noon, noon)
    ('2 h 15 min', 'just now')
    """
    waited = now - received_at
    return words(waited) if waited >= timedelta(minutes=1) else "just now"


def age_words(age_years: float | None) -> str | None:
    """Say an age as people do: small children in months.

    >>> age_words(0.75), age_words(4.2), age_words(None)
    ('9 months', '4 years', None)
    """
    if age_years is None:
        return None
    if age_years < _MONTHS_UNTIL_YEARS:
        return f"{round(age_years * 12)} months"
    return f"{int(age_years)} years"


def age_and_sex(described: Instance) -> str:
    """Give age and sex as far as the file states them."""
    parts = [age_words(described.age_years), described.patient_sex]
    return ", ".join(part for part in parts if part)


def scale_of(probability: float | None, rule_out: float | None, rule_in: float | None) -> ScaleView | None:
    """Put a probability on its scale; None without one or without limits."""
    if probability is None or rule_out is None or rule_in is None:
        return None
    return ScaleView(
        text=probability_words(probability),
        at=round(100 * probability, 1),
        rule_out=round(100 * rule_out, 1),
        rule_in=round(100 * rule_in, 1),
        rule_out_text=probability_words(rule_out),
        rule_in_text=probability_words(rule_in),
    )


def limit_lines(package: ModelPackage, assessment: Assessment) -> list[str]:
    """Say what the two limits were chosen for and what was measured at them; nothing if another package assessed."""
    if assessment.package_sha256 != package.sha256:
        return []
    points = package.manifest.operating_points
    return [_limit_line("Rule-out", points.rule_out), _limit_line("Rule-in", points.rule_in)]


def _limit_line(name: str, point: OperatingPoint) -> str:
    return (
        f"{name} {probability_words(point.threshold)}: sensitivity {point.sensitivity.value:.2f} "
        f"({point.sensitivity.low:.2f}–{point.sensitivity.high:.2f}), specificity {point.specificity.value:.2f} "
        f"({point.specificity.low:.2f}–{point.specificity.high:.2f}), measured on {point.measured_on}."
    )


def model_words(assessment: Assessment) -> str:
    """Name the package that spoke."""
    digest = (assessment.package_sha256 or "")[:12]
    return (
        f"Model {assessment.package_name} {assessment.package_version} ({digest}), Lingula {assessment.code_version}."
    )


def row_of(row: WorklistRow, patient: PatientView, why: str, now: datetime, me: str) -> RowView:
    """Lay out one study of the worklist for the person named `me`."""
    claim = lasting(row.claim, now)
    return RowView(
        study=row.study,
        url=f"/studies/{row.study}",
        thumbnail=f"{PREFIX}/instances/{row.first_instance}/thumbnail.jpeg" if row.description.has_pixels else None,
        patient=patient,
        priority=row.effective_priority,
        is_promoted=row.effective_priority is not row.priority,
        band=row.band,
        scale=scale_of(row.probability, row.rule_out_threshold, row.rule_in_threshold),
        status=row.status,
        why=why,
        site=row.site,
        instances=row.instances,
        waiting=waiting_words(row.received_at, now),
        received_iso=row.received_at.isoformat(),
        received_text=moment_words(row.received_at),
        reader=_reader_words(row, claim, me),
        is_taken=claim is not None and claim.reviewer != me,
        is_mine=claim is not None and claim.reviewer == me,
    )


def lasting(claim: Claim | None, now: datetime) -> Claim | None:
    """Give the claim if it has not ended."""
    return claim if claim and claim.until > now else None


def _reader_words(row: WorklistRow, claim: Claim | None, me: str) -> str:
    if claim:
        return "you are reading" if claim.reviewer == me else f"{claim.reviewer} is reading"
    return f"read: {row.verdict}" if row.verdict else ""


def moment_words(moment: datetime) -> str:
    """Write a moment in the server's own time zone."""
    return moment.astimezone().strftime("%-d %b %Y, %H:%M")


def facts_of(stored: StoredInstance) -> list[Fact]:
    """Give what the file says of itself, without who it is."""
    described, new = stored.new.description, stored.new
    size = f"{described.columns} × {described.rows}" if described.columns and described.rows else None
    novelty = stored.assessment.novelty if stored.assessment else None
    values: Mapping[str, str | None] = {
        "Age": age_words(described.age_years),
        "Sex": _SEXES.get(described.patient_sex or "", described.patient_sex),
        "Study date": described.study_date.isoformat() if described.study_date else None,
        "View": described.view_position,
        "Modality": described.modality,
        "Body part": described.body_part_examined,
        "Picture": f"{described.file_format.upper()}, {size or 'size not stated'}",
        "Novelty": f"{novelty:.2f} (limit 1.00)" if novelty is not None else None,
        "Arrived": f"{moment_words(new.received_at)} by {new.door}",
        "Instance": new.id,
    }
    return [Fact(name=name, value=value) for name, value in values.items() if value]


def review_view(review: Review) -> Mapping[str, str | None]:
    """Lay out one verdict."""
    new = review.new
    return {
        "verdict": new.verdict,
        "finding": new.finding,
        "note": new.note,
        "reviewer": new.reviewer,
        "iso": new.reviewed_at.isoformat(),
        "at": moment_words(new.reviewed_at),
    }


def _again_words(detail: Mapping[str, str | int | float | bool | None]) -> str:
    """Say how the same radiograph came once more; entries of earlier releases name the door alone."""
    likeness, differs_in = detail.get("likeness"), str(detail.get("differs_in") or "").replace("_", " ")
    parts = [f"by {detail.get('door')}", *([str(likeness)] if likeness else [])]
    return ", ".join(parts) + (f"; other {differs_in}; the first stays" if differs_in else "")


def timeline_view(entry: TimelineEntry) -> Mapping[str, str]:
    """Lay out one thing that happened."""
    detail = entry.detail
    extra = {
        "instance_received": f"by {detail.get('door')}",
        "instance_received_again": _again_words(detail),
        "instance_assessed": f"pneumonia {detail.get('band')}, by {detail.get('package')}",
        "instance_not_eligible": str(detail.get("reason") or ""),
        "assessment_failed": f"attempt {detail.get('attempt')}: {detail.get('reason')}",
        "instance_replayed": f"asked by {detail.get('asked_by')}",
        "study_claimed": f"by {detail.get('reviewer')}",
        "study_reviewed": f"{detail.get('verdict')}, by {detail.get('reviewer')}",
    }.get(entry.action, "")
    sentence = entry.action.replace("_", " ").replace("instance", "radiograph").capitalize()
    local = entry.at.astimezone()
    return {
        "iso": entry.at.isoformat(),
        "at": local.strftime("%H:%M:%S"),
        "date": moment_words(entry.at),
        "words": f"{sentence}: {extra}" if extra else sentence,
    }
