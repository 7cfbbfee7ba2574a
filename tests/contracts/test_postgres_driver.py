"""What the driver promises of statements that travel together: their order, their errors, and what is never sent."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from threading import Event, Thread

import pytest
from servers.postgres import PostgresServer
from sqlalchemy import Connection, CursorResult, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from lingula.records.postgres_address import address_of
from lingula.records.postgres_driver import PreparingConnection
from lingula.records.postgres_transactions import PostgresTransactions

ADD = text("INSERT INTO installation VALUES (:name, :value)")
COUNT = text("SELECT count(*) FROM installation WHERE name LIKE :like")
ANY = {"like": "%"}


@pytest.fixture
def transactions(postgres_database: str) -> Iterator[PostgresTransactions]:
    opened = PostgresTransactions(address_of(postgres_database + "?pool=1"), wait_seconds=0.2, statement_seconds=2.0)
    yield opened
    opened.close()


def rows(first: int, last: int) -> list[dict[str, object]]:
    return [{"name": f"n{number}", "value": b"\x00\xff"} for number in range(first, last)]


def count(transactions: PostgresTransactions) -> int:
    return int(transactions.read(lambda connection: connection.execute(COUNT, ANY).scalar_one()))


def driver_of(connection: Connection) -> PreparingConnection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, PreparingConnection)
    return driver


def sent_by(transactions: PostgresTransactions, work: Callable[[Connection], object]) -> list[bytes]:
    """Give what was written to the server while `work` ran as a transaction, one item for each write."""
    writes: list[bytes] = []

    class Listening:
        def __init__(self, plug: object) -> None:
            self._plug = plug

        def __getattr__(self, name: str) -> object:
            return getattr(self._plug, name)

        def sendall(self, data: bytes) -> None:
            writes.append(bytes(data))
            self._plug.sendall(data)  # type: ignore[attr-defined]  # a socket, whatever its type is called

    def heard(connection: Connection) -> None:
        driver = driver_of(connection)
        plug = driver._usock  # noqa: SLF001  # nowhere else is it seen what travels
        driver._usock = Listening(plug)  # noqa: SLF001
        work(connection)

    transactions.write(work)  # prepares the statements
    transactions.write(heard)
    return writes


def test_rows_nobody_asks_about_travel_with_the_commit(transactions: PostgresTransactions) -> None:
    numbers = iter(range(0, 100, 10))

    def work(connection: Connection) -> None:
        first = next(numbers)
        connection.execute(COUNT, ANY).scalar_one()
        connection.execute(ADD, rows(first, first + 5))

    count(transactions)
    asked, committed = sent_by(transactions, work)
    assert b"BEGIN" not in committed
    assert asked.count(b"B\x00") == 2  # the beginning and the first question
    assert committed.count(b"S\x00\x00\x00\x04") == 1  # one answer is waited for
    assert count(transactions) == 10


def test_a_transaction_that_asks_nothing_sends_nothing(transactions: PostgresTransactions) -> None:
    assert sent_by(transactions, lambda _: None) == []


def test_what_is_refused_with_the_commit_is_told_and_nothing_of_it_stays(transactions: PostgresTransactions) -> None:
    def work(connection: Connection) -> None:
        connection.execute(COUNT, ANY).scalar_one()
        connection.execute(ADD, rows(0, 5))
        connection.execute(ADD, rows(4, 8))  # n4 is there already

    with pytest.raises(IntegrityError):
        transactions.write(work)
    assert count(transactions) == 0
    transactions.write(lambda connection: connection.execute(ADD, rows(0, 5)))
    assert count(transactions) == 5


def test_after_a_refusal_nothing_asked_with_it_has_an_answer(transactions: PostgresTransactions) -> None:
    assert count(transactions) == 0  # prepares the statement
    later: list[CursorResult[tuple[int]]] = []

    def work(connection: Connection) -> None:
        connection.execute(ADD, [*rows(0, 2), *rows(1, 3)])
        later.append(connection.execute(COUNT, ANY))
        with pytest.raises(IntegrityError):
            later[0].scalar_one()
        with pytest.raises(DBAPIError, match="aborted"):
            connection.execute(COUNT, ANY).scalar_one()

    with pytest.raises(DBAPIError, match="earlier statement had failed"):
        transactions.write(work)
    assert count(transactions) == 0


def test_a_commit_of_what_failed_before_is_an_error(transactions: PostgresTransactions) -> None:
    def work(connection: Connection) -> None:
        connection.execute(ADD, rows(0, 1)[0])
        with pytest.raises(IntegrityError):
            connection.execute(ADD, rows(0, 1)[0])

    with pytest.raises(DBAPIError, match="earlier statement had failed"):
        transactions.write(work)
    assert count(transactions) == 0


def test_answers_come_in_the_order_of_the_questions_whoever_looks_first(transactions: PostgresTransactions) -> None:
    asked = text("SELECT CAST(:number AS integer)")

    def work(connection: Connection) -> list[int]:
        results = [connection.execute(asked, {"number": number}) for number in range(5)]
        return [result.scalar_one() for result in reversed(results)]

    assert transactions.read(work) == [4, 3, 2, 1, 0]


def test_more_rows_than_are_sent_at_once_are_all_kept(transactions: PostgresTransactions) -> None:
    transactions.write(lambda connection: connection.execute(ADD, rows(0, 1000)))
    assert count(transactions) == 1000


def test_an_answer_larger_than_any_packet_is_whole(transactions: PostgresTransactions) -> None:
    value = bytes(range(256)) * 4000
    transactions.write(lambda connection: connection.execute(ADD, {"name": "large", "value": value}))
    found = text("SELECT value FROM installation WHERE name = :name")
    read = transactions.read(lambda connection: connection.execute(found, {"name": "large"}).scalar_one())
    assert read == value


def test_values_come_back_as_they_were(transactions: PostgresTransactions) -> None:
    moment = datetime(2026, 3, 1, 12, 0, 1, 123456, tzinfo=UTC)
    given = {
        "a": moment,
        "b": moment.replace(microsecond=0),
        "c": date(2026, 3, 1),
        "d": 0.1 + 0.2,
        "e": float("inf"),
        "f": True,
        "g": -(2**62),
        "h": "Zoë \N{GRINNING FACE}",
        "i": None,
        "j": b"\x00\x01\xff",
    }
    kinds = ("timestamptz", "timestamptz", "date", "float8", "float8", "boolean", "bigint", "text", "text", "bytea")
    asked = ", ".join(f"CAST(:{name} AS {kind})" for name, kind in zip(given, kinds, strict=True))
    row = transactions.read(
        lambda connection: connection.execute(text(f"SELECT {asked}"), given).one()
    )  # our own words
    assert tuple(row) == tuple(given.values())


def test_what_was_only_read_is_ended_at_once(
    transactions: PostgresTransactions, postgres_server: PostgresServer
) -> None:
    count(transactions)
    held = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lingula' AND state LIKE 'idle in%'"
    ended = Event()

    def look() -> None:
        while postgres_server.sql(held) != "0":
            ended.wait(0.05)
        ended.set()

    looking = Thread(target=look, daemon=True)
    looking.start()
    assert ended.wait(10)
    looking.join()
    assert count(transactions) == 0


def test_a_connection_that_is_dead_before_it_begins_is_replaced(transactions: PostgresTransactions) -> None:
    def forget(connection: Connection) -> PreparingConnection:
        driver = driver_of(connection)
        driver._prepared.clear()  # noqa: SLF001  # so that even the beginning has to be prepared
        return driver

    assert count(transactions) == 0
    transactions.read(forget)._usock.shutdown(2)  # noqa: SLF001  # as the network would
    assert count(transactions) == 0
