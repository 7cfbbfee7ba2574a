"""What only a SQLite file can do wrong: damage, strangers, newer releases, kill -9; and what must be quick to open."""

import os
import sqlite3
import subprocess
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from made.arrivals import NOON, NORTH, after, made_arrival, made_result
from sqlalchemy import Connection, StaticPool, create_engine, event, text
from sqlalchemy.exc import IntegrityError, StatementError

from lingula.errors import BackendUnavailable, SettingsError
from lingula.radiology.identifiers import InstanceId, StudyId
from lingula.radiology.study import Status
from lingula.records.accounts import BindingKind
from lingula.records.metadata import metadata
from lingula.records.records import RecordsPlace, TimelineEntry, open_records
from lingula.records.schema import EARLIER_REVISIONS, MIGRATIONS, NEWEST_REVISION, bring_up_to_date, migrate
from lingula.records.sqlite import SqliteTransactions

FIXTURES = Path(__file__).parents[1] / "fixtures"
WRITER = """
import os
import sys
from made.arrivals import made_arrival, made_result
from lingula.radiology.identifiers import InstanceId
from lingula.records.records import open_records
import threading
records = open_records(sys.argv[1]).records
def write(letter):
    for number in range(100_000):
        name = f"{letter}{number}"
        records.add_instance(made_arrival(name, f"s{name}"))
        os.write(1, f"added {name}\\n".encode())
        records.begin_attempts([InstanceId(name)])
        records.save_assessments([made_result(name)])
        os.write(1, f"assessed {name}\\n".encode())
for letter in "abcd":
    threading.Thread(target=write, args=letter).start()
"""
OPENER = """
import sys
from lingula.records.records import open_records
open_records(sys.argv[1]).records.close()
print([name for name in ("alembic", "numpy", "pydantic") if name in sys.modules])
"""


def url_of(path: Path) -> str:
    return f"sqlite://{path}"


def test_killed_while_writing_it_opens_again_with_everything_acknowledged(tmp_path: Path) -> None:
    for name in ("first.sqlite", "second.sqlite", "third.sqlite"):
        told = killed_writer(url_of(tmp_path / name))
        place = open_records(url_of(tmp_path / name))
        for word, instance in told:
            stored = place.records.instance(InstanceId(instance))
            assert word == "added" or stored.status is Status.ASSESSED
        place.records.check()
        place.records.close()
        with sqlite3.connect(tmp_path / name) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def killed_writer(url: str) -> list[tuple[str, str]]:
    """Let four threads write until forty things are acknowledged, then kill -9; give what was acknowledged."""
    tests = Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": f"{tests.parent / 'src'}:{tests}"}
    command = [sys.executable, "-c", WRITER, url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as writer:
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(40)]
        writer.kill()
        lines += [line for line in writer.stdout if line.endswith("\n")]
    return [(word, name) for word, name in (line.split() for line in lines)]


def test_what_was_recorded_is_there_after_closing(tmp_path: Path) -> None:
    url = url_of(tmp_path / "records.sqlite")
    first = open_records(url)
    first.records.add_instance(made_arrival())
    key = first.records.installation_key()
    first.records.close()
    second = open_records(url)
    assert second.records.instance(InstanceId("i1")).new == made_arrival()
    assert second.records.installation_key() == key
    second.records.close()
    assert [path.name for path in tmp_path.iterdir()] == ["records.sqlite"]


def test_after_closing_nothing_answers(tmp_path: Path) -> None:
    for url in (url_of(tmp_path / "records.sqlite"), "memory://"):
        place = open_records(url)
        place.records.close()
        place.records.close()
        with pytest.raises(BackendUnavailable, match="closed"):
            place.records.add_instance(made_arrival())
        with pytest.raises(BackendUnavailable, match="closed"):
            place.records.summary(None)


