"""Locks that a transaction holds until its end, where a database lets several write at once.

SQLite needs none: there is one writer. In PostgreSQL they are advisory locks: numbers that belong to nobody's rows, so
that neither vacuum nor a backup ever waits for them.

References
----------
https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
"""

from enum import IntEnum

from sqlalchemy import Connection, Function, func, select

_NAMESPACE = 0x4C69  # "Li": the first of the two numbers PostgreSQL keys these locks by


class Lock(IntEnum):
    """What is locked; the numbers are for ever, since an older release may hold one."""

    SCHEMA = 1  # making and migrating the tables
    BINDINGS = 2  # a title or key belongs to one site, be it its first or another
    TIMELINE = 3  # shared by whoever adds, alone by whoever follows


def take(connection: Connection, lock: Lock, *, is_shared: bool = False) -> None:
    """Wait until no other transaction holds the lock, or only others that share it, and hold it until the end."""
    if connection.dialect.name == "postgresql":
        taken: Function[None] = (func.pg_advisory_xact_lock_shared if is_shared else func.pg_advisory_xact_lock)(
            _NAMESPACE, lock.value
        )
        connection.execute(select(taken))
