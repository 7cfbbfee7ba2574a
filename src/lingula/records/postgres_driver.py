"""How pg8000 speaks to PostgreSQL here: statements prepared once that travel together, and errors that repeat no data.

pg8000 prepares a statement anew at each call, sends one row at a time and waits for each answer. That costs more than
the database's own work, so a connection remembers what it has prepared and sends what it can in one go; how that looks
on the wire stands in `postgres_wire`. It is chosen for its licence (BSD).

References
----------
https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY, errcodes-appendix.html
"""

import socket
import struct
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import TypeVar

from pg8000.converters import TIMESTAMPTZ
from pg8000.core import IDLE, Context
from pg8000.dbapi import Connection, Cursor, ProgrammingError, convert_paramstyle
from pg8000.exceptions import DatabaseError, InterfaceError

from lingula.records.postgres_address import Address
from lingula.records.postgres_errors import without_data
from lingula.records.postgres_wire import (
    BIND_COMPLETE,
    COMMAND_COMPLETE,
    DATA_ROW,
    ERROR_RESPONSE,
    READY_FOR_QUERY,
    SYNC,
    Question,
    bound,
    encoded,
    messages,
    moment,
)

_PREPARED_AT_MOST = 200  # statements a connection remembers; those with lists have one form for each length
_ASKED_AT_ONCE = 200  # sent before answers are read; more could fill both sides' buffers, each waiting for the other
_CONNECT_SECONDS = 5.0
_CLOSED = -1  # the number of no file

_COMMIT = "commit"

_Prepared = tuple[bytes, Sequence[object] | None, Sequence[Callable[[str], object]]]
_Asked = TypeVar("_Asked")


def connect(address: Address, *, answer_seconds: float, settings: dict[str, str]) -> "PreparingConnection":
    """Connect, waiting a few seconds at most; from then on every answer is waited for `answer_seconds` at most.

    Raises
    ------
    DatabaseError, InterfaceError
        Of pg8000, with `C` the code of the server's refusal.
    OSError
        If the server cannot be reached, or its certificate does not hold.
    """
    tls = address.tls()
    connection = PreparingConnection(
        address.user,
        host=address.host,
        port=address.port,
        database=address.database,
        password=address.password or "",  # the driver stumbles over none; a server that asks refuses it
        unix_sock=f"{address.socket_folder}/.s.PGSQL.{address.port}" if address.socket_folder else None,
        ssl_context=False if tls is None else tls,
        timeout=_CONNECT_SECONDS,
        application_name="lingula",
        startup_params=settings,
    )
    connection.wait_at_most(answer_seconds)
    return connection


