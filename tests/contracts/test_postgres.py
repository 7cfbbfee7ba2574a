"""What only PostgreSQL can do: several programs that write at once, a server that goes away or refuses."""

import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from made.arrivals import NOON, NORTH, after, made_arrival, made_description, made_refusal, made_result, made_review
from servers.postgres import CLERK, PostgresServer
from servers.process import free_port, program
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import IntegrityError

from lingula.errors import BackendUnavailable, Conflict, NotFound, SettingsError
from lingula.radiology.identifiers import InstanceId, PatientName, SourceName, StudyId
from lingula.radiology.study import Band, Status
from lingula.records.metadata import metadata
from lingula.records.postgres_address import address_of
from lingula.records.postgres_transactions import PostgresTransactions
from lingula.records.records import Records, RecordsPlace, StoredInstance, TimelineEntry, open_records
from lingula.records.reviews import Claim
from lingula.records.schema import migrate

ONE = text("SELECT 1")
WRITER = """
import os
import sys
import threading
from made.arrivals import made_arrival, made_result
from lingula.radiology.identifiers import InstanceId
from lingula.records.records import open_records
records = open_records(sys.argv[1]).records
def write(letter):
    for number in range(100_000):
        name = f"{letter}{number}"
        records.add_instance(made_arrival(name, f"s{number}"))
        os.write(1, f"added {name}\\n".encode())
        records.begin_attempts([InstanceId(name)])
        records.save_assessments([made_result(name)])
        os.write(1, f"assessed {name}\\n".encode())
for letter in sys.argv[2]:
    threading.Thread(target=write, args=letter).start()
"""


@contextmanager
def two_programs(url: str) -> Iterator[tuple[Records, Records]]:
    """Open the records twice, as two programs would: each with connections of its own."""
    first, second = open_records(url).records, open_records(url).records
    try:
        yield first, second
    finally:
        first.close()
        second.close()


def at_once(*work: Callable[[], object]) -> list[object]:
    """Run each in a thread of its own, all released at the same moment; give what they return or raise."""
    gate = threading.Barrier(len(work))

    def run(one: Callable[[], object]) -> object:
        gate.wait(30)
        try:
            return one()
        except (Conflict, NotFound, BackendUnavailable) as error:
            return error

    with ThreadPoolExecutor(len(work)) as threads:
        return list(threads.map(run, work))


def test_an_instance_that_arrives_at_two_programs_at_once_is_new_to_one_of_them(postgres_database: str) -> None:
    with two_programs(postgres_database) as programs:
        for number in range(20):
            new = made_arrival(f"i{number}", "s1")
            told = at_once(*(lambda records=records, new=new: records.add_instance(new) for records in programs))
            assert sorted(map(bool, told)) == [False, True]
        study = programs[0].study(StudyId("s1"))
        assert len(study.instances) == 20


def test_what_arrives_at_once_is_recorded_together_and_a_conflict_is_its_own(postgres_database: str) -> None:
    records = open_records(postgres_database).records
    records.add_instance(made_arrival("known", "s-known"))
    news = [made_arrival(f"i{number}", f"s{number % 3}") for number in range(12)]
    changed = replace(made_arrival("known", "s-other"), sha256="f" * 64)
    again = made_arrival("known", "s-known")
    told = at_once(*(lambda new=new: records.add_instance(new) for new in [*news, changed, again, news[0]]))
    assert told.count(True) == 12
    assert told[13] is False
    assert sorted([str(told[0]), str(told[14])]) == ["False", "True"]
    assert isinstance(told[12], Conflict)
    for number in range(3):
        assert len(records.study(StudyId(f"s{number}")).instances) == 4
    with pytest.raises(NotFound):
        records.study(StudyId("s-other"))  # nothing of what was refused stays
    records.close()


