"""The HTTP door as one ASGI application: routes, errors in one place, the edge around it."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from http import HTTPStatus
from urllib.parse import urlencode

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

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


ANSWERED = (LingulaError, HTTPException, RequestValidationError)
"""Errors that are told to whoever asked; of others `Edge` says only that they happened."""

ShortWay = Callable[[Request], Awaitable[Response]]


class Application(FastAPI):
    """FastAPI with short ways past its layers.

    Its router and middleware take a third of a millisecond of Python's lock for each request, which is nothing for a
    page and a lot for the one route that is asked several hundred times a second. What goes a short way is registered
    as a route all the same: it stands in the description, and is answered alike. Both ways lead through an `Edge`.
    """

    short_edge: Edge
    short_ways: dict[tuple[str, str], ShortWay]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        is_short = scope["type"] == "http" and (scope["method"], scope["path"]) in self.short_ways
        await (self.short_edge if is_short else super().__call__)(scope, receive, send)

    async def go_straight(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request that the edge of the short ways let through."""
        scope["app"] = self
        response = await self.short_ways[scope["method"], scope["path"]](Request(scope, receive, send))
        await response(scope, receive, send)


def create_app(system: System) -> Application:
    """Build the application over a running system, which the caller starts and stops, and whose door it closes.

    Parameters
    ----------
    system
        As `lingula.wiring.build_system` gives it.
    """
    door = open_door(system)
    app = Application(
        title="Lingula",
        version=__version__,
        description=description.TEXT,
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
    answer = partial(_answer, respond)
    for kind in ANSWERED:
        app.add_exception_handler(kind, answer)
    edge = partial(
        Edge,
        hosts=Hosts.of(system.settings.http_host, system.settings.public_url),
        is_https=door.origins.is_https,
        is_large=is_large,
        respond=respond,
    )
    app.add_middleware(edge)
    app.short_edge = edge(app.go_straight)
    app.short_ways = _short_ways(answer) if Part.RECEIVE in system.parts else {}
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


async def _answer(respond: Respond, request: Request, error: Exception) -> Response:
    """Answer an error of `ANSWERED`: a page leads to the login, everything else is told as a problem."""
    if isinstance(error, LoginNeeded) and wants_page(request):
        goal = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?{urlencode({'next': goal})}", HTTPStatus.SEE_OTHER)
    problem = problem_of_any(error)
    note_problem(request, problem, error)
    response = respond(request, problem)
    response.headers.update(getattr(error, "headers", None) or {})  # the router's Allow, for a wrong method
    return response


def _short_ways(answer: Callable[[Request, Exception], Awaitable[Response]]) -> dict[tuple[str, str], ShortWay]:
    async def upload(request: Request) -> Response:
        try:
            return await uploads.upload(request)
        except ANSWERED as error:  # as behind the router
            return await answer(request, error)

    return {("POST", uploads.PATH): upload}