class PreparingConnection(Connection):  # type: ignore[misc]  # pg8000 says nothing of its types
    """A connection that prepares each statement once, and asks the next ones before it has read an answer.

    What is asked `later` is sent with whatever must be answered next: a beginning with the first statement, the last
    rows with the commit. An error of any of them is raised there, and nothing after it was run.
    """

    def __init__(self, *args: object, **settings: object) -> None:
        super().__init__(*args, **settings)
        self.autocommit = True  # transactions begin where we say so
        self.register_in_adapter(TIMESTAMPTZ, moment)
        if self._usock.family != getattr(socket, "AF_UNIX", None):
            self._usock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # each write is whole already
        self._prepared: OrderedDict[str, _Prepared] = OrderedDict()
        self._unsent = bytearray()
        self._asked: deque[Question | None] = (
            deque()
        )  # one for each execution; None where the server says that it is ready
        self._to_begin: str | None = None
        self._beginning: Question | None = None
        self._is_reading = False

    def wait_at_most(self, seconds: float) -> None:
        """Take a server that answers no more for lost after this time."""
        self._usock.settimeout(seconds)

    def cursor(self) -> "PreparingCursor":
        """Give a cursor that uses what is prepared."""
        return PreparingCursor(self)

    def close(self) -> None:
        """Close, whatever state the connection is in: why it ended has been said, or will be."""
        plug = self._usock
        with suppress(InterfaceError, OSError, ValueError):
            super().close()
        if plug is not None and (number := plug.detach()) != _CLOSED:  # the driver's buffers would hold it open
            socket.close(number)

    def begin(self, operation: str, *, is_reading: bool) -> None:
        """Begin a transaction with whatever is asked first; nothing is sent for one in which nothing is asked."""
        self._to_begin, self._beginning, self._is_reading = operation, None, is_reading

    def commit(self) -> None:
        """Commit; of what was only read the answer is not waited for."""
        if self._to_begin is not None:
            self._to_begin = None
            return
        if self._beginning is not None and self._beginning.open:
            self.settle()  # a commit is never sent before it is known that the server is there at all
        self.answer(lambda: self.later(_COMMIT, [()]))
        if self._is_reading:
            self.answer(self._send)
            self._transaction_status = IDLE
        else:
            self.settle()

    def rollback(self) -> None:
        """Roll back, in one round trip, if there is anything to."""
        self._to_begin = None
        self._unsent.clear()
        while self._asked and self._asked[-1] is not None:
            self._asked.pop()
        if self._in_transaction:
            self.answer(lambda: self.simple("rollback"))

    def answer(self, ask: Callable[[], _Asked]) -> _Asked:
        """Ask the server, and bring what goes wrong into the driver's own words."""
        try:
            return ask()
        except (OSError, struct.error, AttributeError) as error:  # AttributeError: it was closed before
            raise InterfaceError("network error") from error
        except DatabaseError as error:
            raise without_data(error) from None  # the error itself repeats values, and thus identities

    def settle(self) -> None:
        """Send what is unsent and read every answer; raises the first error among them."""
        self.answer(self._exchange)

    def later(self, operation: str, rows: Sequence[Sequence[object]]) -> Question:
        """Ask with the next that must be answered: one statement with one row of values or several."""
        self._begin_now()
        name, columns, decoders = self._prepare(operation)
        question = Question(operation, columns, decoders, len(rows))
        for row in rows:
            if len(self._asked) >= _ASKED_AT_ONCE:
                self._exchange()
            self._unsent += bound(name, [encoded(value) for value in row])
            self._asked.append(question)
        return question

    def simple(self, operation: str) -> Context:
        """Ask at once something without values, which may be several statements."""
        self._begin_now()
        self._exchange()
        return self.execute_simple(operation)

    def _prepare(self, operation: str) -> _Prepared:
        known = self._prepared.get(operation)
        if known is not None:
            self._prepared.move_to_end(operation)
            return known
        self._exchange()
        if len(self._prepared) >= _PREPARED_AT_MOST:
            _, (name, _, _) = self._prepared.popitem(last=False)
            self.close_prepared_statement(name)
        made: _Prepared = self.prepare_statement(_numbered(operation), ())
        self._prepared[operation] = made
        return made

    def _begin_now(self) -> None:
        operation, self._to_begin = self._to_begin, None
        if operation is not None:
            self._beginning = self.later(operation, [()])

    def _send(self) -> None:
        if self._unsent:
            self._usock.sendall(self._unsent + SYNC)
            self._unsent.clear()
            self._asked.append(None)

    def _exchange(self) -> None:
        self._send()
        if not self._asked:
            return
        errors = []
        for kind, body in messages(self._sock.read1):
            if (error := self._take_in(kind, body)) is not None:
                errors.append(error)
            if not self._asked:
                break
        if errors:
            raise errors[0]

    def _take_in(self, kind: bytes, body: bytes) -> Exception | None:
        """Take in one message; gives the error it tells of."""
        first = self._asked[0]
        if kind == READY_FOR_QUERY:
            while self._asked.popleft() is not None:  # what was passed over after an error
                continue
            self._transaction_status = body
        elif kind == ERROR_RESPONSE:
            return self._refused(body)
        elif first is not None and kind == DATA_ROW:
            first.add_row(body)
        elif first is not None and kind == COMMAND_COMPLETE:
            self._asked.popleft()
            return first.complete(body)
        elif kind != BIND_COMPLETE:
            self.message_types[kind](body, Context(None))
        return None

    def _refused(self, body: bytes) -> Exception:
        told = Context(None)
        self.handle_ERROR_RESPONSE(body, told)
        for question in self._asked:
            if question is None:
                break
            question.error = told.error  # the server passes over everything else until then
        error: Exception = told.error
        return error


class PreparingCursor(Cursor):  # type: ignore[misc]  # pg8000 says nothing of its types
    """A cursor of a `PreparingConnection`; what nobody looks at is answered with something later."""

    _is_many = False
    _row_iter: Iterator[object] | None

    @property
    def rowcount(self) -> int:
        """How many rows a statement changed; -1 for one with many rows of parameters."""
        return -1 if self._is_many else int(self._answered().row_count)

    def execute(self, operation: str, args: Sequence[object] = (), stream: object = None) -> None:
        """Run one statement; one that gives rows is answered when they are looked at."""
        del stream
        connection: PreparingConnection = self._c
        self._is_many, self._row_iter = False, None
        self._context = connection.answer(
            lambda: connection.later(operation, [args]) if args else connection.simple(operation)
        )
        if self._context.columns is None:  # what it refuses is told to whoever changed something
            self._answered()

    def executemany(self, operation: str, param_sets: Sequence[Sequence[object]]) -> None:
        """Run one statement with many rows of parameters."""
        connection: PreparingConnection = self._c
        self._is_many, self._row_iter = True, None
        self._context = connection.answer(lambda: connection.later(operation, param_sets))

    def __next__(self) -> object:
        if self._row_iter is None:
            rows = self._answered().rows
            if rows is None:
                raise ProgrammingError("the statement gives no rows")
            self._row_iter = iter(rows)
        row: object = next(self._row_iter)
        return row

    def _answered(self) -> Context:
        context = self._context
        if isinstance(context, Question) and context.open:
            if context.error is None:
                self._c.settle()
            if context.error is not None:
                raise context.error
        return context


@lru_cache(maxsize=1000)
def _numbered(operation: str) -> str:
    statement: str = convert_paramstyle("format", operation, ())[0]
    return statement
