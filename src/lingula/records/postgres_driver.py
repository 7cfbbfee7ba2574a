"""How pg8000 speaks to PostgreSQL here: prepared statements, one round trip each, and errors that repeat no data.

pg8000 prepares a statement anew at each call and sends many rows one at a time. Both cost more than the database's own
work, so a connection remembers what it has prepared and sends many rows in one go. It is chosen for its licence (BSD).

References
----------
https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY, errcodes-appendix.html
"""

import socket
import ssl
import struct
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache

from pg8000.converters import make_params
from pg8000.core import SYNC_MSG, Context, _flush, _write
from pg8000.dbapi import Connection, Cursor, IntegrityError, convert_paramstyle
from pg8000.exceptions import DatabaseError, InterfaceError

from lingula.records.postgres_address import Address

_PREPARED_AT_MOST = 200  # statements a connection remembers; those with lists have one form for each length
_ROWS_AT_ONCE = (
    100  # sent before their answers are read; more could fill both sides' buffers, each waiting for the other
)
_CONNECT_SECONDS = 5.0
_CLOSED = -1  # the number of no file

_Prepared = tuple[bytes, object, object]
_Parameters = tuple[str | None, ...]


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
    """A connection that prepares each statement once."""

    def __init__(self, *args: object, **settings: object) -> None:
        super().__init__(*args, **settings)
        self.autocommit = True  # transactions begin where we say so
        self._prepared: OrderedDict[str, _Prepared] = OrderedDict()

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

    def commit(self) -> None:
        """Commit, in one round trip."""
        self.answer(lambda: self.execute_simple("commit"))

    def rollback(self) -> None:
        """Roll back, in one round trip, if there is anything to."""
        if self._in_transaction:
            self.answer(lambda: self.execute_simple("rollback"))

    def answer(self, ask: Callable[[], Context]) -> Context:
        """Ask the server, and bring what goes wrong into the driver's own words."""
        try:
            return ask()
        except (OSError, struct.error, AttributeError) as error:  # AttributeError: it was closed before
            raise InterfaceError("network error") from error
        except DatabaseError as error:
            raise _without_data(error) from None  # the error itself repeats values, and thus identities

    def run_prepared(self, operation: str, rows: Sequence[Sequence[object]]) -> Context:
        """Run a statement with one row of parameters or several, whose counts are added."""
        name, columns, input_funcs = self._prepare(operation)
        context = Context(columns=columns, input_funcs=input_funcs, statement=operation)
        for some in _parts(rows):
            for row in some:
                self.send_BIND(name, self._parameters(row))
                self.send_EXECUTE()
            _write(self._sock, SYNC_MSG)
            _flush(self._sock)
            self.handle_messages(context)
        return context

    def _prepare(self, operation: str) -> _Prepared:
        known = self._prepared.get(operation)
        if known is not None:
            self._prepared.move_to_end(operation)
            return known
        if len(self._prepared) >= _PREPARED_AT_MOST:
            _, (name, _, _) = self._prepared.popitem(last=False)
            self.close_prepared_statement(name)
        made: _Prepared = self.prepare_statement(_numbered(operation), ())
        self._prepared[operation] = made
        return made

    def _parameters(self, row: Sequence[object]) -> _Parameters:
        given: _Parameters = make_params(self.py_types, row)
        return tuple(value if value is None else _storable(value) for value in given)


class PreparingCursor(Cursor):  # type: ignore[misc]  # pg8000 says nothing of its types
    """A cursor of a `PreparingConnection`."""

    def execute(self, operation: str, args: Sequence[object] = (), stream: object = None) -> None:
        """Run one statement."""
        del stream
        connection: PreparingConnection = self._c
        if args:
            self._context = connection.answer(lambda: connection.run_prepared(operation, [args]))
        else:
            self._context = connection.answer(lambda: connection.execute_simple(operation))
        self._row_iter = None if self._context.rows is None else iter(self._context.rows)

    def executemany(self, operation: str, param_sets: Sequence[Sequence[object]]) -> None:
        """Run one statement with many rows of parameters."""
        connection: PreparingConnection = self._c
        self._context = connection.answer(lambda: connection.run_prepared(operation, param_sets))
        self._row_iter = None


def code_of(error: BaseException | None) -> str:
    """Give the server's five characters for what went wrong; none if the error is not the server's."""
    told = error.args[0] if error is not None and error.args else None
    return str(told.get("C", "")) if isinstance(told, dict) else ""


def is_untrusted(error: BaseException) -> bool:
    """Tell whether the server's certificate does not hold."""
    return isinstance(error, ssl.SSLCertVerificationError)


def _without_data(error: DatabaseError) -> DatabaseError:
    code = code_of(error)
    told = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    kept = {name: told[name] for name in "CMtcn" if name in told}
    if code.startswith("22"):  # its sentence quotes the value
        kept["M"] = "a value does not fit its column"
    return (IntegrityError if code.startswith("23") else DatabaseError)(kept)


@lru_cache(maxsize=1000)
def _numbered(operation: str) -> str:
    statement: str = convert_paramstyle("format", operation, ())[0]
    return statement


def _parts(rows: Sequence[Sequence[object]]) -> Iterator[Sequence[Sequence[object]]]:
    for first in range(0, len(rows), _ROWS_AT_ONCE):
        yield rows[first : first + _ROWS_AT_ONCE]


def _storable(text: str) -> str:
    """Replace what PostgreSQL's text cannot hold: senders pad names with NUL, file names may be no Unicode."""
    if "\0" in text:
        text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