def test_what_is_looked_up_at_once_is_each_its_own(postgres_database: str) -> None:
    records = open_records(postgres_database).records
    for number in range(8):
        records.add_instance(made_arrival(f"i{number}", "s1"))
    found = at_once(*(lambda number=number: records.instance(InstanceId(f"i{number}")) for number in range(10)))
    assert [one.new.id for one in found if isinstance(one, StoredInstance)] == [f"i{number}" for number in range(8)]
    assert all(isinstance(one, NotFound) for one in found[8:])
    records.close()


def test_a_study_whose_instances_arrive_and_are_assessed_at_once_follows_all_of_them(postgres_database: str) -> None:
    bands = (Band.UNLIKELY, Band.LIKELY, Band.UNSURE)

    def work(records: Records, letter: str) -> None:
        for number in range(12):
            name = f"{letter}{number}"
            records.add_instance(made_arrival(name, f"s{number % 3}"))
            records.begin_attempts([InstanceId(name)])
            records.save_assessments([made_result(name, bands[number % 2])])

    with two_programs(postgres_database) as programs:
        at_once(*(lambda r=records, n=name: work(r, n) for records, name in zip(programs * 2, "abcd", strict=True)))
        for number in range(3):
            study = programs[0].study(StudyId(f"s{number}"))
            assert len(study.instances) == 16
            assert (study.status, study.band) == (Status.ASSESSED, Band.LIKELY)


def test_two_workers_that_assess_one_radiograph_leave_one_result(postgres_database: str) -> None:
    with two_programs(postgres_database) as programs:
        for number in range(15):
            name = f"i{number}"
            programs[0].add_instance(made_arrival(name, "s1"))
            results = (made_result(name), replace(made_result(name), seconds=9.0))
            told = at_once(
                *(
                    lambda records=records, result=result: len(records.save_assessments([result]))
                    for records, result in zip(programs, results, strict=True)
                )
            )
            assert sorted(map(str, told)) == ["0", "1"]


def test_of_two_doctors_who_open_a_study_at_once_one_has_it(postgres_database: str) -> None:
    with two_programs(postgres_database) as programs:
        for number in range(15):
            study = StudyId(f"s{number}")
            programs[0].add_instance(made_arrival(f"i{number}", study))
            told = at_once(
                *(
                    lambda records=records, who=who, study=study: records.claim(
                        study, Claim(reviewer=who, until=after(60)), NOON
                    )
                    for records, who in zip(programs, ("ann", "bob"), strict=True)
                )
            )
            assert sorted(type(one).__name__ for one in told) == ["Conflict", "NoneType"]


def test_verdicts_given_at_once_are_all_kept_and_numbered(postgres_database: str) -> None:
    with two_programs(postgres_database) as programs:
        programs[0].add_instance(made_arrival())
        told = at_once(*(lambda r=records: r.add_review(made_review()) for records in programs * 4))
        assert len(told) == 8
        assert [review.number for review in programs[0].study(StudyId("s1")).reviews] == list(range(1, 9))


def test_attempts_begun_at_once_are_all_counted(postgres_database: str) -> None:
    ids = [InstanceId(f"i{number}") for number in range(8)]
    with two_programs(postgres_database) as programs:
        for one in ids:
            programs[0].add_instance(made_arrival(one, f"s{one}"))
        for turn in range(5):  # in opposite orders, so that they wait for each other
            at_once(
                lambda: programs[0].begin_attempts(ids),
                lambda: programs[1].begin_attempts(ids[::-1]),
            )
            assert {programs[0].instance(one).attempts for one in ids} == {2 * (turn + 1)}


def test_who_follows_the_timeline_while_many_write_misses_nothing(postgres_database: str) -> None:
    writers, each = 6, 25
    is_over = threading.Event()
    seen: list[int] = []

    def write(records: Records, name: int) -> None:
        for number in range(each):
            entries = [
                TimelineEntry(action="received", at=NOON, detail={"by": name, "n": number, "k": k}) for k in (1, 2)
            ]
            records.add_timeline(entries)

    def follow(records: Records) -> None:
        number = 0
        while True:
            must_end = is_over.is_set()
            found = records.timeline(number, None, 7)
            seen.extend(entry.number for entry in found)
            number = found[-1].number if found else number
            if must_end and not found:
                return

    with two_programs(postgres_database) as programs, ThreadPoolExecutor(writers + 1) as threads:
        follower = threads.submit(follow, programs[0])
        written = [threads.submit(write, programs[name % 2], name) for name in range(writers)]
        for one in written:
            one.result()
        is_over.set()
        follower.result()
        assert len(seen) == len(set(seen)) == writers * each * 2
        assert seen == sorted(seen)


