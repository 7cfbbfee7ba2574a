"""The HTTP door as one ASGI application: routes, errors in one place, the edge around it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from urllib.parse import urlencode

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from lingula import __version__
from lingula.doors.http import (
    api_bucket,
    api_events,
    api_failures,
    api_health,
    api_inference,
    api_instances,
    api_simple,
    api_sites,
    api_stow,
    api_studies,
    description,
    page_failures,
    page_login,
    page_send,
    pages,
    uploads,
)
from lingula.doors.http.door import open_door
from lingula.doors.http.edge import Edge, Hosts, Respond
from lingula.doors.http.problems import LoginNeeded, Problem, note_problem, problem_of_any, problem_response
from lingula.doors.http.rendering import FOLDER, problem_page, wants_page
from lingula.errors import LingulaError
from lingula.wiring import ALL, Part, System

ROUTERS: Sequence[tuple[APIRouter, frozenset[Part]]] = (
    (uploads.router, frozenset({Part.RECEIVE})),
    (api_simple.router, frozenset({Part.RECEIVE})),
    (api_stow.router, frozenset({Part.RECEIVE})),
    (api_bucket.router, frozenset({Part.RECEIVE})),
    (api_instances.router, frozenset({Part.RECEIVE, Part.WEB})),  # whoever sends asks here what became of it
    (api_inference.router, frozenset({Part.WORK})),
    (api_studies.router, frozenset({Part.WEB})),
    (api_events.router, frozenset({Part.WEB})),
    (api_failures.router, frozenset({Part.WEB})),
    (api_sites.router, frozenset({Part.WEB})),
    (page_login.router, frozenset({Part.WEB})),
    (page_send.router, frozenset({Part.WEB})),
    (page_failures.router, frozenset({Part.WEB})),
    (pages.router, frozenset({Part.WEB})),
    (api_health.router, ALL),
)
"""Which routes are served by processes of which part; earlier ones win."""

LARGE_PATHS = frozenset({uploads.PATH, "/predict", page_send.PATH, api_bucket.PATH})


def create_app(system: System) -> FastAPI:
    """Build the application over a running system, which the caller starts and stops.

    Parameters
    ----------
    system
        As `lingula.wiring.build_system` gives it.
    """
    door = open_door(system)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        door.close()

    app = FastAPI(
        title="Lingula",
        version=__version__,
        description=description.TEXT,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        responses=description.RESPONSES,
    )
    app.state.door = door
    for router, parts in ROUTERS:
        if parts & system.parts:
            app.include_router(router)
    if Part.WEB in system.parts:
        app.mount("/static", _Static(directory=FOLDER / "static"), name="static")
    description.describe(app)
    respond = partial(_respond, is_demo=system.settings.demo)
    _answer_errors(app, respond)
    app.add_middleware(
        Edge,
        hosts=Hosts.of(system.settings.http_host, system.settings.public_url),
        is_https=door.origins.is_https,
        is_large=is_large,
        respond=respond,
    )
    return app


def is_large(path: str) -> bool:
    """Tell whether a path takes radiographs; everything else is small."""
    return path in LARGE_PATHS or api_stow.is_large(path) or api_inference.is_large(path)


class _Static(StaticFiles):
    """The pages' own files; they carry nothing of anybody, so browsers may keep them a while."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = "public, max-age=300"
        return response


def _respond(request: Request, problem: Problem, *, is_demo: bool) -> Response:
    if api_inference.speaks(request.url.path):
        return api_inference.error_response(problem)
    return problem_page(problem, is_demo=is_demo) if wants_page(request) else problem_response(request, problem)


def _answer_errors(app: FastAPI, respond: Respond) -> None:
    async def answer(request: Request, error: Exception) -> Response:
        if isinstance(error, LoginNeeded) and wants_page(request):
            goal = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"/login?{urlencode({'next': goal})}", HTTPStatus.SEE_OTHER)
        problem = problem_of_any(error)
        note_problem(request, problem, error)
        response = respond(request, problem)
        response.headers.update(getattr(error, "headers", None) or {})  # the router's Allow, for a wrong method
        return response

    for kind in (LingulaError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, answer)
