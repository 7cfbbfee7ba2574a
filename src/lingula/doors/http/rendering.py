"""Templates into pages: one environment, everything escaped, undefined names are errors."""

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from lingula import __version__
from lingula.doors.http.problems import Problem
from lingula.doors.http.security import Caller

FOLDER = Path(__file__).parent

_environment = Environment(
    loader=FileSystemLoader(FOLDER / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page_response(
    template: str, values: Mapping[str, object], *, is_demo: bool, status: HTTPStatus = HTTPStatus.OK
) -> HTMLResponse:
    """Fill a template."""
    common = {"version": __version__, "is_demo": is_demo, "here": None}
    return HTMLResponse(_environment.get_template(template).render({**common, **values}), status)


def person_values(caller: Caller) -> dict[str, object]:
    """Give what every page with a header needs of who is logged in."""
    return {
        "user": caller.user,
        "csrf_token": caller.session.csrf_token if caller.session else "",
    }


def problem_page(problem: Problem, *, is_demo: bool) -> HTMLResponse:
    """Show an error to a person."""
    response = page_response("problem.html", {"problem": problem}, is_demo=is_demo, status=problem.status)
    response.headers.update(problem.headers())
    return response


def wants_page(request: Request) -> bool:
    """Tell whether a person's browser asks for a page, not a program for data."""
    is_data = request.url.path.startswith(("/api/", "/predict", "/health", "/metrics", "/static/"))
    return not is_data and "text/html" in request.headers.get("accept", "")
