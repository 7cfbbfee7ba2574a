"""Health for orchestrators, metrics for Prometheus.

`/health/live` says that this process answers, `/health/ready` (and `/health`) that it can work; both anonymous, because
probes carry no key, and both bare: which part is down is told only to people and machines that logged in.

`/metrics` carries counts, never an identity, but says how busy a hospital is: it is given to Prometheus on the same
machine (a direct connection from the loopback address), to a site's key, and to administrators.
"""

import ipaddress
from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from lingula.doors.http.door import ADoor, Door
from lingula.doors.http.problems import LoginNeeded
from lingula.doors.http.shapes import HealthShape
from lingula.records.accounts import Role
from lingula.wiring import Part

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

router = APIRouter(tags=["health"])


@router.get("/health/live", summary="Does this process answer?")
async def live() -> HealthShape:
    """Answer."""
    return HealthShape(status="live")


@router.get("/health/ready", responses={503: {"model": HealthShape}}, summary="Can it work?")
@router.get("/health", responses={503: {"model": HealthShape}}, summary="Can it work?")
def ready(request: Request, response: Response, door: ADoor) -> HealthShape:
    """Ask store, queue, records and workers whether they answer."""
    health = door.system.health.report()
    if not health.is_ready:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    status: Literal["ready", "not ready"] = "ready" if health.is_ready else "not ready"
    if not _may_know(request, door):
        return HealthShape(status=status)
    parts = {part.name: part.reason or "ok" for part in health.parts}
    return HealthShape(status=status, parts=parts, package=_package(door))


@router.get("/metrics", response_class=Response, summary="Counts for Prometheus")
def metrics(request: Request, door: ADoor) -> Response:
    """Give the metrics in Prometheus' text format."""
    if not _is_neighbour(request):
        caller = door.gate.caller(request, is_refresh=True)
        if caller.user is not None:
            caller.must_be(Role.ADMINISTRATOR)
    return Response(door.system.metrics.render(), media_type=METRICS_TYPE)


def _package(door: Door) -> str | None:
    """Give the package that assesses; a process that only receives has nothing to do with it."""
    return None if door.system.parts == {Part.RECEIVE} else door.system.package.label


def _may_know(request: Request, door: Door) -> bool:
    if _is_neighbour(request):
        return True
    try:
        door.gate.caller(request, is_refresh=True)
    except LoginNeeded:
        return False
    return True


def _is_neighbour(request: Request) -> bool:
    """Tell whether the request comes from this machine itself and not through a proxy on it."""
    if request.client is None or "x-forwarded-for" in request.headers or "forwarded" in request.headers:
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
