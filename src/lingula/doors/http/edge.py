"""The outermost layer of the HTTP door: which hosts, how large, with which headers, and the last word on errors.

One plain ASGI layer around everything, because each layer costs every request. It is the only place of this door that
catches everything: what nobody foresaw is logged with its trace and answered as a problem with an event id.

References
----------
OWASP ASVS 4.0 V14.4 (headers) and V14.5 (Host); OWASP Secure Headers Project.
"""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lingula.doors.http.problems import (
    Problem,
    Refused,
    note_problem,
    problem_of_refusal,
    unexpected_problem,
)

SMALL_BODY_BYTES = 64 * 1024  # everything but an upload is a short form or a short JSON object
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),  # nothing leaves; with no-referrer browsers would hide a form's Origin too
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
Respond = Callable[[Request, Problem], Response]
"""Writes a problem as a page or as JSON, as the request wants it."""

_AS_IT_IS = "identity"  # RFC 9110 8.4.1
_DIGITS = 20  # of a Content-Length; more would only cost the time to read them
_ONLY_TLS = (b"strict-transport-security", b"max-age=31536000")
_NOT_KEPT = (b"cache-control", b"no-store")


@dataclass(frozen=True, kw_only=True)
class Hosts:
    """Which Host headers are ours: numbers always, names only if they are known.

    A page elsewhere can make its own name point at this machine (DNS rebinding), but never a number.
    """

    names: frozenset[str]

    @classmethod
    def of(cls, http_host: str, public_url: str | None) -> "Hosts":
        """Give the hosts that follow from the settings."""
        public = urlsplit(public_url or "").hostname
        return cls(names=frozenset({"localhost", http_host.lower(), *([public] if public else [])}))

    def has(self, host: str) -> bool:
        """Tell whether a Host header names this server.

        >>> Hosts.of("127.0.0.1", "https://lingula.example").has("evil.example:8000")
        False
        >>> Hosts.of("127.0.0.1", "https://lingula.example").has("[::1]:8000")
        True
        """
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return name in self.names or _is_number(name)


class Edge:
    """Wraps the application; see the module."""

    def __init__(
        self, app: ASGIApp, *, hosts: Hosts, is_https: bool, is_large: Callable[[str], bool], respond: Respond
    ) -> None:
        self._app = app
        self._respond = respond
        self._hosts = hosts
        self._headers = (*HEADERS, *((_ONLY_TLS,) if is_https else ()))
        self._is_large = is_large

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal is_started
            if message["type"] == "http.response.start":
                is_started = True
                message["headers"] = [*message["headers"], *self._missing(message["headers"])]
            await send(message)

        request = Request(scope)
        try:
            self._check(request)
            bounded = receive if self._is_large(scope["path"]) else _bounded(receive)
            await self._app(scope, bounded, send_with_headers)
        except Refused as refused:
            await self._answer(request, problem_of_refusal(refused), refused, (receive, send_with_headers))
        except Exception as error:
            if is_started:
                raise  # half an answer is out; the server closes the connection and logs the trace
            await self._answer(request, unexpected_problem(), error, (receive, send_with_headers))

    def _check(self, request: Request) -> None:
        # A browser misled to this host cannot add a key of its own, so machines may use any name that leads here.
        if "authorization" not in request.headers and not self._hosts.has(request.headers.get("host", "")):
            raise Refused(
                HTTPStatus.MISDIRECTED_REQUEST,
                "Wrong host name",
                "this name is not one of Lingula's; set LINGULA_PUBLIC_URL to the address people use",
            )
        if request.headers.get("content-encoding", _AS_IT_IS).lower() != _AS_IT_IS:
            detail = "send the body as it is, without Content-Encoding; radiographs hardly become smaller"
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Compressed body", detail)
        said = request.headers.get("content-length", "0")
        if not (said.isascii() and said.isdigit()):
            raise Refused(HTTPStatus.BAD_REQUEST, "Bad request", "Content-Length is no number")
        if not self._is_large(request.scope["path"]) and (len(said) > _DIGITS or int(said) > SMALL_BODY_BYTES):
            raise _too_large()

    def _missing(self, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        present = {name.lower() for name, _ in headers}
        return [*self._headers, *(() if b"cache-control" in present else (_NOT_KEPT,))]

    async def _answer(self, request: Request, problem: Problem, error: Exception, way: tuple[Receive, Send]) -> None:
        note_problem(request, problem, error)
        await self._respond(request, problem)(request.scope, *way)


def _bounded(receive: Receive) -> Receive:
    size_bytes = 0

    async def receive_at_most() -> Message:
        nonlocal size_bytes
        message = await receive()
        size_bytes += len(message.get("body", b""))
        if size_bytes > SMALL_BODY_BYTES:
            raise _too_large()
        return message

    return receive_at_most


def _too_large() -> Refused:
    detail = f"at most {SMALL_BODY_BYTES} bytes are accepted here; radiographs go to POST /api/v1/instances"
    return Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Too large", detail)


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