def test_only_the_owner_can_read_the_file_and_its_companions(tmp_path: Path) -> None:
    place = open_records(url_of(tmp_path / "new/folder/records.sqlite"))
    place.records.add_instance(made_arrival())
    modes = {path.name: path.stat().st_mode & 0o077 for path in (tmp_path / "new").rglob("*")}
    place.records.close()
    assert set(modes) >= {"records.sqlite", "records.sqlite-wal"}
    assert set(modes.values()) == {0}


def test_every_commit_is_flushed_and_keys_are_checked(tmp_path: Path) -> None:
    transactions = SqliteTransactions(tmp_path / "records.sqlite")

    def settings(connection: Connection) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys", "trusted_schema")
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in names]

    full = 2
    assert transactions.write(settings) == ["wal", full, 1, 0]
    assert transactions.read(settings) == ["wal", full, 1, 0]
    transactions.close()


def test_readers_do_not_wait_for_a_writer(tmp_path: Path) -> None:
    transactions = SqliteTransactions(tmp_path / "records.sqlite")
    is_writing, may_end = threading.Event(), threading.Event()

    def write(connection: Connection) -> None:
        connection.execute(text("INSERT INTO installation VALUES ('half', x'00')"))
        is_writing.set()
        may_end.wait(30)

    with ThreadPoolExecutor(1) as threads:
        written = threads.submit(transactions.write, write)
        assert is_writing.wait(30)
        count = text("SELECT count(*) FROM installation")
        assert transactions.read(lambda connection: connection.execute(count).scalar_one()) == 0
        may_end.set()
        written.result()
    assert transactions.read(lambda connection: connection.execute(count).scalar_one()) == 1
    transactions.close()


def test_more_readers_than_there_are_connections_are_told_to_try_again(tmp_path: Path) -> None:
    transactions = SqliteTransactions(tmp_path / "records.sqlite", busy_seconds=0.05)
    most, may_end = 16, threading.Event()
    are_reading = threading.Barrier(most + 1)

    def read(_: Connection) -> None:
        are_reading.wait(30)
        may_end.wait(30)

    with ThreadPoolExecutor(most) as threads:
        readers = [threads.submit(transactions.read, read) for _ in range(most)]
        are_reading.wait(30)
        with pytest.raises(BackendUnavailable, match="at once"):
            transactions.read(lambda connection: connection.execute(text("SELECT 1")).scalar_one())
        may_end.set()
        for reader in readers:
            reader.result()
    assert transactions.read(lambda connection: connection.execute(text("SELECT 1")).scalar_one()) == 1
    transactions.close()


def test_another_program_holding_the_file_makes_writing_unavailable_for_a_while(tmp_path: Path) -> None:
    transactions = SqliteTransactions(tmp_path / "records.sqlite", busy_seconds=0.05)
    make_key = text("INSERT INTO installation VALUES ('key', x'00')")
    other = sqlite3.connect(tmp_path / "records.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(BackendUnavailable, match="locked"):
        transactions.write(lambda connection: connection.execute(make_key))
    other.execute("ROLLBACK")
    other.close()
    transactions.write(lambda connection: connection.execute(make_key))
    transactions.close()


def test_two_processes_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    url = url_of(tmp_path / "records.sqlite")
    openers = [subprocess.Popen([sys.executable, "-c", OPENER, url], stdout=subprocess.PIPE) for _ in range(3)]
    assert [opener.communicate()[0] is not None and opener.returncode for opener in openers] == [0, 0, 0]


def test_opening_loads_nothing_that_takes_long(tmp_path: Path) -> None:
    url = url_of(tmp_path / "records.sqlite")
    for _ in ("new", "current"):
        run = subprocess.run([sys.executable, "-c", OPENER, url], capture_output=True, text=True, check=True)
        assert run.stdout.strip() == "[]"


def test_a_database_of_a_newer_release_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    open_records(url_of(path)).records.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SettingsError, match=r"newer Lingula \(schema 9999"):
        open_records(url_of(path))


def test_another_program_s_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "cookies.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE cookies (name)")
    with pytest.raises(SettingsError, match="another program's tables"):
        open_records(url_of(path))
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("cookies",)]


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    path.write_bytes(b"these are my notes, not a database. " * 100)
    with pytest.raises(SettingsError, match="is not a SQLite database"):
        open_records(url_of(path))
    assert path.read_bytes().startswith(b"these are my notes")


