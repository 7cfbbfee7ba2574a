"""Records in one SQLite file, the embedded default, or in memory.

Write-ahead log with a full flush at each commit: what was acknowledged survives kill -9 and a power cut, and readers
never wait for the writer. Everything peculiar to SQLite stands in this file.

References
----------
https://sqlite.org/wal.html, https://sqlite.org/stricttables.html, https://sqlite.org/security.html
"""

import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sqlalchemy import Connection, Engine, NullPool, QueuePool, StaticPool, create_engine, event
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnectionLeft

from lingula.errors import BackendUnavailable, SettingsError
from lingula.records.group_commit import GroupCommit
from lingula.records.records import RecordsPlace
from lingula.records.schema import bring_up_to_date
from lingula.records.sql_accounts import SqlAccounts
from lingula.records.sql_moves import SqlMoves
from lingula.records.sql_records import SqlRecords
from lingula.records.sql_shadows import SqlShadows
from lingula.records.transactions import Result, Work

_BUSY_SECONDS = 10.0  # how long another process, for example `lingula users add`, may hold the file
_RETRY_SECONDS = 0.005
_KEPT_READERS = 4
_MOST_READERS = 16  # each has a cache; whoever comes beyond waits a moment
_PRAGMAS = (
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA trusted_schema = OFF",  # a file from elsewhere cannot make us run its functions
    "PRAGMA cell_size_check = ON",
    "PRAGMA cache_size = -4000",  # KiB
    "PRAGMA wal_autocheckpoint = 4000",  # pages; the hot ones are written back once for more commits than with 1,000
)


def open_sqlite(url: str) -> RecordsPlace:
    """Open ``sqlite:///absolute/path`` or ``memory://``.

    Raises
    ------
    SettingsError
        If the URL is of another form, or the file is no database, another program's, or a newer Lingula's.
    BackendUnavailable
        If the file cannot be opened or is damaged.
    """
    transactions = SqliteTransactions(_path(url))
    return RecordsPlace(
        records=SqlRecords(transactions),
        accounts=SqlAccounts(transactions),
        shadows=SqlShadows(transactions),
        moves=SqlMoves(transactions),
    )


def _path(url: str) -> Path | None:
    parts = urlsplit(url)
    if parts.scheme == "memory":
        return None
    path = Path("/" + unquote(parts.path).lstrip("/"))  # three slashes or four, always absolute
    if parts.netloc or path == Path("/") or parts.query or parts.fragment:
        raise SettingsError(f"LINGULA_RECORDS_URL: {url!r} is not of the form sqlite:///absolute/path")
    return path


class SqliteTransactions:
    """One writing connection committed in groups, and reading connections beside it.

    In memory there is one connection for both: another one would see another database.
    """

    def __init__(self, path: Path | None, *, busy_seconds: float = _BUSY_SECONDS) -> None:
        self._place = "the database in memory" if path is None else str(path)
        self._is_closed = False
        writing = _engine(path, StaticPool if path is None else NullPool, "BEGIN IMMEDIATE", busy_seconds)
        self._engines = [writing]
        self._writer = GroupCommit(writing, self._translated)
        self._reading: Engine | None = None
        try:
            _make_private(path)
            self._writer.write(lambda connection: bring_up_to_date(connection, self._place))
        except OSError as error:
            raise BackendUnavailable(f"the records in {self._place} cannot be opened: {error.strerror}") from error
        if path is not None:
            self._reading = _engine(path, QueuePool, "BEGIN", busy_seconds)
            self._engines.append(self._reading)

    def read(self, work: Work[Result]) -> Result:
        """Run work on a picture of the database that the writer cannot change."""
        if self._reading is None:
            return self._writer.write(work)
        if self._is_closed:
            raise BackendUnavailable("the records are closed; start Lingula again")
        try:
            with self._reading.begin() as connection:
                return work(connection)
        except SQLAlchemyError as error:
            raise self._translated(error) from error

    def write(self, work: Work[Result]) -> Result:
        """Run work whole or not at all, durable when this returns."""
        return self._writer.write(work)

    def close(self) -> None:
        """Close every connection; the last one out folds the write-ahead log into the file."""
        self._is_closed = True
        if self._reading is not None:
            self._reading.dispose()
        self._writer.close()
        self._engines[0].dispose()

    def _translated(self, error: SQLAlchemyError) -> Exception:
        if isinstance(error, NoConnectionLeft):
            return BackendUnavailable(f"too many ask the records in {self._place} at once; try again")
        if isinstance(error, IntegrityError) or not isinstance(error, DBAPIError):
            return error  # a collision for the caller to name, or a mistake in the program
        code = getattr(error.orig, "sqlite_errorcode", None)
        match None if code is None else code & 0xFF:
            case sqlite3.SQLITE_NOTADB:
                return SettingsError(
                    f"LINGULA_RECORDS_URL: {self._place} is not a SQLite database; name another file or move it away"
                )
            case sqlite3.SQLITE_CORRUPT:
                return BackendUnavailable(
                    f"the records in {self._place} are damaged; stop Lingula, keep a copy, then restore the newest "
                    f"backup or run `sqlite3 {self._place} .recover`"
                )
            case _:
                return BackendUnavailable(
                    f"the records in {self._place} do not answer: {error.orig}; check free space and permissions of "
                    "the file and its folder, and that no other program holds it"
                )


def _make_private(path: Path | None) -> None:
    """Make the file before SQLite does: it holds names of patients, and its companions take over its mode."""
    if path is not None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _engine(
    path: Path | None, pool: type[NullPool] | type[QueuePool] | type[StaticPool], begin: str, busy_seconds: float
) -> Engine:
    sizes: dict[str, float] = {}
    if pool is QueuePool:
        sizes = {
            "pool_size": _KEPT_READERS,
            "max_overflow": _MOST_READERS - _KEPT_READERS,
            "pool_timeout": busy_seconds,
        }
    engine = create_engine(
        "sqlite://", hide_parameters=True, creator=_connector(path, busy_seconds), poolclass=pool, **sizes
    )

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _connector(path: Path | None, busy_seconds: float) -> Callable[[], sqlite3.Connection]:
    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            ":memory:" if path is None else path,
            timeout=busy_seconds,
            isolation_level=None,  # transactions begin where we say so
            check_same_thread=False,  # one thread at a time, but not always the same
            cached_statements=256,
        )
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        if path is not None:
            _use_write_ahead_log(connection, busy_seconds)
        return connection

    return connect


def _use_write_ahead_log(connection: sqlite3.Connection, busy_seconds: float) -> None:
    """Change a new file over; SQLite itself does not wait when another process is doing the same."""
    deadline = time.monotonic() + busy_seconds
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_SECONDS)
            continue
        if mode != "wal":
            raise SettingsError(
                f"LINGULA_RECORDS_URL: no write-ahead log can be kept there (SQLite says {mode!r}); name a file "
                "on a local disk"
            )
        return
