"""Writers that arrive while the disk is being flushed are committed together by the next flush.

A flush costs far more than the statements before it, so the work of everybody waiting becomes one transaction
(`lingula.records.gathering`). If somebody's work fails, all of it is rolled back and run once more, each between a
savepoint and its release, so that one's failure leaves the others' standing: failures are rare, and savepoints for
everybody would cost two statements each.

References
----------
DeWitt et al., Implementation Techniques for Main Memory Database Systems, SIGMOD 1984 (group commit).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import cast

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from lingula.errors import BackendUnavailable
from lingula.records.gathering import Gathering
from lingula.records.transactions import Result, Work

Translate = Callable[[SQLAlchemyError], Exception]


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of one writer's work."""

    result: object = None
    error: Exception | None = None


class GroupCommit:
    """One writing connection shared by any number of threads.

    `engine` must begin transactions that keep other writers out; `translate` turns the driver's errors into Lingula's.
    """

    def __init__(self, engine: Engine, translate: Translate) -> None:
        self._engine = engine
        self._translate = translate
        self._gathering = Gathering(self._commit)
        self._connection: Connection | None = None
        self._guard = Lock()  # over the two below
        self._is_committing = False
        self._is_closed = False

    def write(self, work: Work[Result]) -> Result:
        """Run work and return when it is durable, perhaps together with others'."""
        outcome = self._gathering.ask(work)
        if outcome.error is not None:
            raise outcome.error
        return cast("Result", outcome.result)  # of this very work

    def close(self) -> None:
        """Let the group under way finish, then close the connection."""
        with self._guard:
            self._is_closed = True
            is_idle = not self._is_committing
        if is_idle:
            self._disconnect()

    def _commit(self, works: Sequence[Work[object]]) -> Sequence[_Outcome]:
        with self._guard:
            if self._is_closed:
                return [_Outcome(error=_closed()) for _ in works]
            self._is_committing = True
        try:
            return self._run(works)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is raised where the work came from
            if isinstance(error, DBAPIError):
                self._disconnect()  # whatever state the driver is in, the next group begins afresh
            return [self._failed(error) for _ in works]
        except BaseException:
            self._disconnect()
            raise
        finally:
            with self._guard:
                self._is_committing = False
                must_close = self._is_closed
            if must_close:
                self._disconnect()

    def _run(self, works: Sequence[Work[object]]) -> Sequence[_Outcome]:
        if self._connection is None:
            self._connection = self._engine.connect()
        results = _run_together(self._connection, works)
        if results is not None:
            return [_Outcome(result) for result in results]
        with self._connection.begin():
            return [self._run_apart(self._connection, work) for work in works]

    def _run_apart(self, connection: Connection, work: Work[object]) -> _Outcome:
        """Run one writer's work within a transaction of several, so that its failure leaves the others' standing."""
        connection.exec_driver_sql("SAVEPOINT one_of_many")
        try:
            outcome = _Outcome(work(connection))
        except Exception as error:  # noqa: BLE001  # the same
            connection.exec_driver_sql("ROLLBACK TO SAVEPOINT one_of_many")
            outcome = self._failed(error)
        connection.exec_driver_sql("RELEASE SAVEPOINT one_of_many")
        return outcome

    def _failed(self, error: Exception) -> _Outcome:
        if not isinstance(error, SQLAlchemyError):
            return _Outcome(error=error)
        told = self._translate(error)
        if told is not error:
            told.__cause__ = error
        return _Outcome(error=told)

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _run_together(connection: Connection, works: Sequence[Work[object]]) -> Sequence[object] | None:
    """Run everybody's work in one transaction; None if one of several failed and nothing was changed."""
    results: list[object] = []
    with connection.begin() as transaction:
        for work in works:
            try:
                results.append(work(connection))
            except Exception:
                if len(works) == 1:
                    raise
                transaction.rollback()
                return None
    return results


def _closed() -> BackendUnavailable:
    return BackendUnavailable("the records are closed; start Lingula again")
