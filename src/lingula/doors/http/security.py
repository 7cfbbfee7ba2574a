"""Who is asking, and may they: keys of sites, sessions of people, forged requests refused.

A machine shows the key of its site; a person shows a session cookie. Every request behind this door has a `Caller`, and
what a caller may not see is answered as if it were not there. Requests of a browser that change something must come
from Lingula's own pages: the browser says so (Origin, Sec-Fetch-Site), and the page carries the session's own token.

References
----------
OWASP ASVS 4.0 V3 and V4; OWASP cheat sheets on session management and cross-site request forgery.
"""

import hmac
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.requests import Request

from lingula.doors.credentials import digest
from lingula.doors.http.problems import LoginNeeded, Refused
from lingula.errors import NotAllowed, NotFound
from lingula.radiology.identifiers import SiteName
from lingula.records.accounts import Accounts, Role, Session, Site, User

KEY_REMEMBERED = timedelta(seconds=15)  # a withdrawn API key works this much longer at most
TOUCH_EVERY = timedelta(seconds=30)  # a session's last use is written this often at most
_KEYS_AT_MOST = 1000
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER = "x-csrf-token"
REFRESH_HEADER = "x-lingula-refresh"  # sent by scripts that refresh a page nobody may be looking at


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who asks: a person with a session, or a site's machine with its key; `sites` None means all sites."""

    who: str  # as the access log writes it: a user name, or site:NAME
    sites: frozenset[SiteName] | None
    user: User | None = None
    session: Session | None = None

    @property
    def role(self) -> Role | None:
        """The person's role; None for a machine."""
        return self.user.role if self.user else None

    def may(self, least: Role) -> bool:
        """Tell whether the caller is a person with at least this role."""
        order = list(Role)
        return self.user is not None and order.index(self.user.role) >= order.index(least)

    @property
    def may_read(self) -> bool:
        """Whether pictures and assessments may be shown: to doctors, and to a site's own machines."""
        return self.user is None or self.may(Role.DOCTOR)

    def must_read(self) -> None:
        """Raise `NotAllowed` unless pictures and assessments may be shown."""
        if not self.may_read:
            raise NotAllowed(f"the role {self.role} sees arrivals, not pictures and assessments; ask an administrator")

    def must_be(self, least: Role) -> User:
        """Give the person; raises `NotAllowed` unless the caller is a person with at least this role."""
        if self.user is None:
            raise NotAllowed(f"this takes a person with the role {least}, not a site's key; log in")
        if not self.may(least):
            raise NotAllowed(f"this takes the role {least}, you have {self.role}; ask an administrator")
        return self.user

    def sees(self, site: SiteName) -> bool:
        """Tell whether a site's radiographs may be known to the caller at all."""
        return self.sites is None or site in self.sites


@dataclass(frozen=True, kw_only=True)
class Origins:
    """Which addresses are Lingula's own; `public_url` is the one from outside, when there is a proxy in front."""

    public_url: str | None

    @property
    def is_https(self) -> bool:
        """Whether browsers reach Lingula over TLS, so that cookies can insist on it."""
        return (self.public_url or "").startswith("https://")

    def are_own(self, request: Request) -> bool:
        """Tell whether a browser's request comes from one of Lingula's own pages."""
        fetch_site = request.headers.get("sec-fetch-site")
        if fetch_site is not None and fetch_site not in {"same-origin", "none"}:
            return False
        origin = request.headers.get("origin")
        if origin is None:
            return True  # the token still has to be right
        named = urlsplit(origin)
        return named.netloc != "" and named.netloc in {request.headers.get("host", ""), self._public_netloc()}

    def _public_netloc(self) -> str:
        return urlsplit(self.public_url or "").netloc or "\0"


