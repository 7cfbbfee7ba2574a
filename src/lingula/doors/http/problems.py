"""Errors as the HTTP door says them: one table from error type to status, and RFC 9457 problem JSON.

Every answer that is not a success carries the same six members, so a client needs one way of reading errors. The event
id is what a person can quote and an engineer can find in the log; the log has the trace, the answer never does.

References
----------
RFC 9457, Problem Details for HTTP APIs; RFC 9110 on Retry-After and status codes.
"""

import json
import logging
import math
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from lingula.errors import (
    BackendUnavailable,
    Conflict,
    LingulaError,
    NotAccepted,
    NotAllowed,
    NotDicom,
    NotEligible,
    NotFound,
    PackageDamaged,
    PackageError,
    PackageTooNew,
    SettingsError,
    TrainingError,
    UnreadablePixels,
)

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Row:
    """What one kind of error becomes: status, title for people, and whether its message may be shown."""

    status: HTTPStatus
    title: str
    is_shown: bool = True  # False: the message is for engineers and stays in the log


TABLE: Mapping[type[LingulaError], Row] = {
    LingulaError: Row(HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong in Lingula", is_shown=False),
    NotAccepted: Row(HTTPStatus.UNPROCESSABLE_ENTITY, "The radiograph was not accepted"),
    NotDicom: Row(HTTPStatus.UNPROCESSABLE_ENTITY, "This is no format Lingula reads"),
    UnreadablePixels: Row(HTTPStatus.UNPROCESSABLE_ENTITY, "The picture cannot be read"),
    # What is received but not eligible is kept and answered 201; this row is for a question that cannot be answered.
    NotEligible: Row(HTTPStatus.UNPROCESSABLE_ENTITY, "Outside what is assessed"),
    PackageError: Row(HTTPStatus.INTERNAL_SERVER_ERROR, "The model package cannot be used", is_shown=False),
    PackageDamaged: Row(HTTPStatus.INTERNAL_SERVER_ERROR, "The model package is damaged", is_shown=False),
    PackageTooNew: Row(HTTPStatus.INTERNAL_SERVER_ERROR, "The model package is too new", is_shown=False),
    TrainingError: Row(HTTPStatus.INTERNAL_SERVER_ERROR, "Training cannot go on", is_shown=False),
    NotFound: Row(HTTPStatus.NOT_FOUND, "Nothing is known under this address"),
    Conflict: Row(HTTPStatus.CONFLICT, "Somebody else was first"),
    NotAllowed: Row(HTTPStatus.FORBIDDEN, "You may not do this"),
    BackendUnavailable: Row(HTTPStatus.SERVICE_UNAVAILABLE, "Lingula cannot keep this now; please try again"),
    SettingsError: Row(HTTPStatus.INTERNAL_SERVER_ERROR, "A setting is wrong", is_shown=False),
}


class Refused(HTTPException):
    """A request this door turns away itself, before anything behind it is asked.

    It is an `HTTPException` because FastAPI lets only those through while it reads a body.
    """

    def __init__(
        self, status: HTTPStatus, title: str, detail: str, *, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(status, detail)
        self.status = status
        self.title = title
        self.retry_after_seconds = retry_after_seconds


class LoginNeeded(Refused):
    """Nobody is logged in and no valid key came along; pages lead to the login, machines get 401."""

    def __init__(self, detail: str) -> None:
        super().__init__(HTTPStatus.UNAUTHORIZED, "Please log in", detail)


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One answer that is not a success, ready to be written as JSON or as a page."""

    status: HTTPStatus
    title: str
    detail: str
    kind: str  # the last part of the type URI, documented in docs/reference/errors.md
    event_id: str = field(default_factory=lambda: secrets.token_hex(8))
    retry_after_seconds: float | None = None
    errors: tuple[Mapping[str, str], ...] = ()

    def headers(self) -> dict[str, str]:
        """Give the headers that belong to the status."""
        headers = {"cache-control": "no-store"}
        if self.retry_after_seconds is not None:
            headers["retry-after"] = str(max(1, math.ceil(self.retry_after_seconds)))
        if self.status == HTTPStatus.UNAUTHORIZED:
            headers["www-authenticate"] = 'Bearer realm="lingula"'
        return headers

    def body(self, instance: str) -> bytes:
        """Give the problem JSON for the request path `instance`."""
        members: dict[str, object] = {
            "type": f"urn:lingula:problem:{self.kind}",
            "title": self.title,
            "status": int(self.status),
            "detail": self.detail,
            "instance": instance,
            "event_id": self.event_id,
        }
        if self.errors:
            members["errors"] = [dict(error) for error in self.errors]
        return json.dumps(members, ensure_ascii=False).encode()


def problem_of_any(error: Exception) -> Problem:
    """Say any error this application answers itself."""
    match error:
        case LingulaError():
            return problem_of(error)
        case Refused():
            return problem_of_refusal(error)
        case HTTPException():
            return problem_of_status(error.status_code)
        case RequestValidationError():
            return problem_of_body(error)
        case _:
            return unexpected_problem()


def problem_of(error: LingulaError) -> Problem:
    """Look the error up in the table; a type without a row of its own takes its nearest ancestor's."""
    row = next(TABLE[ancestor] for ancestor in type(error).__mro__ if ancestor in TABLE)
    return Problem(
        status=row.status,
        title=row.title,
        detail=str(error) if row.is_shown else "The event id leads an engineer to the cause in the log.",
        kind=_kind(type(error).__name__),
        retry_after_seconds=error.retry_after_seconds if isinstance(error, BackendUnavailable) else None,
    )


def problem_of_refusal(error: Refused) -> Problem:
    """Say what this door turned away itself."""
    return Problem(
        status=error.status,
        title=error.title,
        detail=error.detail,
        kind="login-needed" if isinstance(error, LoginNeeded) else _kind_of_status(error.status),
        retry_after_seconds=error.retry_after_seconds,
    )


_WORDS = {  # for people, where the standard library speaks of URIs and resources
    HTTPStatus.NOT_FOUND: "there is nothing under this address; check its spelling, or begin at the worklist",
    HTTPStatus.METHOD_NOT_ALLOWED: "this address takes other methods; the header Allow names them",
}


def problem_of_status(status: int, detail: str | None = None) -> Problem:
    """Say a plain HTTP status, as the router raises it for an unknown path or method."""
    known = HTTPStatus(status)
    said = detail or _WORDS.get(known, known.description)
    return Problem(status=known, title=known.phrase, detail=said, kind=_kind_of_status(known))


def problem_of_body(error: RequestValidationError) -> Problem:
    """Say which fields of a request do not hold; the values sent are not repeated, they may identify somebody."""
    errors = tuple(
        {"field": ".".join(str(part) for part in one["loc"][1:]) or "body", "message": str(one["msg"])}
        for one in error.errors()
    )
    first = errors[0]
    return Problem(
        status=HTTPStatus.UNPROCESSABLE_ENTITY,
        title="The request does not hold",
        detail=f"{first['field']}: {first['message']}",
        kind="request",
        errors=errors,
    )


def unexpected_problem() -> Problem:
    """Say that something nobody foresaw has happened."""
    return Problem(
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
        title="Something went wrong in Lingula",
        detail="Nothing was lost that had been acknowledged. The event id leads an engineer to the cause in the log.",
        kind="unexpected",
    )


def note_problem(request: Request, problem: Problem, error: Exception) -> None:
    """Write one log line that the event id leads to, with the trace when the fault is ours."""
    is_ours = problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    logger.log(
        logging.ERROR if is_ours else logging.INFO,
        "request refused",
        exc_info=error if is_ours else None,
        extra={
            "action": "request_refused",
            "trace_id": problem.event_id,
            "method": request.method,
            "status": int(problem.status),
            "error": problem.kind,
        },
    )


def problem_response(request: Request, problem: Problem) -> Response:
    """Write a problem as JSON."""
    return Response(
        problem.body(request.url.path), int(problem.status), headers=problem.headers(), media_type=MEDIA_TYPE
    )


def _kind(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


def _kind_of_status(status: HTTPStatus) -> str:
    return status.name.lower().replace("_", "-")
