"""Locks that a transaction holds until its end, where a database lets several write at once.

SQLite needs none: there is one writer. In PostgreSQL they are advisory locks: numbers that belong to nobody's rows, so
that neither vacuum nor a backup ever waits for them.

References
----------
https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
"""

from enum import IntEnum

from sqlalchemy import Connection, text

_NAMESPACE = 0x4C69  # "Li": the first of the two numbers PostgreSQL keys these locks by
_TAKE = text("SELECT pg_advisory_xact_lock(:of, :which)")


class Lock(IntEnum):
    """What is locked; the numbers are for ever, since an older release may hold one."""

    SCHEMA = 1  # making and migrating the tables
    BINDINGS = 2  # a title or key belongs to one site, be it its first or another
    TIMELINE = 3  # its numbers become visible in their order


def take(connection: Connection, lock: Lock) -> None:
    """Wait until no other transaction holds the lock, and hold it until this one ends."""
    if has_many_writers(connection):
        connection.execute(_TAKE, {"of": _NAMESPACE, "which": lock.value})


def has_many_writers(connection: Connection) -> bool:
    """Tell whether others may write in the middle of this transaction."""
    return connection.dialect.name == "postgresql"
