"""How work becomes a transaction in PostgreSQL, where several programs write at once.

Reading work sees one picture (REPEATABLE READ). Writing work runs in READ COMMITTED, where each statement sees what
others have committed until then: together with the locks that the `sql_*` modules take before they look, nothing is
decided on what has changed since. `docs/decisions/0022` says why not SERIALIZABLE. Everything peculiar to PostgreSQL
stands in the `postgres*` files and in `locks`.

References
----------
https://www.postgresql.org/docs/current/transaction-iso.html
"""

import random
import time
from collections.abc import Callable

from pg8000.exceptions import Error as DriverError
from sqlalchemy import Connection, Engine, NullPool, QueuePool, create_engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnectionLeft

from lingula.errors import BackendUnavailable, SettingsError
from lingula.records.locks import Lock, take
from lingula.records.postgres_address import Address
from lingula.records.postgres_driver import PreparingConnection, connect
from lingula.records.postgres_errors import COLLISIONS, code_of, refusal, translated
from lingula.records.schema import bring_up_to_date
from lingula.records.transactions import Result, Work

_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_WRITING = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
_WAIT_SECONDS = 10.0  # for a free connection, and for another's lock
_STATEMENT_SECONDS = 30.0
_MIGRATION_SECONDS = 3_600.0  # building an index over millions of rows takes minutes
_KEPT_CONNECTIONS = 4
_ATTEMPTS = 6
_PAUSE_SECONDS = 0.01  # before the second attempt; doubled each time, and scattered


class PostgresTransactions:
    """A pool of connections, each transaction on one of them.

    Connections that broke are replaced at the next use: what had not reached its commit is run again on a fresh one,
    so that a server that was restarted in between is not even noticed.
    """

    def __init__(
        self, address: Address, *, wait_seconds: float = _WAIT_SECONDS, statement_seconds: float = _STATEMENT_SECONDS
    ) -> None:
        self._address = address
        self._is_closed = False
        self._engine = _engine(address, wait_seconds, statement_seconds)
        self._bring_up_to_date()

    def read(self, work: Work[Result]) -> Result:
        """Run work that only reads, on one picture of the database."""
        return self._run(self._engine, _READING, work)

    def write(self, work: Work[Result]) -> Result:
        """Run work whole or not at all; run again after a collision with another's."""
        return self._run(self._engine, _WRITING, work)

    def close(self) -> None:
        """Let go of the connections; those in use are closed when their work is done."""
        self._is_closed = True
        self._engine.dispose()

    def _bring_up_to_date(self) -> None:
        """Make or migrate the tables, one program at a time, on a connection that may take long."""

        def prepare(connection: Connection) -> None:
            _refuse_unfit(connection, self._address)
            take(connection, Lock.SCHEMA)
            bring_up_to_date(connection, f"the database {self._address}")

        engine = _engine_of_one(self._address)
        try:
            self._run(engine, _WRITING, prepare)
        finally:
            engine.dispose()

    def _run(self, engine: Engine, begin: str, work: Work[Result]) -> Result:
        for attempt in range(1, _ATTEMPTS + 1):
            if self._is_closed:
                raise BackendUnavailable("the records are closed; start Lingula again")
            transaction = _Transaction(engine, begin)
            try:
                return transaction.run(work)
            except SQLAlchemyError as error:
                if attempt == _ATTEMPTS or not transaction.may_be_repeated(error, attempt):
                    raise self._translated(error) from error
                time.sleep(_PAUSE_SECONDS * 2**attempt * random.uniform(0.5, 1.0))  # noqa: S311  # no secret
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _translated(self, error: SQLAlchemyError) -> Exception:
        if isinstance(error, NoConnectionLeft):
            return BackendUnavailable(f"too many ask the database {self._address} at once; try again")
        if isinstance(error, IntegrityError) or not isinstance(error, DBAPIError):
            return error  # a collision for the caller to name, or a mistake in the program
        return translated(error, self._address)


class _Transaction:
    """One attempt at running work as a transaction."""

    def __init__(self, engine: Engine, begin: str) -> None:
        self._engine = engine
        self._begin = begin
        self._is_committing = False

    def run(self, work: Work[Result]) -> Result:
        with self._engine.connect() as connection, connection.begin():
            _driver_of(connection).begin(self._begin, is_reading=self._begin == _READING)
            result = work(connection)
            self._is_committing = True
        return result

    def may_be_repeated(self, error: SQLAlchemyError, attempt: int) -> bool:
        """Tell whether it certainly changed nothing and may go better now: on a new connection, after a collision."""
        if not isinstance(error, DBAPIError):
            return False
        if error.connection_invalidated:
            return attempt == 1 and not self._is_committing  # what became of a commit without an answer nobody knows
        return code_of(error.orig) in COLLISIONS


def _driver_of(connection: Connection) -> PreparingConnection:
    driver = connection.connection.driver_connection
    if not isinstance(driver, PreparingConnection):
        raise TypeError(f"a connection of {type(driver).__name__} begins no transaction here")
    return driver


def _engine(address: Address, wait_seconds: float, statement_seconds: float) -> Engine:
    kept = min(_KEPT_CONNECTIONS, address.connections)
    return create_engine(
        "postgresql+pg8000://",
        creator=_connector(address, wait_seconds, statement_seconds),
        hide_parameters=True,
        poolclass=QueuePool,
        pool_size=kept,
        max_overflow=address.connections - kept,
        pool_timeout=wait_seconds,
        pool_use_lifo=True,
    )


def _engine_of_one(address: Address) -> Engine:
    creator = _connector(address, _MIGRATION_SECONDS, _MIGRATION_SECONDS)
    return create_engine("postgresql+pg8000://", creator=creator, hide_parameters=True, poolclass=NullPool)


def _connector(address: Address, lock_seconds: float, statement_seconds: float) -> Callable[[], PreparingConnection]:
    settings = {
        "statement_timeout": f"{statement_seconds * 1000:.0f}",
        "lock_timeout": f"{lock_seconds * 1000:.0f}",
        "idle_in_transaction_session_timeout": f"{2 * statement_seconds * 1000:.0f}",  # a program that hangs lets go
        "timezone": "UTC",
        "datestyle": "ISO",
    }

    def make() -> PreparingConnection:
        try:
            return connect(address, answer_seconds=statement_seconds + lock_seconds, settings=settings)
        except (DriverError, OSError) as error:
            raise refusal(error, address) from error

    return make


def _refuse_unfit(connection: Connection, address: Address) -> None:
    """Refuse a database that cannot hold what arrives, or that forgets what it acknowledged."""
    encoding, flushing = connection.execute(
        text("SELECT current_setting('server_encoding'), current_setting('synchronous_commit')")
    ).one()
    if encoding != "UTF8":
        raise SettingsError(
            f"LINGULA_RECORDS_URL: the database {address} is encoded in {encoding}; make one with `createdb "
            "--encoding=UTF8 --template=template0`"
        )
    if flushing == "off":
        raise SettingsError(
            f"LINGULA_RECORDS_URL: the database {address} acknowledges before it has written (synchronous_commit = "
            "off), so that radiographs could be lost; set it to on"
        )