def test_several_programs_may_open_a_new_database_at_once(postgres_server: PostgresServer) -> None:
    url = postgres_server.new_database()
    with ThreadPoolExecutor(5) as threads:
        places = list(threads.map(open_records, [url] * 5))
    keys = {place.records.installation_key() for place in places}
    for place in places:
        place.records.close()
    assert len(keys) == 1


def test_killed_while_writing_leaves_everything_acknowledged(postgres_database: str) -> None:
    writers = [started_writer(postgres_database, letters) for letters in ("ab", "cd")]
    told = []
    for writer in writers:
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(30)]
        writer.kill()
        lines += [line for line in writer.stdout if line.endswith("\n")]
        writer.wait()
        writer.stdout.close()
        told += [line.split() for line in lines]
    records = open_records(postgres_database).records
    for word, name in told:
        stored = records.instance(InstanceId(name))
        assert word == "added" or stored.status is Status.ASSESSED
    records.close()


def started_writer(url: str, letters: str) -> subprocess.Popen[str]:
    tests = Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": f"{tests.parent / 'src'}:{tests}"}
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, url, letters], stdout=subprocess.PIPE, text=True, env=environment
    )


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT])
def test_while_the_server_is_away_calls_say_so_and_after_it_they_work(
    postgres_server: PostgresServer, postgres_database: str, how: signal.Signals
) -> None:
    records = open_records(postgres_database).records
    records.add_instance(made_arrival())
    postgres_server.stop(how)
    try:
        started = time.monotonic()
        for _ in range(2):
            with pytest.raises(BackendUnavailable, match="does not answer"):
                records.add_instance(made_arrival("i2"))
            with pytest.raises(BackendUnavailable):
                records.check()
        with pytest.raises(BackendUnavailable, match="does not answer"):
            open_records(postgres_database)
        assert time.monotonic() - started < 5
    finally:
        postgres_server.start()
    assert records.add_instance(made_arrival("i2"))
    assert records.instance(InstanceId("i1")).new == made_arrival()
    records.close()


def test_a_restart_between_two_calls_is_not_noticed(postgres_server: PostgresServer, postgres_database: str) -> None:
    records = open_records(postgres_database).records
    with ThreadPoolExecutor(4) as threads:  # several connections, all of which will be dead
        list(threads.map(lambda number: records.add_instance(made_arrival(f"i{number}", "s1")), range(20)))
    postgres_server.stop()
    postgres_server.start()
    assert records.add_instance(made_arrival("new", "s1"))
    assert len(records.study(StudyId("s1")).instances) == 21
    records.close()


@pytest.fixture
def transactions(postgres_database: str) -> Iterator[PostgresTransactions]:
    opened = PostgresTransactions(address_of(postgres_database + "?pool=2"), wait_seconds=0.2, statement_seconds=0.5)
    yield opened
    opened.close()


def count_and(calls: list[int], then: str) -> Callable[[Connection], object]:
    def work(connection: Connection) -> object:
        calls.append(1)
        return connection.execute(text(then))

    return work


def test_work_whose_connection_breaks_is_run_again_once_and_then_given_up(transactions: PostgresTransactions) -> None:
    calls: list[int] = []
    with pytest.raises(BackendUnavailable, match="does not answer"):
        transactions.write(count_and(calls, "SELECT pg_terminate_backend(pg_backend_pid())"))
    assert len(calls) == 2
    assert transactions.read(lambda connection: connection.execute(ONE).scalar_one()) == 1


