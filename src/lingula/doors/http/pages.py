"""The pages for people: the worklist, a study, verdicts.

Server-rendered, so that the list works without script. The only module of this door that may reveal who a patient is,
and only to a person who is logged in and sees the patient's site.
"""

from dataclasses import replace
from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from pydantic import ValidationError
from starlette.responses import HTMLResponse, RedirectResponse

from lingula.doors.http import page_worklist, views
from lingula.doors.http.api_studies import PAGE_SIZE, filter_of
from lingula.doors.http.door import ACaller, ADoor, Door
from lingula.doors.http.forms import AForm, AFormCaller, local_path
from lingula.doors.http.page_study import study_view
from lingula.doors.http.problems import Refused
from lingula.doors.http.rendering import page_response, person_values
from lingula.doors.http.security import Caller
from lingula.doors.http.shapes_study import ReviewBody, StudiesQuery
from lingula.doors.http.views import PatientView
from lingula.errors import NotAllowed
from lingula.radiology.identifiers import InstanceId, StudyId
from lingula.radiology.study import Instance
from lingula.records.accounts import Role, User
from lingula.records.records import WorklistRow

SEE_OTHER = HTTPStatus.SEE_OTHER

router = APIRouter(include_in_schema=False)


@router.get("/")
def worklist_page(door: ADoor, caller: ACaller, query: Annotated[StudiesQuery, Query()]) -> HTMLResponse:
    """Show the worklist."""
    _person(caller)
    found = door.system.worklist.page(filter_of(caller, query))
    summary = door.system.worklist.summary(caller.sites)
    door.access.note_look(caller, "looked at the worklist", "worklist")
    values = {
        "rows": [_row(door, caller, row) for row in found.rows],
        "pages": page_worklist.pages_of(query, found.total, PAGE_SIZE),
        "model_line": page_worklist.model_line(door.system.package.manifest),
        **page_worklist.summary_values(summary, query, door.system.clock()),
        **page_worklist.choice_values(query, _site_names(door, caller)),
        **person_values(caller),
    }
    return page_response("worklist.html", {**values, "here": "worklist"}, is_demo=door.system.settings.demo)


@router.get("/studies/{study}")
def study_page(
    door: ADoor,
    caller: ACaller,
    study: str,
    instance: Annotated[str | None, Query(max_length=40)] = None,
    done: Annotated[str | None, Query(max_length=20)] = None,
) -> HTMLResponse:
    """Show one study: the radiograph, what the model says, the form for the verdict."""
    doctor = _person(caller)
    caller.must_read()
    worklist = door.system.worklist
    stored = worklist.study(StudyId(study), caller.sites)
    door.access.note_look(caller, "looked at study", stored.id)
    view, film = study_view(
        stored,
        chosen=instance,
        reader=doctor,
        package=door.system.package,
        now=door.system.clock(),
    )
    next_study = worklist.next_after(stored.id, caller.sites)
    values = {
        "study": {
            **view,
            "patient": patient_view(stored.id, stored.instances[0].new.description),
            "next_url": f"/studies/{next_study}" if next_study else None,
            "message": MESSAGES.get(done or ""),
        },
        "film": film,
        **person_values(caller),
    }
    return page_response("study.html", values, is_demo=door.system.settings.demo)


MESSAGES = {
    "verdict": "Your verdict is saved.",
    "replay": "The radiograph will be assessed again.",
}


@router.post("/studies/{study}/reviews")
def send_review(door: ADoor, caller: AFormCaller, study: str, form: AForm) -> RedirectResponse:
    """Record the verdict of the page's form."""
    doctor = caller.must_be(Role.DOCTOR)
    try:
        body = ReviewBody.model_validate({name: form.get(name) for name in ("verdict", "finding", "note")})
    except ValidationError as error:
        detail = "choose agree, disagree or unsure; a finding has at most 200 characters, a note 2000"
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "The verdict is not complete", detail) from error
    door.system.reviews.review(StudyId(study), doctor, body.verdict, body.finding, body.note)
    door.access.note(caller, "reviewed study", study)
    return RedirectResponse(f"/studies/{study}?done=verdict", SEE_OTHER)


@router.post("/studies/{study}/claim")
def send_claim(door: ADoor, caller: AFormCaller, study: str) -> RedirectResponse:
    """Claim a study from the page."""
    door.system.reviews.claim(StudyId(study), caller.must_be(Role.DOCTOR))
    return RedirectResponse(f"/studies/{study}", SEE_OTHER)


@router.post("/studies/{study}/release")
def send_release(door: ADoor, caller: AFormCaller, study: str) -> RedirectResponse:
    """Let a study go from the page."""
    doctor = caller.must_be(Role.DOCTOR)
    door.system.worklist.study(StudyId(study), caller.sites)
    door.system.reviews.release(StudyId(study), doctor)
    return RedirectResponse("/", SEE_OTHER)


@router.post("/instances/{instance}/replay")
def send_replay(door: ADoor, caller: AFormCaller, instance: str, form: AForm) -> RedirectResponse:
    """Try a failed instance again from the page."""
    caller.must_be(Role.DOCTOR)
    found = door.system.worklist.instance(InstanceId(instance), caller.sites)
    door.system.upkeep.replay(found.new.id, caller.who)
    door.access.note(caller, "replayed instance", found.new.id)
    return RedirectResponse(
        local_path(form.get("next", f"/studies/{found.new.study}?{urlencode({'done': 'replay'})}")), SEE_OTHER
    )


def patient_view(study: StudyId, described: Instance) -> PatientView:
    """Say who it is, as far as the file does; else name the study, so that rows can be told apart."""
    name = described.patient_name.reveal() if described.patient_name else ""
    patient_id = described.patient_id.reveal() if described.patient_id else ""
    parts = [part.strip() for part in name.split("^") if part.strip()]
    known = [patient_id or ("" if parts else "no name in the file"), views.age_and_sex(described)]
    return PatientView(
        name=", ".join(parts[:2]) or f"Study {study[: views.SHORT_ID]}",
        line=" · ".join(part for part in known if part),
    )


def _row(door: Door, caller: Caller, row: WorklistRow) -> views.RowView:
    view = views.row_of(
        row,
        patient_view(row.study, row.description),
        door.system.worklist.why(row),
        door.system.clock(),
        caller.who,
    )
    if caller.may_read:
        return view
    return replace(view, url=None, thumbnail=None, band=None, scale=None, why="")


def _site_names(door: Door, caller: Caller) -> list[str]:
    if caller.sites is not None:
        return sorted(caller.sites)
    return [site.name for site in door.system.accounts.sites()]


def _person(caller: Caller) -> User:
    if caller.user is None:
        raise NotAllowed("pages are for people; a site's key opens the API under /api/v1")
    return caller.user
