"""The login page: the only page, beside an error's, that is shown to somebody unknown.

The form carries a random token that is also in a short-lived cookie, so that no other site can log a browser in under
an account of its choice.

References
----------
OWASP Cross-Site Request Forgery Prevention Cheat Sheet, on login forms.
"""

import hmac
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from lingula.doors.credentials import new_secret
from lingula.doors.http.door import ADoor, Door
from lingula.doors.http.forms import TOKEN_FIELD, AForm, AFormCaller, local_path
from lingula.doors.http.problems import Refused
from lingula.doors.http.rendering import page_response
from lingula.doors.http.sessions import Login, WrongLogin, forget_cookie, set_cookie

FORM_COOKIE = "lingula-login"
FORM_SECONDS = 60 * 60

router = APIRouter(include_in_schema=False)


@router.get("/login")
def login_page(
    door: ADoor,
    next: Annotated[str, Query(max_length=500)] = "/",  # noqa: A002  the parameter's usual name
    bye: Annotated[str | None, Query(max_length=5)] = None,
) -> Response:
    """Show the form."""
    return _form(door, local_path(next), note="You are logged out." if bye else None)


@router.post("/login")
def log_in(request: Request, door: ADoor, form: AForm) -> Response:
    """Start a session and go on to where the person wanted to be."""
    goal = local_path(form.get("next", "/"))
    door.gate.must_be_own_page(request)
    known = request.cookies.get(FORM_COOKIE, "")
    if not known or not hmac.compare_digest(known.encode(), form.get(TOKEN_FIELD, "").encode()):
        return _form(door, goal, message="This form had become old. Please try again.", status=HTTPStatus.FORBIDDEN)
    login = Login(
        name=form.get("name", ""),
        password=form.get("password", ""),
        address=request.client.host if request.client else "unknown",
        old_token=request.cookies.get(door.cookie),
    )
    try:
        token = door.sessions.start(login)
    except (WrongLogin, Refused) as refused:
        response = _form(door, goal, message=refused.detail, status=refused.status)
        if refused.retry_after_seconds is not None:
            response.headers["retry-after"] = f"{refused.retry_after_seconds:.0f}"
        return response
    response = RedirectResponse(goal, HTTPStatus.SEE_OTHER)
    set_cookie(response, door.cookie, token, is_https=door.origins.is_https)
    response.delete_cookie(FORM_COOKIE, path="/login")
    return response


@router.post("/logout")
def log_out(request: Request, door: ADoor, caller: AFormCaller) -> Response:
    """End the session."""
    door.sessions.end(request.cookies.get(door.cookie, ""), caller.who)
    response = RedirectResponse("/login?bye=1", HTTPStatus.SEE_OTHER)
    forget_cookie(response, door.cookie, is_https=door.origins.is_https)
    response.headers["clear-site-data"] = '"cache", "storage"'
    return response


def _form(
    door: Door, goal: str, *, message: str | None = None, note: str | None = None, status: HTTPStatus = HTTPStatus.OK
) -> Response:
    token = new_secret()
    values = {"message": message, "note": note, "next": goal, "csrf_token": token}
    response = page_response("login.html", values, is_demo=door.system.settings.demo, status=status)
    response.set_cookie(
        FORM_COOKIE,
        token,
        max_age=FORM_SECONDS,
        path="/login",
        httponly=True,
        samesite="strict",
        secure=door.origins.is_https,
    )
    return response
