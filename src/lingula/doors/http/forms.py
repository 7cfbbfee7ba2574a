"""What the pages' own forms send: few short fields, and the token that proves which page they come from."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends
from starlette.requests import Request

from lingula.doors.http.door import ADoor
from lingula.doors.http.problems import Refused
from lingula.doors.http.security import Caller

MOST_FIELDS = 20
TOKEN_FIELD = "csrf_token"  # noqa: S105  the field's name


async def form_of(request: Request) -> Mapping[str, str]:
    """Read a form; `Refused` (400 or 415) if it is none."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Not a form", "this address takes the page's own form only")
    try:
        text = (await request.body()).decode()
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict"))
    except ValueError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, "The form is damaged", "load the page and send it again") from error


AForm = Annotated[Mapping[str, str], Depends(form_of)]


def form_caller_of(request: Request, door: ADoor, form: AForm) -> Caller:
    """Tell who sent a form, and that it is a form of this session."""
    return door.gate.caller(request, form.get(TOKEN_FIELD, ""))


AFormCaller = Annotated[Caller, Depends(form_caller_of)]


def local_path(path: str) -> str:
    """Give a path of this server to go on to, or the worklist if it leads anywhere else.

    >>> local_path("/studies/s1?instance=i1"), local_path("//evil.example"), local_path("https://evil.example")
    ('/studies/s1?instance=i1', '/', '/')
    """
    is_local = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and "\\" not in path
    return path if is_local else "/"
