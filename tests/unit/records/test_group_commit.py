"""Writers committed together: each its own outcome, none lost, none left waiting."""

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, Engine, StaticPool, create_engine, event, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from lingula.errors import BackendUnavailable, Conflict
from lingula.records.group_commit import GroupCommit


class Bench:
    """A group commit over one table in memory, whose commits can be watched and made to fail."""

    def __init__(self) -> None:
        self.engine: Engine = create_engine(
            "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False, "isolation_level": None}
        )
        self.commits = 0
        self.fails_to_commit = False
        with self.engine.begin() as connection:
            connection.execute(text("CREATE TABLE marks (name TEXT PRIMARY KEY)"))
        event.listen(self.engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
        event.listen(self.engine, "commit", self._commit)
        self.group = GroupCommit(self.engine, translate)

    def _commit(self, connection: Connection) -> None:
        if self.fails_to_commit:
            connection.execute(text("SELECT no_such_column"))
        self.commits += 1

    def marks(self) -> set[str]:
        with self.engine.connect() as connection:
            return set(connection.execute(text("SELECT name FROM marks")).scalars())

    def together(self, *works: Callable[[Connection], object]) -> list[object]:
        """Run work that is sure to be committed in one group: it comes while another is under way."""
        is_leading, may_end = threading.Event(), threading.Event()

        def lead(_: Connection) -> None:
            is_leading.set()
            may_end.wait(10)

        with ThreadPoolExecutor(len(works) + 1) as threads:
            leader = threads.submit(self.group.write, lead)
            assert is_leading.wait(10)
            running = [threads.submit(self.group.write, work) for work in works]
            while len(self.group._gathering._waiting) < len(works):  # noqa: SLF001  # nothing else tells that they have come
                threading.Event().wait(0.001)
            may_end.set()
            leader.result()
            return [future.exception() or future.result() for future in running]


def translate(error: SQLAlchemyError) -> Exception:
    return BackendUnavailable("made up") if isinstance(error, OperationalError) else error


def mark(name: str) -> Callable[[Connection], str]:
    def work(connection: Connection) -> str:
        connection.execute(text("INSERT INTO marks VALUES (:name)"), {"name": name})
        return name

    return work


def mark_then_refuse(connection: Connection) -> None:
    mark("refused")(connection)
    raise Conflict("made up")


def mark_then_break(connection: Connection) -> None:
    mark("broken")(connection)
    connection.execute(text("SELECT no_such_column"))


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.group.close()
    made.engine.dispose()


def test_a_lone_writer_gets_its_answer_and_is_committed(bench: Bench) -> None:
    assert bench.group.write(mark("one")) == "one"
    assert (bench.marks(), bench.commits) == ({"one"}, 1)


def test_writers_that_come_meanwhile_share_one_commit(bench: Bench) -> None:
    assert bench.together(mark("a"), mark("b"), mark("c")) == ["a", "b", "c"]
    assert (bench.marks(), bench.commits) == ({"a", "b", "c"}, 2)


def test_one_writer_s_refusal_leaves_the_others_standing(bench: Bench) -> None:
    first, refused, last = bench.together(mark("a"), mark_then_refuse, mark("b"))
    assert (first, last) == ("a", "b")
    assert isinstance(refused, Conflict)
    assert bench.marks() == {"a", "b"}


def test_savepoints_are_made_only_once_somebody_s_work_has_failed(bench: Bench) -> None:
    said: list[str] = []
    event.listen(bench.engine, "before_cursor_execute", lambda *words: said.append(words[2]))

    bench.together(mark("a"), mark("b"))
    assert not [statement for statement in said if "SAVEPOINT" in statement]

    bench.together(mark("c"), mark_then_refuse)
    assert [statement for statement in said if "SAVEPOINT" in statement]
    assert bench.marks() == {"a", "b", "c"}


def test_one_writer_s_broken_statement_is_translated_and_leaves_the_others_standing(bench: Bench) -> None:
    first, broken, last = bench.together(mark("a"), mark_then_break, mark("b"))
    assert (first, last) == ("a", "b")
    assert isinstance(broken, BackendUnavailable)
    assert isinstance(broken.__cause__, OperationalError)
    assert bench.marks() == {"a", "b"}


@pytest.mark.parametrize(
    ("work", "error"), [(mark_then_refuse, Conflict), (mark_then_break, BackendUnavailable)], ids=["refuse", "break"]
)
def test_a_lone_writer_that_fails_changes_nothing(
    bench: Bench, work: Callable[[Connection], None], error: type[Exception]
) -> None:
    with pytest.raises(error):
        bench.group.write(work)
    assert bench.marks() == set()
    bench.group.write(mark("next"))
    assert bench.marks() == {"next"}


def test_when_the_commit_fails_everybody_in_it_is_told_and_the_next_succeed(bench: Bench) -> None:
    def fail_the_next(_: Connection) -> None:
        bench.fails_to_commit = True

    outcomes = bench.together(mark("a"), fail_the_next, mark("b"))
    assert [type(outcome) for outcome in outcomes] == [BackendUnavailable] * 3
    bench.fails_to_commit = False
    assert bench.group.write(mark("next")) == "next"
    assert bench.marks() == {"next"}


def test_an_interrupted_leader_tells_the_others_and_hands_over(bench: Bench) -> None:
    def interrupt(_: Connection) -> None:
        raise KeyboardInterrupt

    outcomes = bench.together(mark("a"), interrupt, mark("b"))
    assert [isinstance(outcome, BackendUnavailable | KeyboardInterrupt) for outcome in outcomes] == [True] * 3
    assert bench.marks() == set()
    assert bench.group.write(mark("next")) == "next"


def test_a_waiting_writer_that_is_interrupted_leaves_without_holding_up_the_others(bench: Bench) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    is_leading, may_end = threading.Event(), threading.Event()

    def lead(_: Connection) -> None:
        is_leading.set()
        may_end.wait(10)

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with ThreadPoolExecutor(1) as threads:
            leader = threads.submit(bench.group.write, lead)
            assert is_leading.wait(10)
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with pytest.raises(KeyboardInterrupt):
                bench.group.write(mark("never"))
            may_end.set()
            leader.result()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert bench.group.write(mark("next")) == "next"
    assert bench.marks() == {"next"}


def test_many_writers_all_get_their_own_answers(bench: Bench) -> None:
    names = [f"m{number}" for number in range(400)]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda name: bench.group.write(mark(name)), names)) == names
    assert bench.marks() == set(names)


def test_closing_lets_those_under_way_finish_and_refuses_the_rest(bench: Bench) -> None:
    def close(connection: Connection) -> str:
        bench.group.close()
        return mark("last")(connection)

    assert bench.group.write(close) == "last"
    assert bench.marks() == {"last"}
    with pytest.raises(BackendUnavailable, match="closed"):
        bench.group.write(mark("late"))