def test_a_damaged_database_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    place = open_records(url_of(path))
    for number in range(200):
        place.records.add_instance(made_arrival(f"i{number}", f"s{number}"))
    place.records.close()
    data = bytearray(path.read_bytes())
    for page in range(2, len(data) // 4096):
        data[page * 4096 : page * 4096 + 2000] = b"\xff" * 2000
    path.write_bytes(bytes(data))
    with pytest.raises(BackendUnavailable, match=r"damaged.*backup"):
        use_everything(path)


def use_everything(path: Path) -> None:
    place = open_records(url_of(path))
    try:
        for number in range(200):
            place.records.instance(InstanceId(f"i{number}"))
        place.records.add_instance(made_arrival("new", "new"))
    finally:
        place.records.close()


@pytest.mark.parametrize("name", ["file/records.sqlite", "folder"])
def test_a_place_where_no_file_can_be_is_unavailable(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "folder").mkdir()
    with pytest.raises(BackendUnavailable, match="cannot be opened"):
        open_records(url_of(tmp_path / name))


def test_a_full_disk_makes_writing_unavailable_and_keeps_what_was_there(tmp_path: Path) -> None:
    transactions = SqliteTransactions(tmp_path / "records.sqlite")

    def fill(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")  # no less than there are: not one page more
        connection.execute(text("INSERT INTO installation VALUES ('big', zeroblob(1000000))"))

    with pytest.raises(BackendUnavailable, match="full"):
        transactions.write(fill)
    count = text("SELECT count(*) FROM installation")
    assert transactions.read(lambda connection: connection.execute(count).scalar_one()) == 0
    transactions.write(lambda connection: connection.execute(text("INSERT INTO installation VALUES ('small', x'00')")))
    transactions.close()


def test_a_time_without_a_zone_is_refused(tmp_path: Path) -> None:
    place = open_records(url_of(tmp_path / "records.sqlite"))
    with pytest.raises(StatementError, match="no zone"):
        place.records.add_timeline([TimelineEntry(action="received", at=NOON.replace(tzinfo=None), site=NORTH)])
    place.records.close()


def test_a_driver_s_error_repeats_no_identity(tmp_path: Path) -> None:
    place = open_records(url_of(tmp_path / "records.sqlite"))
    broken = replace(made_arrival(), size_bytes="big")  # type: ignore[arg-type]  # a mistake in the program
    with pytest.raises(IntegrityError) as raised:
        place.records.add_instance(broken)
    assert "instances" in str(raised.value)
    assert "Doe" not in "".join(traceback.format_exception(raised.value))
    place.records.close()


def schema_of(connection: Connection) -> dict[str, set[str]]:
    """Give each table's and index's lines, whatever their order: constraints have none."""
    found = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"))
    lines = {name: {line.strip().rstrip(",") for line in sql.splitlines()} for name, sql in found}
    lines.pop("alembic_version")
    return lines


def test_migrating_from_nothing_gives_the_tables_as_they_are_now() -> None:
    made, migrated = (create_engine("sqlite://", poolclass=StaticPool) for _ in range(2))
    with made.begin() as connection:
        bring_up_to_date(connection, "memory")
        as_made = schema_of(connection)
    with migrated.begin() as connection:
        migrate(connection)
        as_migrated = schema_of(connection)
        revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    made.dispose()
    migrated.dispose()
    assert as_migrated == as_made
    assert set(as_made) >= set(metadata.tables)
    assert revision == NEWEST_REVISION


def records_of_schema(revision: str, path: Path) -> str:
    with sqlite3.connect(path) as connection:
        connection.executescript((FIXTURES / f"records-{revision}.sql").read_text())
    connection.close()
    return url_of(path)


@pytest.mark.parametrize("revision", sorted(EARLIER_REVISIONS))
def test_records_of_every_earlier_schema_are_brought_up_to_date_and_kept(tmp_path: Path, revision: str) -> None:
    url = records_of_schema(revision, tmp_path / "records.sqlite")

    place = open_records(url)

    assert place.records.instance(InstanceId("i1")).assessment == made_result("i1")
    assert [review.new.reviewer for review in place.records.study(StudyId("s1")).reviews] == ["ann"]
    assert place.records.instance(InstanceId("i3")).status is Status.RECEIVED
    opened = place.shadows.open_shadows("3" * 64, NOON, begun_before=NOON, at_most=10)
    assert opened.instances == [one for one in ("i1", "i2") if place.records.instance(InstanceId(one)).assessment]
    assert place.accounts.bindings(BindingKind.FOLDER) == []
    place.records.close()


def test_a_site_of_the_schema_before_is_known_by_its_title_and_key(tmp_path: Path) -> None:
    place = open_records(records_of_schema("0002", tmp_path / "records.sqlite"))
    assert place.accounts.site_of(BindingKind.AE_TITLE, "NORTH") == NORTH
    assert place.accounts.site_of_key("2" * 64).name == NORTH
    assert place.shadows.shadow_counts("2" * 64, NOON).finished == 1
    place.records.close()


def test_the_release_before_goes_on_beside_a_migration(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    records_of_schema("0002", path)
    before = sqlite3.connect(path, isolation_level=None)  # a program of the release before has it open
    (held,) = before.execute("SELECT count(*) FROM instances").fetchone()

    place = open_records(url_of(path))
    before.execute("UPDATE instances SET attempts = attempts + 1 WHERE id = 'i3'")
    before.execute("DELETE FROM timeline")
    before.execute("INSERT INTO sites VALUES ('south', 'SOUTH', 'key')")

    assert place.accounts.site_of(BindingKind.AE_TITLE, "SOUTH") == "south"
    assert place.records.instance(InstanceId("i3")).attempts == 1
    assert before.execute("SELECT count(*) FROM instances").fetchone() == (held,)
    before.close()
    place.records.close()


def test_the_migrations_are_one_line_that_ends_at_the_newest() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_heads() == [NEWEST_REVISION]
    assert {script.revision for script in scripts.walk_revisions()} == EARLIER_REVISIONS | {NEWEST_REVISION}


def test_every_table_is_strict() -> None:
    assert all(table.dialect_options["sqlite"]["strict"] for table in metadata.tables.values())


def test_a_page_of_the_worklist_reads_a_covering_index(tmp_path: Path) -> None:
    asked: list[tuple[str, object]] = []
    place: RecordsPlace = open_records(url_of(tmp_path / "records.sqlite"))
    place.records.add_instance(made_arrival())
    place.records.save_assessments([made_result()])
    engine = create_engine(f"sqlite:///{tmp_path / 'records.sqlite'}")
    event.listen(engine, "before_cursor_execute", lambda *seen: asked.append((seen[2], seen[3])))
    place.records.close()
    with engine.connect() as connection:
        plans = worklist_plans(connection, asked)
    engine.dispose()
    of_studies = [plan for plan in plans if "studies" in plan and "autoindex" not in plan]
    assert len(of_studies) > 10
    assert all("COVERING INDEX ix_studies_" in plan for plan in of_studies)


def worklist_plans(connection: Connection, asked: list[tuple[str, object]]) -> list[str]:
    from lingula.radiology.study import Priority
    from lingula.records.records import WorklistQuery
    from lingula.records.sql_worklist import summary_of, worklist_page

    caps = {Priority.URGENT: after(60) - NOON}
    worklist_page(connection, WorklistQuery(now=after(30), caps=caps))
    summary_of(connection, [NORTH])
    return [
        str(row[3])
        for statement, parameters in list(asked)
        for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)  # type: ignore[arg-type]  # as the driver was given them
    ]


def test_an_existing_file_opens_at_once(tmp_path: Path) -> None:
    url = url_of(tmp_path / "records.sqlite")
    open_records(url).records.close()
    started = time.thread_time()
    open_records(url).records.close()
    assert time.thread_time() - started < 0.1