def test_a_commit_without_an_answer_is_not_repeated(transactions: PostgresTransactions) -> None:
    calls: list[int] = []

    def work(connection: Connection) -> None:
        calls.append(1)
        connection.execute(text("INSERT INTO installation VALUES ('one', '')"))
        raw = connection.connection.driver_connection
        assert raw is not None
        raw._usock.shutdown(2)  # noqa: SLF001  # as the network would

    with pytest.raises(BackendUnavailable):
        transactions.write(work)
    assert len(calls) == 1


def test_after_a_deadlock_work_is_run_again_and_at_last_given_up(transactions: PostgresTransactions) -> None:
    calls: list[int] = []
    deadlock = "DO $$ BEGIN RAISE EXCEPTION 'each waits for the other' USING ERRCODE = '40P01'; END $$"
    with pytest.raises(BackendUnavailable, match="busy with others' work"):
        transactions.write(count_and(calls, deadlock))
    assert len(calls) > 3


def test_who_waits_too_long_for_a_lock_or_an_answer_is_told_to_try_again(
    transactions: PostgresTransactions, postgres_database: str
) -> None:
    lock = "LOCK TABLE installation IN ACCESS EXCLUSIVE MODE"
    other = create_engine(postgres_database.replace("postgresql:", "postgresql+pg8000:"))
    with other.begin() as connection:
        connection.execute(text(lock))
        with pytest.raises(BackendUnavailable, match="busy"):
            transactions.read(lambda connection: connection.execute(text("SELECT count(*) FROM installation")))
    other.dispose()
    with pytest.raises(BackendUnavailable, match="busy"):
        transactions.write(lambda connection: connection.execute(text("SELECT pg_sleep(5)")))


def test_more_at_once_than_there_are_connections_are_told_to_try_again(transactions: PostgresTransactions) -> None:
    may_end, are_reading = threading.Event(), threading.Barrier(3)

    def read(_: Connection) -> None:
        are_reading.wait(30)
        may_end.wait(0.4)

    with ThreadPoolExecutor(2) as threads:
        readers = [threads.submit(transactions.read, read) for _ in range(2)]
        are_reading.wait(30)
        with pytest.raises(BackendUnavailable, match="at once"):
            transactions.read(lambda connection: connection.execute(ONE).scalar_one())
        may_end.set()
        for reader in readers:
            reader.result()


def test_reading_work_sees_one_picture_and_cannot_write(transactions: PostgresTransactions) -> None:
    count = text("SELECT count(*) FROM installation")
    add = text("INSERT INTO installation VALUES ('one', '')")

    def look_twice(connection: Connection) -> tuple[int, int]:
        first = connection.execute(count).scalar_one()
        transactions.write(lambda other: other.execute(add))
        return first, connection.execute(count).scalar_one()

    assert transactions.read(look_twice) == (0, 0)
    with pytest.raises(BackendUnavailable, match="only be read"):
        transactions.read(lambda connection: connection.execute(add))


def test_every_commit_is_durable_and_times_are_utc(transactions: PostgresTransactions) -> None:
    names = ("synchronous_commit", "timezone", "transaction_isolation")
    asked = text("SELECT " + ", ".join(f"current_setting('{name}')" for name in names))
    assert tuple(transactions.write(lambda connection: connection.execute(asked).one())) == (
        "on",
        "UTC",
        "read committed",
    )
    assert transactions.read(lambda connection: connection.execute(asked).one())[2] == "repeatable read"


def test_more_statements_than_are_remembered_go_on_working(transactions: PostgresTransactions) -> None:
    def work(connection: Connection) -> int:
        return sum(
            connection.execute(text(f"SELECT {number} + CAST(:one AS integer)"), {"one": 1}).scalar_one()  # a number
            for number in range(300)
        )

    assert transactions.read(work) == transactions.read(work) == sum(range(1, 301))


