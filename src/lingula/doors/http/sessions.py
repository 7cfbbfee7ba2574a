"""Logging in and out: a password becomes a session, a session becomes a cookie.

A login always starts a new session with a new secret and ends the one the browser had, so nobody can plant one. The
cookie is unreadable for scripts, never sent by other sites' forms, and over TLS bound to this host.

References
----------
OWASP ASVS 4.0 V2.2, V3.2 to V3.4; RFC 6265bis on SameSite and the ``__Host-`` prefix.
"""

import logging
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

from starlette.responses import Response

from lingula.doors.credentials import digest, is_password, new_secret
from lingula.doors.http.problems import Refused
from lingula.doors.http.throttle import Throttle
from lingula.errors import NotFound
from lingula.records.accounts import Access, Accounts, Session, User

logger = logging.getLogger(__name__)

LONGEST_NAME = 100  # characters; what the throttle remembers must stay small


def cookie_name(*, is_https: bool) -> str:
    """Give the session cookie's name; over TLS the prefix makes browsers bind it to this host."""
    return "__Host-lingula" if is_https else "lingula"


@dataclass(frozen=True, kw_only=True)
class Login:
    """What a person typed, and where from."""

    name: str
    password: str
    address: str
    old_token: str | None = None


class WrongLogin(Refused):
    """Name and password do not belong together; it is never said which of the two was wrong."""

    def __init__(self) -> None:
        super().__init__(
            HTTPStatus.UNAUTHORIZED, "Not logged in", "Name and password do not fit together. Please try again."
        )


class Sessions:
    """Starts and ends the sessions of people with local accounts."""

    def __init__(self, accounts: Accounts, clock: Callable[[], datetime], lasts: timedelta, throttle: Throttle) -> None:
        self._accounts = accounts
        self._clock = clock
        self._lasts = lasts
        self._throttle = throttle

    def start(self, login: Login) -> str:
        """Give the secret of a new session.

        Raises
        ------
        WrongLogin
            If name and password do not fit together, or the account is not active.
        Refused
            429 with the wait, if there were too many failures before.
        """
        now = self._clock()
        name = unicodedata.normalize("NFKC", login.name).strip()[:LONGEST_NAME]
        wait_seconds = self._throttle.wait_seconds(name, login.address, now)
        if wait_seconds > 0:
            raise Refused(
                HTTPStatus.TOO_MANY_REQUESTS,
                "Too many tries",
                f"There were too many failed logins. Please wait {wait_seconds:.0f} seconds and try again.",
                retry_after_seconds=wait_seconds,
            )
        self._throttle.note_try(name, login.address, now)
        user = self._user(name)
        is_right = is_password(user.password_hash if user else None, login.password)
        if user is None or not is_right or not user.is_active:
            # The name is not logged: people type passwords into the wrong field.
            logger.warning("login failed", extra={"action": "login_failed", "address": login.address})
            raise WrongLogin
        self._throttle.note_success(name, login.address)
        return self._begin(user, login.old_token, now)

    def end(self, token: str, who: str) -> None:
        """End the session of a secret."""
        self._accounts.end_sessions(token_sha256=digest(token))
        self._accounts.add_access(Access(at=self._clock(), who=who, action="logout", resource="session"))

    def _begin(self, user: User, old_token: str | None, now: datetime) -> str:
        if old_token:
            self._accounts.end_sessions(token_sha256=digest(old_token))
        token = new_secret()
        self._accounts.add_session(
            Session(
                token_sha256=digest(token),
                user_name=user.name,
                csrf_token=new_secret(),
                created_at=now,
                seen_at=now,
                expires_at=now + self._lasts,
            )
        )
        self._accounts.add_access(Access(at=now, who=user.name, action="login", resource="session"))
        return token

    def _user(self, name: str) -> User | None:
        try:
            return self._accounts.user(name)
        except NotFound:
            return None


def set_cookie(response: Response, name: str, value: str, *, is_https: bool) -> None:
    """Put a secret into the browser for as long as it stays open."""
    response.set_cookie(name, value, path="/", httponly=True, samesite="lax", secure=is_https)


def forget_cookie(response: Response, name: str, *, is_https: bool) -> None:
    """Take a cookie out of the browser."""
    response.delete_cookie(name, path="/", httponly=True, samesite="lax", secure=is_https)