class Gate:
    """Tells who asks, from an API key or a session cookie."""

    def __init__(
        self, accounts: Accounts, clock: Callable[[], datetime], origins: Origins, idle: timedelta, cookie: str
    ) -> None:
        self._accounts = accounts
        self._clock = clock
        self._origins = origins
        self._idle = idle
        self._cookie = cookie
        self._keys: OrderedDict[str, tuple[Site, datetime]] = OrderedDict()
        self._lock = threading.Lock()

    def remembered_site(self, key: str) -> Site | None:
        """Give the site of a key seen a moment ago, without asking the records; None if they must be asked."""
        found = self._keys.get(digest(key))
        return found[0] if found and self._clock() - found[1] < KEY_REMEMBERED else None

    def site_of_key(self, key: str) -> Site:
        """Give the site a key belongs to; raises `LoginNeeded` if there is none."""
        key_sha256 = digest(key)
        try:
            site = self._accounts.site_of_key(key_sha256)
        except NotFound as error:
            raise LoginNeeded("this API key is not known; `lingula sites` lists and renews keys") from error
        with self._lock:
            self._keys[key_sha256] = (site, self._clock())
            while len(self._keys) > _KEYS_AT_MOST:
                self._keys.popitem(last=False)
        return site

    def caller(self, request: Request, form_token: str | None = None, *, is_refresh: bool = False) -> Caller:
        """Tell who asks.

        Parameters
        ----------
        form_token
            The token field of a form; without it a request that changes something must carry it as a header.
        is_refresh
            Whether a page asks by itself; that does not keep a session alive.

        Raises
        ------
        LoginNeeded
            If there is neither a known key nor a living session.
        Refused
            403 if a browser's request that changes something was not made by one of Lingula's pages.
        """
        key = bearer_key(request)
        if key is not None:
            return machine(self.remembered_site(key) or self.site_of_key(key))
        caller = self._person(request, is_refresh or REFRESH_HEADER in request.headers)
        if request.method not in SAFE_METHODS:
            self.must_be_own_page(request)
            _must_fit(caller.session, form_token or request.headers.get(CSRF_HEADER, ""))
        return caller

    def must_be_own_page(self, request: Request) -> None:
        """Raise `Refused` (403) if the browser says that another site made the request."""
        if not self._origins.are_own(request):
            raise _forged("the request came from another site's page")

    def _person(self, request: Request, is_refresh: bool) -> Caller:  # noqa: FBT001  private, one caller
        token = request.cookies.get(self._cookie)
        if token is None:
            raise LoginNeeded("log in at /login, or send a site's key as 'Authorization: Bearer KEY'")
        now = self._clock()
        try:
            session = self._accounts.session(digest(token))
            user = self._accounts.user(session.user_name)
        except NotFound as error:
            raise LoginNeeded("the session has ended; log in again") from error
        if now >= session.expires_at or now - session.seen_at >= self._idle or not user.is_active:
            self._accounts.end_sessions(token_sha256=session.token_sha256)
            raise LoginNeeded("the session has ended; log in again")
        if now - session.seen_at >= TOUCH_EVERY and not is_refresh:
            self._accounts.touch_session(session.token_sha256, now)
        return Caller(who=user.name, sites=user.sites, user=user, session=session)


def bearer_key(request: Request) -> str | None:
    """Give the key of an ``Authorization: Bearer KEY`` header; raises `LoginNeeded` for any other scheme."""
    header = request.headers.get("authorization")
    if header is None:
        return None
    scheme, _, key = header.partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise LoginNeeded("Authorization must be 'Bearer KEY' with the key of a site")
    return key.strip()


def machine(site: Site) -> Caller:
    """Give the caller that a site's key stands for."""
    return Caller(who=f"site:{site.name}", sites=frozenset({site.name}))


def _must_fit(session: Session | None, token: str) -> None:
    if session is None or not hmac.compare_digest(session.csrf_token.encode(), token.encode()):
        raise _forged("the form's token (X-CSRF-Token) is missing or not the session's; load the page again")


def _forged(detail: str) -> Refused:
    return Refused(HTTPStatus.FORBIDDEN, "Not sent by a page of Lingula", detail)
