"""The API for parked failures: what could not be assessed, why, and trying all of it again."""

from collections.abc import Collection
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query

from lingula.doors.http.api_sites import managed
from lingula.doors.http.door import ACaller, ADoor, Door
from lingula.doors.http.security import Caller
from lingula.doors.http.shapes import PREFIX
from lingula.doors.http.shapes_admin import FailureShape, FailuresShape, ReplayedShape
from lingula.radiology.identifiers import SiteName
from lingula.records.accounts import Role

MOST_AT_ONCE = 1000

router = APIRouter(prefix=f"{PREFIX}/failures", tags=["failures"])

ASite = Annotated[str | None, Query(max_length=100, description="Only of this hospital.")]


@router.get("", summary="What could not be assessed")
def failures(
    door: ADoor,
    caller: ACaller,
    site: ASite = None,
    at_most: Annotated[int, Query(ge=1, le=MOST_AT_ONCE, description="How many, the newest first.")] = 100,
) -> FailuresShape:
    """Give what failed after its last attempt, newest first, with the reason."""
    caller.must_be(Role.ADMINISTRATOR)
    sites = sites_of(door, caller, site)
    found = door.system.records.parked(sites, at_most)
    return FailuresShape(
        total=door.system.records.summary(sites).parked, failures=[FailureShape.of(one) for one in found]
    )


@router.post("/replay", status_code=HTTPStatus.ACCEPTED, summary="Try what could not be assessed again")
def replay_failures(door: ADoor, caller: ACaller, site: ASite = None) -> ReplayedShape:
    """Set up to a thousand failed instances back to `received`, the newest first; ask again while some are left."""
    caller.must_be(Role.ADMINISTRATOR)
    sites = sites_of(door, caller, site)
    replayed = door.system.upkeep.replay_parked(sites, caller.who, MOST_AT_ONCE)
    door.access.note(caller, "replayed failures", site or "all sites")
    return ReplayedShape(replayed=replayed, left=door.system.records.summary(sites).parked)


def sites_of(door: Door, caller: Caller, site: str | None) -> Collection[SiteName] | None:
    """Give the sites asked for, of those the caller manages; None means all.

    Raises
    ------
    NotFound
        If there is no such site, or it is another's: an empty list would look as if nothing had failed there.
    """
    return caller.sites if site is None else {managed(door, caller, site).name}
