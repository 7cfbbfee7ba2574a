"""Writers that arrive while the disk is being flushed are committed together by the next flush.

A flush costs far more than the statements before it. One thread at a time leads: it runs the work of everybody
waiting, flushes once, and hands over to the first who came meanwhile. A lone writer leads at once, without a change of
threads, so grouping never makes anybody wait longer than the flush under way. If somebody's work fails, all of it is
rolled back and run once more, each between a savepoint and its release, so that one's failure leaves the others'
standing: failures are rare, and savepoints for everybody would cost two statements each.

References
----------
DeWitt et al., Implementation Techniques for Main Memory Database Systems, SIGMOD 1984 (group commit).
"""

from collections.abc import Callable
from threading import Lock
from typing import Generic

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from lingula.errors import BackendUnavailable
from lingula.records.transactions import Result, Work

Translate = Callable[[SQLAlchemyError], Exception]


class _Job(Generic[Result]):
    """One writer's work and what became of it."""

    __slots__ = ("_error", "_result", "_work", "is_chosen", "is_settled", "woken")

    def __init__(self, work: Work[Result]) -> None:
        self._work = work
        self._result: Result
        self._error: BaseException | None = None
        self.is_chosen = False  # to lead the next group
        self.is_settled = False
        self.woken = Lock()
        self.woken.acquire()

    def run(self, connection: Connection) -> None:
        self._result = self._work(connection)

    def fail(self, error: BaseException) -> None:
        self._error = self._error or error

    def outcome(self) -> Result:
        if self._error is not None:
            raise self._error
        return self._result


class GroupCommit:
    """One writing connection shared by any number of threads.

    `engine` must begin transactions that keep other writers out; `translate` turns the driver's errors into Lingula's.
    """

    def __init__(self, engine: Engine, translate: Translate) -> None:
        self._engine = engine
        self._translate = translate
        self._connection: Connection | None = None
        self._guard = Lock()  # over the three below
        self._waiting: list[_Job[object]] = []
        self._has_leader = False
        self._is_closed = False

    def write(self, work: Work[Result]) -> Result:
        """Run work and return when it is durable, perhaps together with others'."""
        job = _Job(work)
        with self._guard:
            if self._is_closed:
                raise BackendUnavailable("the records are closed; start Lingula again")
            self._waiting.append(job)  # type: ignore[arg-type]  # what a job gives is known to its owner only
            must_wait = self._has_leader
            self._has_leader = True
        if must_wait:
            self._wait(job)
        if not job.is_settled:
            self._lead()
        return job.outcome()

    def close(self) -> None:
        """Let the group under way finish, then close the connection."""
        with self._guard:
            self._is_closed = True
            is_idle = not self._has_leader
        if is_idle:
            self._disconnect()

    def _wait(self, job: _Job[Result]) -> None:
        try:
            job.woken.acquire()
        except BaseException:  # Ctrl-C while waiting: leave the queue, or lead if the others already count on it
            with self._guard:
                self._waiting = [other for other in self._waiting if other is not job or job.is_chosen]
            if job.is_chosen:
                self._lead()
            raise

    def _lead(self) -> None:
        with self._guard:
            group, self._waiting = self._waiting, []
        try:
            self._run_group(group)
        finally:
            with self._guard:
                successor = self._waiting[0] if self._waiting else None
                self._has_leader = successor is not None
                must_close = self._is_closed and successor is None
                if successor is not None:
                    successor.is_chosen = True
            if successor is not None:
                successor.woken.release()
            if must_close:
                self._disconnect()
            for job in group:
                job.is_settled = True
                job.woken.release()

    def _run_group(self, group: list[_Job[object]]) -> None:
        try:
            connection = self._connect()
            if not _run_together(connection, group):
                with connection.begin():
                    _run_each(connection, group, self._translate)
        except BaseException as error:
            is_theirs = len(group) == 1 or isinstance(error, SQLAlchemyError)
            for job in group:
                _fail(job, error if is_theirs else _interrupted(), error, self._translate)
            if isinstance(error, DBAPIError) or not isinstance(error, Exception):
                self._disconnect()  # whatever state the driver is in, the next group begins afresh
            if not isinstance(error, Exception):
                raise

    def _connect(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _run_together(connection: Connection, group: list[_Job[object]]) -> bool:
    """Run everybody's work in one transaction; False if one of several failed and nothing was changed."""
    with connection.begin() as transaction:
        for job in group:
            try:
                job.run(connection)
            except Exception:
                if len(group) == 1:
                    raise
                transaction.rollback()
                return False
    return True


def _run_each(connection: Connection, group: list[_Job[object]], translate: Translate) -> None:
    """Run several writers' work in one transaction, so that one's failure leaves the others' standing."""
    for job in group:
        connection.exec_driver_sql("SAVEPOINT one_of_many")
        try:
            job.run(connection)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is its owner's and is raised there
            connection.exec_driver_sql("ROLLBACK TO SAVEPOINT one_of_many")
            _fail(job, error, error, translate)
        connection.exec_driver_sql("RELEASE SAVEPOINT one_of_many")


def _fail(job: _Job[object], error: BaseException, cause: BaseException, translate: Translate) -> None:
    told = translate(error) if isinstance(error, SQLAlchemyError) else error
    if told is not cause:
        told.__cause__ = cause
    job.fail(told)


def _interrupted() -> BackendUnavailable:
    return BackendUnavailable("the records were interrupted while writing; nothing was changed, try again")
