"""Who may come in: users, their sessions, sites with their keys, and who looked at what.

Nothing here can be used to get in: passwords are argon2 hashes, sessions and API keys are kept as SHA-256 digests of
random secrets. Every method raises `BackendUnavailable` if the place does not answer.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from lingula.errors import NotFound
from lingula.radiology.identifiers import SiteName

_MOST_NAMED = 20  # sites in one message


class Role(StrEnum):
    """What a person may do; each role may do what the ones before it may."""

    TECHNICIAN = "technician"  # send radiographs, see that they arrived
    DOCTOR = "doctor"  # see the worklist and pictures, claim, review
    ADMINISTRATOR = "administrator"  # manage users, sites and packages


@dataclass(frozen=True, kw_only=True)
class User:
    """A person with a local account; `sites` None means all sites."""

    name: str
    display_name: str
    role: Role
    password_hash: str
    sites: frozenset[SiteName] | None = None
    is_active: bool = True


@dataclass(frozen=True, kw_only=True)
class Session:
    """A logged-in browser; `token_sha256` is the digest of the cookie's secret."""

    token_sha256: str
    user_name: str
    csrf_token: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class Site:
    """A hospital with its first AE title and key; an empty one was removed. `Binding` holds what it has besides."""

    name: SiteName
    ae_title: str
    api_key_sha256: str


class BindingKind(StrEnum):
    """How a door tells which site sends."""

    AE_TITLE = "ae_title"  # of the sending DICOM application
    API_KEY = "api_key"  # SHA-256 digest of the key, hexadecimal
    BUCKET = "bucket"  # s3://bucket/prefix; the longest that fits wins
    FOLDER = "folder"  # absolute path


@dataclass(frozen=True, kw_only=True)
class Binding:
    """What comes in under this value belongs to the site; `lingula.records.bindings` checks values people write."""

    kind: BindingKind
    value: str
    site: SiteName


@dataclass(frozen=True, kw_only=True)
class Access:
    """Somebody looked at or changed something; `who` is a user name or ``site:NAME``."""

    at: datetime
    who: str
    action: str
    resource: str  # a Lingula id, never an identity


def no_such_site(name: str, known: Iterable[str]) -> NotFound:
    """Give the error that a name is no site's, with the names there are.

    >>> print(no_such_site("nroth", ["south", "north"]))
    there is no site 'nroth'; there are north, south
    """
    names = sorted(known)
    if not names:
        return NotFound(f"there is no site {name!r}, nor any other; `lingula sites add NAME` adds one")
    more = f" and {len(names) - _MOST_NAMED} more (`lingula sites list`)" if len(names) > _MOST_NAMED else ""
    return NotFound(f"there is no site {name!r}; there are {', '.join(names[:_MOST_NAMED])}{more}")


class Accounts(Protocol):
    """Users, sessions, sites and the access log."""

    def add_user(self, user: User) -> None:
        """Add a user; raises `Conflict` if the name is taken."""

    def replace_user(self, user: User) -> None:
        """Change a user's display name, role, sites, activity or password hash; raises `NotFound`."""

    def user(self, name: str) -> User:
        """Give a user; raises `NotFound`."""

    def users(self) -> Sequence[User]:
        """Give all users by name."""

    def add_session(self, session: Session) -> None:
        """Remember a session."""

    def session(self, token_sha256: str) -> Session:
        """Give a session, expired or not; raises `NotFound`."""

    def touch_session(self, token_sha256: str, seen_at: datetime) -> None:
        """Note that a session was used."""

    def end_sessions(self, *, token_sha256: str | None = None, user_name: str | None = None) -> None:
        """End one session, or all of a user's."""

    def add_site(self, site: Site) -> None:
        """Add a site; raises `Conflict` if its name, AE title or key is taken."""

    def replace_site(self, site: Site) -> None:
        """Change a site's first AE title or key, an empty one for none; raises `NotFound` or `Conflict`."""

    def sites(self) -> Sequence[Site]:
        """Give all sites by name."""

    def site_of_key(self, api_key_sha256: str) -> Site:
        """Give the site a key belongs to, its first or another; raises `NotFound`."""

    def bindings(self, kind: BindingKind | None = None) -> Sequence[Binding]:
        """Give what is bound to sites, their first AE titles and keys included, by kind and value."""

    def add_binding(self, binding: Binding) -> None:
        """Bind one more value to a site; raises `Conflict` if it is bound, `NotFound` if there is no such site."""

    def remove_binding(self, kind: BindingKind, value: str) -> None:
        """Let a value belong to no site, be it a site's first; raises `NotFound` if it is not bound."""

    def site_of(self, kind: BindingKind, value: str) -> SiteName:
        """Give the site that exactly this value is bound to; raises `NotFound`."""

    def add_access(self, access: Access) -> None:
        """Add a line to the access log; the log only grows."""

    def accesses(self, at_most: int) -> Sequence[Access]:
        """Give the newest lines of the access log, newest first."""