def test_a_wrong_password_is_said_and_not_repeated(postgres_server: PostgresServer) -> None:
    database = postgres_server.new_database()
    name = database.rpartition("/")[2]
    postgres_server.sql(f"DROP ROLE IF EXISTS {CLERK}")
    postgres_server.sql(f"CREATE ROLE {CLERK} LOGIN PASSWORD 'p@ss/word'")
    postgres_server.sql(f"ALTER DATABASE {name} OWNER TO {CLERK}")
    for password in ("hunter2", ""):
        with pytest.raises(SettingsError, match="password") as refused:
            open_records(postgres_server.url(name, user=CLERK, password=password))
        assert "hunter2" not in "".join(traceback.format_exception(refused.value))
    place = open_records(postgres_server.url(name, user=CLERK, password="p%40ss%2Fword"))
    place.records.check()
    place.records.close()


def test_a_database_or_user_that_is_not_there_is_said(postgres_server: PostgresServer) -> None:
    with pytest.raises(SettingsError, match="createdb"):
        open_records(postgres_server.url("nowhere"))
    with pytest.raises(SettingsError, match="nobody"):
        open_records(postgres_server.url("postgres", user="nobody"))


def test_a_user_who_may_not_make_tables_is_said(postgres_server: PostgresServer) -> None:
    name = postgres_server.new_database().rpartition("/")[2]
    postgres_server.sql("DROP ROLE IF EXISTS guest")
    postgres_server.sql("CREATE ROLE guest LOGIN")
    with pytest.raises(SettingsError, match="OWNER TO guest"):
        open_records(postgres_server.url(name, user="guest"))


def test_a_server_that_is_not_there_is_unavailable_at_once() -> None:
    started = time.monotonic()
    with pytest.raises(BackendUnavailable, match="does not answer"):
        open_records(f"postgresql://lingula@127.0.0.1:{free_port()}/lingula")
    assert time.monotonic() - started < 2


