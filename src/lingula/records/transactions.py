"""How work on the records becomes a transaction.

A place (SQLite, PostgreSQL) gives two functions: one runs reading work on one consistent picture, the other runs
writing work whole or not at all and returns when it is durable. The statements themselves know nothing of either.
"""

from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection

Result = TypeVar("Result")
Work = Callable[[Connection], Result]


class Transactions(Protocol):
    """Runs work as transactions; every method raises `BackendUnavailable` if the place does not answer."""

    def read(self, work: Work[Result]) -> Result:
        """Run work that only reads, on one consistent picture of the database."""
        ...

    def write(self, work: Work[Result]) -> Result:
        """Run work as one transaction, alone; when this returns it is durable, when it raises nothing was changed.

        The work may be run again after a collision, so it must have no effect outside its connection.
        """
        ...

    def close(self) -> None:
        """Let go of connections and files."""
        ...
