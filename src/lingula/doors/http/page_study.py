"""The study page's parts: which radiograph is shown, what is said of it, who reads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from lingula.doors.http import views
from lingula.doors.http.shapes import PREFIX
from lingula.doors.http.views import Fact, ScaleView
from lingula.modelpackage.archive import ModelPackage
from lingula.radiology.study import Priority, Status
from lingula.records.accounts import Role, User
from lingula.records.records import StoredInstance, StoredStudy
from lingula.records.reviews import Claim

QUESTION = "Do you agree with the assessment?"
QUESTION_WITHOUT = "Nothing was assessed. Is pneumonia there? Agree means yes."


@dataclass(frozen=True, kw_only=True)
class FilmView:
    """One radiograph and what the model says of it."""

    has_pixels: bool
    image: str
    original: str
    rows: int | None
    columns: int | None
    heat: str | None
    status: str
    band: str | None
    reason: str | None
    scale: ScaleView | None
    limits: list[str]
    model: str | None
    intended_use: str | None
    replay_url: str | None
    facts: list[Fact]


def study_view(
    stored: StoredStudy, *, chosen: str | None, reader: User, package: ModelPackage, now: datetime
) -> tuple[dict[str, object], FilmView]:
    """Lay out a study and the radiograph of it that is shown.

    Parameters
    ----------
    chosen
        The id of the instance to show; else the one that decides the study's place on the list.
    reader
        Who looks at it.
    """
    shown = next((one for one in stored.instances if one.new.id == chosen), None) or _deciding(stored)
    claim = views.lasting(stored.claim, now)
    view: dict[str, object] = {
        "id": stored.id,
        "short_id": stored.id[: views.SHORT_ID],
        "site": stored.site,
        "priority": stored.priority,
        "waiting": views.waiting_words(stored.received_at, now),
        "question": QUESTION if shown.status is Status.ASSESSED else QUESTION_WITHOUT,
        "films": [_film_link(stored, one, shown) for one in stored.instances],
        "reviews": [views.review_view(review) for review in stored.reviews],
        "timeline": [views.timeline_view(entry) for entry in stored.timeline],
        **_claim_values(stored, claim, reader),
    }
    return view, film_view(shown, package, reader)


def film_view(stored: StoredInstance, package: ModelPackage, reader: User) -> FilmView:
    """Lay out one radiograph; what `package` says of itself is told only of its own assessments."""
    base = f"{PREFIX}/instances/{stored.new.id}"
    described, assessment = stored.new.description, stored.assessment
    is_assessed = assessment is not None and assessment.status is Status.ASSESSED
    is_of_package = is_assessed and assessment is not None and assessment.package_sha256 == package.sha256
    may_replay = stored.status is Status.FAILED and reader.role in {Role.DOCTOR, Role.ADMINISTRATOR}
    return FilmView(
        has_pixels=described.has_pixels,
        image=f"{base}/image.png",
        original=f"{base}/original",
        rows=described.rows,
        columns=described.columns,
        heat=f"{base}/heatmap.png?overlay=true" if assessment and assessment.activation_map else None,
        status=stored.status,
        band=assessment.band if assessment else None,
        reason=_sentence(assessment.reason) if assessment else None,
        scale=views.scale_of(assessment.probability, assessment.rule_out_threshold, assessment.rule_in_threshold)
        if assessment
        else None,
        limits=views.limit_lines(package, assessment) if assessment and is_assessed else [],
        model=views.model_words(assessment) if assessment and assessment.package_name else None,
        intended_use=_sentence(package.manifest.intended_use.statement) if is_of_package else None,
        replay_url=f"/instances/{stored.new.id}/replay" if may_replay else None,
        facts=views.facts_of(stored),
    )


def _deciding(stored: StoredStudy) -> StoredInstance:
    return min(stored.instances, key=lambda one: (one.assessment.priority if one.assessment else Priority.URGENT).rank)


def _film_link(stored: StoredStudy, one: StoredInstance, shown: StoredInstance) -> Mapping[str, object]:
    return {
        "url": f"/studies/{stored.id}?instance={one.new.id}",
        "thumbnail": f"{PREFIX}/instances/{one.new.id}/thumbnail.jpeg",
        "is_shown": one is shown,
    }


def _claim_values(stored: StoredStudy, claim: Claim | None, reader: User) -> dict[str, object]:
    is_mine = claim is not None and claim.reviewer == reader.name
    until = claim.until.astimezone().strftime("%H:%M") if claim else ""
    taken_by = f"{claim.reviewer} has this study open until {until}." if claim and not is_mine else None
    return {
        "taken_by": taken_by,
        "claim_line": f"Yours until {until}." if is_mine else None,
        "release_url": f"/studies/{stored.id}/release" if is_mine else None,
        "claim_url": f"/studies/{stored.id}/claim" if claim is None and not stored.reviews else None,
        "may_claim": not stored.reviews and (claim is None or is_mine),
    }


def _sentence(text: str | None) -> str | None:
    if not text:
        return None
    return f"{text[0].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"