def test_without_the_driver_it_is_said_how_to_get_it() -> None:
    code = (
        "import sys; sys.modules['pg8000'] = None\n"
        "from lingula.records.records import open_records\n"
        "from lingula.errors import SettingsError\n"
        "try: open_records('postgresql://lingula@localhost/lingula')\n"
        "except SettingsError as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'lingula[scale]'" in run.stdout


def test_another_program_s_database_is_refused_and_left_alone(postgres_server: PostgresServer) -> None:
    url = postgres_server.new_database()
    name = url.rpartition("/")[2]
    postgres_server.sql("CREATE TABLE cookies (name text)", name)
    with pytest.raises(SettingsError, match="another program's tables"):
        open_records(url)
    tables = "SELECT string_agg(tablename, ' ') FROM pg_tables WHERE schemaname = 'public'"
    assert postgres_server.sql(tables, name) == "cookies"


@pytest.fixture
def own_database(postgres_server: PostgresServer) -> str:
    """A database whose tables the test may change."""
    url = postgres_server.new_database()
    open_records(url).records.close()
    return url


def test_a_database_of_a_newer_release_is_refused(postgres_server: PostgresServer, own_database: str) -> None:
    postgres_server.sql("UPDATE alembic_version SET version_num = '9999'", own_database.rpartition("/")[2])
    with pytest.raises(SettingsError, match=r"newer Lingula \(schema 9999"):
        open_records(own_database)


def test_a_database_that_cannot_hold_every_name_or_forgets_is_refused(postgres_server: PostgresServer) -> None:
    narrow = postgres_server.new_database("ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
    with pytest.raises(SettingsError, match="encoded in LATIN1"):
        open_records(narrow)
    forgetful = postgres_server.new_database()
    postgres_server.sql(f"ALTER DATABASE {forgetful.rpartition('/')[2]} SET synchronous_commit = off")
    with pytest.raises(SettingsError, match="synchronous_commit"):
        open_records(forgetful)


def test_migrating_from_nothing_gives_the_tables_as_they_are_now(postgres_server: PostgresServer) -> None:
    engine = create_engine(postgres_server.new_database().replace("postgresql:", "postgresql+pg8000:"))
    with engine.begin() as connection:
        migrate(connection)
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_records_of_an_earlier_schema_are_brought_up_to_date_by_one_of_several(
    postgres_server: PostgresServer, own_database: str
) -> None:
    older = "DROP TABLE bindings; UPDATE alembic_version SET version_num = '0002'"
    postgres_server.sql(older, own_database.rpartition("/")[2])
    with ThreadPoolExecutor(3) as threads:
        places = list(threads.map(open_records, [own_database] * 3))
    assert [place.accounts.bindings() for place in places] == [[]] * 3
    for place in places:
        place.records.close()


def test_what_text_cannot_hold_is_replaced_not_refused(postgres_database: str) -> None:
    records = open_records(postgres_database).records
    described = replace(made_description(), patient_name=PatientName("Doe^J\0"))
    records.add_instance(replace(made_arrival(), description=described, source_name=SourceName("a\udce9.dcm")))
    records.save_assessments([made_refusal(reason="no\0thing")])
    stored = records.instance(InstanceId("i1"))
    assert stored.new.description.patient_name == PatientName("Doe^J\N{REPLACEMENT CHARACTER}")
    assert stored.new.source_name == SourceName("a?.dcm")
    assert not records.add_instance(stored.new)
    records.close()


def test_a_driver_s_error_repeats_no_identity(postgres_database: str) -> None:
    place: RecordsPlace = open_records(postgres_database)
    name = PatientName("Doe^Jane").reveal()
    broken = replace(made_result(), probability=7.0, reason=name)  # two mistakes in the program
    place.records.add_instance(made_arrival())
    with pytest.raises(IntegrityError) as raised:
        place.records.save_assessments([broken])
    assert "statements" in str(raised.value)
    assert name not in "".join(traceback.format_exception(raised.value))
    place.records.close()


def test_after_closing_nothing_answers(postgres_database: str) -> None:
    records = open_records(postgres_database).records
    records.close()
    records.close()
    with pytest.raises(BackendUnavailable, match="closed"):
        records.summary([NORTH])


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for the name localhost, and its key beside it, signed by itself."""
    folder = tmp_path_factory.mktemp("certificate")
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    files = ["-keyout", str(folder / "server.key"), "-out", str(folder / "server.crt")]
    openssl = program("openssl", package="openssl")
    subprocess.run([openssl, *words.split(), *files], check=True, capture_output=True)
    return folder / "server.crt"


def test_tls_is_as_strict_as_the_url_says(
    postgres_server: PostgresServer, postgres_database: str, certificate: Path
) -> None:
    named = postgres_database.replace("127.0.0.1", "localhost")
    trusted = f"&sslrootcert={certificate}"
    with pytest.raises(SettingsError, match="does not encrypt"):
        open_records(postgres_database + "?sslmode=require")
    with ExitStack() as after_all:
        postgres_server.stop()
        after_all.callback(postgres_server.start)
        after_all.callback(postgres_server.stop)
        key = postgres_server.write_file("server.key", certificate.with_name("server.key").read_text())
        shown = postgres_server.write_file("server.crt", certificate.read_text())
        postgres_server.start("ssl=on", f"ssl_cert_file={shown}", f"ssl_key_file={key}")
        for url in (
            postgres_database + "?sslmode=require",
            postgres_database + "?sslmode=verify-ca" + trusted,
            named + "?sslmode=verify-full" + trusted,
        ):
            assert is_encrypted(url)
        assert not is_encrypted(postgres_database)
        for url in (named + "?sslmode=verify-full", postgres_database + "?sslmode=verify-full" + trusted):
            with pytest.raises(SettingsError, match="certificate"):
                open_records(url)


def is_encrypted(url: str) -> bool:
    transactions = PostgresTransactions(address_of(url))
    asked = text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    encrypted: bool = transactions.read(lambda connection: connection.execute(asked).scalar_one())
    transactions.close()
    return encrypted
