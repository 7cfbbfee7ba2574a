"""What PostgreSQL refuses, in words for whoever has to mend it.

References
----------
https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

import ssl

from pg8000.dbapi import IntegrityError
from pg8000.exceptions import DatabaseError
from sqlalchemy.exc import DBAPIError

from lingula.errors import BackendUnavailable, SettingsError
from lingula.records.postgres_address import Address

COLLISIONS = frozenset({"40P01", "40001"})  # deadlock, cannot serialise: whoever tries again succeeds
_BUSY = frozenset({"55P03", "57014"}) | COLLISIONS  # a lock or a statement took too long
_MISTAKES = (
    "22",
    "25P",
    "42",
    "0A",
)  # a statement or a value is wrong: the program's mistake, trying again will not help

_SETTINGS = {
    "28P01": "refuses user {user!r} or the password; check the URL's user and password",
    "28000": "does not let user {user!r} in; check the server's pg_hba.conf and the URL's sslmode",
    "3D000": "is not there; make it with `createdb --owner={user} {database}`",
    "42501": "allows user {user!r} too little; let it own the database: `ALTER DATABASE {database} OWNER TO {user}`",
}
_UNAVAILABLE = {
    "53100": "has no disk space left; nothing was changed",
    "53300": "has no connection left; raise its max_connections, or lower `pool` in the URL",
    "57P03": "is starting or stopping",
    "25006": "may only be read: the server is a standby, or was told so; name the primary",
}


def translated(error: DBAPIError, address: Address) -> Exception:
    """Say what an error of a statement means; the program's own mistakes are given back as they are."""
    code = code_of(error.orig)
    if code not in _SETTINGS and code.startswith(_MISTAKES):
        return error
    if code in _BUSY:
        return BackendUnavailable(f"the database {address} is busy with others' work; nothing was changed, try again")
    return refusal(error.orig or error, address)


def refusal(error: BaseException, address: Address) -> Exception:
    """Say why there is no connection, or none any more."""
    code = code_of(error)
    if code in _SETTINGS:
        told = _SETTINGS[code].format(user=address.user, database=address.database)
        return SettingsError(f"LINGULA_RECORDS_URL: the database {address} {told}")
    if code in _UNAVAILABLE:
        return BackendUnavailable(f"the database {address} {_UNAVAILABLE[code]}")
    if is_untrusted(error):
        return SettingsError(
            f"LINGULA_RECORDS_URL: the certificate of {address.host} does not hold ({error}); name the file of who "
            "signed it by sslrootcert, or accept any with sslmode=require"
        )
    if "refuses SSL" in str(error):
        return SettingsError(
            f"LINGULA_RECORDS_URL: the server {address.host} does not encrypt; let it, or say sslmode=disable in a "
            "network nobody else is in"
        )
    return BackendUnavailable(f"the database {address} does not answer; check that the server runs and can be reached")


def code_of(error: BaseException | None) -> str:
    """Give the server's five characters for what went wrong; none if the error is not the server's."""
    told = error.args[0] if error is not None and error.args else None
    return str(told.get("C", "")) if isinstance(told, dict) else ""


def is_untrusted(error: BaseException) -> bool:
    """Tell whether the server's certificate does not hold."""
    return isinstance(error, ssl.SSLCertVerificationError)


def without_data(error: DatabaseError) -> DatabaseError:
    """Give a server's error again, without what it repeats of a row: values, and thus identities."""
    code = code_of(error)
    told = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    kept = {name: told[name] for name in "CMtcn" if name in told}
    if code.startswith("22"):  # its sentence quotes the value
        kept["M"] = "a value does not fit its column"
    return (IntegrityError if code.startswith("23") else DatabaseError)(kept)
