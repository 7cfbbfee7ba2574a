"""Where a PostgreSQL database is and how safely it is spoken to, read from a URL.

The words are those of libpq, so that a URL that works with `psql` works here. One default differs: to another machine
nothing goes unencrypted, or to a server whose certificate does not hold, unless the URL says so.

References
----------
https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING, libpq-ssl.html
"""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qsl, unquote, urlsplit

from lingula.errors import SettingsError

_PORT = 5432
_CONNECTIONS = 16  # at most, of each process
_FORM = "postgresql://user:password@host:5432/database?sslmode=verify-full"
_QUERY = ("host", "pool", "sslmode", "sslrootcert")
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


class SslMode(StrEnum):
    """How a connection is protected."""

    DISABLE = "disable"  # not at all
    REQUIRE = "require"  # encrypted, whoever the server is
    VERIFY_CA = "verify-ca"  # by a server with a trusted certificate, whatever name it bears
    VERIFY_FULL = "verify-full"  # by the server of that name


@dataclass(frozen=True, kw_only=True)
class Address:
    """One database; `str` names it without the password."""

    user: str
    password: str | None
    host: str
    port: int
    database: str
    socket_folder: str | None
    sslmode: SslMode
    sslrootcert: str | None
    connections: int

    def __str__(self) -> str:
        return f"{self.database!r} at {self.socket_folder or self.host}:{self.port}"

    def __repr__(self) -> str:
        return f"Address({self})"

    def tls(self) -> ssl.SSLContext | None:
        """Give what a connection is encrypted with, None for nothing; raises `SettingsError` for a useless file."""
        if self.sslmode is SslMode.DISABLE or self.socket_folder is not None:
            return None
        try:
            context = ssl.create_default_context(cafile=self.sslrootcert)
        except OSError as error:
            raise SettingsError(
                f"LINGULA_RECORDS_URL: sslrootcert {self.sslrootcert!r} is no file of certificates: {error}"
            ) from error
        context.check_hostname = self.sslmode is SslMode.VERIFY_FULL
        if self.sslmode is SslMode.REQUIRE:
            context.verify_mode = ssl.CERT_NONE
        return context


def address_of(url: str) -> Address:
    """Read ``postgresql://user:password@host:port/database?sslmode=&sslrootcert=&pool=&host=``.

    `pool` is how many connections a process keeps at most; `host` may be the folder of a socket on this machine.

    Raises
    ------
    SettingsError
        If the URL is of another form; the message repeats nothing of it but what is wrong.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or _PORT
        asked = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError as error:
        raise SettingsError(
            f"LINGULA_RECORDS_URL is not of the form {_FORM}; mind that a password's '@', '/', '?', '#' "
            "and '%' are written as %40, %2F, %3F, %23 and %25"
        ) from error
    if unknown := sorted(set(asked) - set(_QUERY)):
        raise SettingsError(f"LINGULA_RECORDS_URL: nothing is known of {unknown[0]!r}; there are {', '.join(_QUERY)}")
    host = asked.get("host") or parts.hostname or "localhost"
    database = unquote(parts.path.removeprefix("/"))
    if not database or "/" in database or not parts.username or parts.fragment:
        raise SettingsError(f"LINGULA_RECORDS_URL names no user or no database; its form is {_FORM}")
    return Address(
        user=unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
        host=host,
        port=port,
        database=database,
        socket_folder=host if host.startswith("/") else None,
        sslmode=_sslmode(asked, host),
        sslrootcert=asked.get("sslrootcert") or None,
        connections=_connections(asked),
    )


def _sslmode(asked: Mapping[str, str], host: str) -> SslMode:
    if "sslmode" not in asked:
        return SslMode.DISABLE if host in _THIS_MACHINE else SslMode.VERIFY_FULL
    try:
        return SslMode(asked["sslmode"])
    except ValueError as error:
        known = ", ".join(SslMode)
        raise SettingsError(f"LINGULA_RECORDS_URL: there is no sslmode {asked['sslmode']!r}; it is {known}") from error


def _connections(asked: Mapping[str, str]) -> int:
    number = asked.get("pool", str(_CONNECTIONS))
    if not re.fullmatch(r"[1-9][0-9]{0,2}", number):
        raise SettingsError(f"LINGULA_RECORDS_URL: pool={number!r} is no number of connections from 1 to 999")
    return int(number)
