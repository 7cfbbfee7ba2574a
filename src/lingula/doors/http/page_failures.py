"""The page for administrators: what could not be assessed, why, and trying it again."""

from http import HTTPStatus
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import HTMLResponse, RedirectResponse

from lingula.doors.http.api_failures import MOST_AT_ONCE
from lingula.doors.http.door import ACaller, ADoor
from lingula.doors.http.forms import AFormCaller
from lingula.doors.http.rendering import page_response, person_values
from lingula.doors.http.views import moment_words
from lingula.records.accounts import Role
from lingula.records.records import StoredInstance

PATH = "/failures"
SHOWN = 200

router = APIRouter(include_in_schema=False)


@router.get(PATH)
def failures_page(door: ADoor, caller: ACaller, done: int | None = None) -> HTMLResponse:
    """Show the newest failures with their reasons."""
    caller.must_be(Role.ADMINISTRATOR)
    values = {
        "rows": [_row(one) for one in door.system.records.parked(caller.sites, SHOWN)],
        "total": door.system.records.summary(caller.sites).parked,
        "done": done,
        **person_values(caller),
    }
    return page_response("failures.html", {**values, "here": "failures"}, is_demo=door.system.settings.demo)


@router.post(PATH + "/replay")
def replay_all(door: ADoor, caller: AFormCaller) -> RedirectResponse:
    """Try the failures of the caller's sites again, up to a thousand of them."""
    caller.must_be(Role.ADMINISTRATOR)
    count = door.system.upkeep.replay_parked(caller.sites, caller.who, MOST_AT_ONCE)
    door.access.note(caller, "replayed failures", "all sites" if caller.sites is None else "own sites")
    return RedirectResponse(f"{PATH}?{urlencode({'done': count})}", HTTPStatus.SEE_OTHER)


def _row(stored: StoredInstance) -> dict[str, object]:
    new = stored.new
    return {
        "id": new.id,
        "study_url": f"/studies/{new.study}?{urlencode({'instance': new.id})}",
        "replay_url": f"/instances/{new.id}/replay",
        "reason": (stored.assessment.reason if stored.assessment else None) or "no reason was recorded",
        "site": new.site,
        "door": new.door,
        "attempts": stored.attempts,
        "iso": new.received_at.isoformat(),
        "arrived": moment_words(new.received_at),
    }
