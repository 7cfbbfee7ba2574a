"""Accounts in any database SQLAlchemy speaks to; `lingula.records.accounts.Accounts` says what each method promises."""

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, RowMapping, bindparam, delete, select, update
from sqlalchemy.exc import IntegrityError

from lingula.errors import Conflict, NotFound
from lingula.radiology.identifiers import SiteName
from lingula.records import sql_sites
from lingula.records.account_tables import accesses, sessions, users
from lingula.records.accounts import Access, Binding, BindingKind, Role, Session, Site, User
from lingula.records.transactions import Transactions, Work

_ADD_ACCESS = accesses.insert().inline()
_SESSION = select(sessions).where(sessions.c.token_sha256 == bindparam("token_sha256"))
_USER = select(users).where(users.c.name == bindparam("name"))


class SqlAccounts:
    """Users, sessions, sites and the access log, in tables."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def add_user(self, user: User) -> None:
        """Add a user."""
        try:
            self._transactions.write(lambda connection: connection.execute(users.insert(), _values_of_user(user)))
        except IntegrityError as error:
            raise Conflict(f"there is already a user {user.name!r}; choose another name") from error

    def replace_user(self, user: User) -> None:
        """Change a user."""
        changed = self._transactions.write(
            lambda connection: (
                connection.execute(
                    update(users).where(users.c.name == user.name).values(_values_of_user(user))
                ).rowcount
            )
        )
        if not changed:
            raise _no_user(user.name)

    def user(self, name: str) -> User:
        """Give a user."""
        row = self._transactions.read(
            lambda connection: connection.execute(_USER, {"name": name}).mappings().one_or_none()
        )
        if row is None:
            raise _no_user(name)
        return _user(row)

    def users(self) -> Sequence[User]:
        """Give all users by name."""
        rows = self._transactions.read(lambda connection: connection.execute(select(users)).mappings().all())
        return sorted((_user(row) for row in rows), key=lambda user: user.name)  # alike whatever a database's language

    def add_session(self, session: Session) -> None:
        """Remember a session; raises `NotFound` if there is no such user."""
        try:
            self._transactions.write(
                lambda connection: connection.execute(sessions.insert(), _values_of_session(session))
            )
        except IntegrityError as error:
            raise _no_user(session.user_name) from error

    def session(self, token_sha256: str) -> Session:
        """Give a session, expired or not."""
        row = self._transactions.read(
            lambda connection: connection.execute(_SESSION, {"token_sha256": token_sha256}).mappings().one_or_none()
        )
        if row is None:
            raise NotFound("there is no such session; log in again")
        return _session(row)

    def touch_session(self, token_sha256: str, seen_at: datetime) -> None:
        """Note that a session was used."""
        self._transactions.write(
            lambda connection: connection.execute(
                update(sessions).where(sessions.c.token_sha256 == token_sha256).values(seen_at=seen_at)
            )
        )

    def end_sessions(self, *, token_sha256: str | None = None, user_name: str | None = None) -> None:
        """End one session, or all of a user's; without either nothing ends."""
        self._transactions.write(lambda connection: _end_sessions(connection, token_sha256, user_name))

    def add_site(self, site: Site) -> None:
        """Add a site."""
        self._change_sites(site, lambda connection: sql_sites.add_site(connection, site))

    def replace_site(self, site: Site) -> None:
        """Change a site's first AE title or key."""
        self._change_sites(site, lambda connection: sql_sites.replace_site(connection, site))

    def _change_sites(self, site: Site, work: Work[None]) -> None:
        try:
            self._transactions.write(work)
        except IntegrityError as error:
            raise sql_sites.taken(site) from error

    def sites(self) -> Sequence[Site]:
        """Give all sites by name."""
        return self._transactions.read(sql_sites.all_sites)

    def site_of_key(self, api_key_sha256: str) -> Site:
        """Give the site a key belongs to."""
        return self._transactions.read(lambda connection: sql_sites.site_of_key(connection, api_key_sha256))

    def bindings(self, kind: BindingKind | None = None) -> Sequence[Binding]:
        """Give what is bound to sites."""
        return self._transactions.read(lambda connection: sql_sites.all_bindings(connection, kind))

    def add_binding(self, binding: Binding) -> None:
        """Bind one more value to a site."""
        self._transactions.write(lambda connection: sql_sites.add_binding(connection, binding))

    def remove_binding(self, kind: BindingKind, value: str) -> None:
        """Let a value belong to no site."""
        self._transactions.write(lambda connection: sql_sites.remove_binding(connection, kind, value))

    def site_of(self, kind: BindingKind, value: str) -> SiteName:
        """Give the site a value is bound to."""
        return self._transactions.read(lambda connection: sql_sites.site_of(connection, kind, value))

    def add_access(self, access: Access) -> None:
        """Add a line to the access log."""
        self._transactions.write(lambda connection: connection.execute(_ADD_ACCESS, _values_of_access(access)))

    def accesses(self, at_most: int) -> Sequence[Access]:
        """Give the newest lines of the access log."""
        newest = select(accesses).order_by(accesses.c.number.desc()).limit(at_most)
        rows = self._transactions.read(lambda connection: connection.execute(newest).mappings().all())
        return [_access(row) for row in rows]


def _end_sessions(connection: Connection, token_sha256: str | None, user_name: str | None) -> None:
    if token_sha256 is not None:
        connection.execute(delete(sessions).where(sessions.c.token_sha256 == token_sha256))
    if user_name is not None:
        connection.execute(delete(sessions).where(sessions.c.user_name == user_name))


def _no_user(name: str) -> NotFound:
    return NotFound(f"there is no user {name!r}; `lingula users list` shows those there are")


def _values_of_user(user: User) -> dict[str, object]:
    return {
        "name": user.name,
        "display_name": user.display_name,
        "role": user.role.value,
        "password_hash": user.password_hash,
        "sites": None if user.sites is None else json.dumps(sorted(user.sites)),
        "is_active": user.is_active,
    }


def _user(row: RowMapping) -> User:
    return User(
        name=row["name"],
        display_name=row["display_name"],
        role=Role(row["role"]),
        password_hash=row["password_hash"],
        sites=None if row["sites"] is None else frozenset(SiteName(name) for name in json.loads(row["sites"])),
        is_active=bool(row["is_active"]),
    )


def _values_of_session(session: Session) -> dict[str, object]:
    return {
        "token_sha256": session.token_sha256,
        "user_name": session.user_name,
        "csrf_token": session.csrf_token,
        "created_at": session.created_at,
        "seen_at": session.seen_at,
        "expires_at": session.expires_at,
    }


def _session(row: RowMapping) -> Session:
    return Session(
        token_sha256=row["token_sha256"],
        user_name=row["user_name"],
        csrf_token=row["csrf_token"],
        created_at=row["created_at"],
        seen_at=row["seen_at"],
        expires_at=row["expires_at"],
    )


def _values_of_access(access: Access) -> dict[str, object]:
    return {"at": access.at, "who": access.who, "action": access.action, "resource": access.resource}


def _access(row: RowMapping) -> Access:
    return Access(at=row["at"], who=row["who"], action=row["action"], resource=row["resource"])
