"""`lingula move` ends by kill -9 at any moment and is begun again: all is carried, nothing twice, home unchanged."""

import hashlib
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from made.arrivals import made_result
from made.home import arrive, made_home
from made.parts import FAULT_COUNT, dice
from servers.postgres import PostgresServer

from lingula.radiology.identifiers import StudyId
from lingula.records.moves import Log
from lingula.records.records import RecordsPlace, TimelineEntry, open_records
from lingula.stores.store import ObjectStore, open_store

KILLS_IN_ITS_START, KILLS_IN_THE_MIDDLE = 3, max(5, FAULT_COUNT // 12)
STUDIES = 2 * FAULT_COUNT
LINES = 10_000  # of the timeline, carried a thousand at a time
SECONDS = 120.0


@dataclass
class Moving:
    """A move from SQLite and a folder to PostgreSQL and a folder."""

    home: str
    away: str
    folder: Path

    def start(self) -> subprocess.Popen[bytes]:
        """Begin it, or go on, in a process of its own."""
        ends = ["--from-records", self.home, "--from-store", f"file://{self.folder}/home"]
        ends += ["--to-records", self.away, "--to-store", f"file://{self.folder}/away"]
        command = [sys.executable, "-m", "lingula", "move", "--all", "--json", *ends]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """End it by kill -9 and look that it had not ended before."""
        assert process.poll() is None, process.communicate()
        process.kill()
        process.communicate(timeout=SECONDS)

    def ends(self) -> None:
        """Let it come to its end."""
        process = self.start()
        out, said = process.communicate(timeout=SECONDS)
        assert process.returncode == 0, out + said


@pytest.fixture
def moving(tmp_path: Path, database: tuple[PostgresServer, str]) -> Moving:
    """A home in which one of everything has happened, and many studies more."""
    home = made_home(tmp_path)
    place, store = open_records(home), open_store(f"file://{tmp_path}/home")
    for number in range(STUDIES):
        arrive(place, store, f"i{number:04}", f"s{number:04}")
    place.records.save_assessments([made_result(f"i{number:04}") for number in range(0, STUDIES, 2)])
    lines = [TimelineEntry(action="looked", at=made_result().assessed_at, detail={"n": n}) for n in range(LINES)]
    place.records.add_timeline(lines)
    place.records.close()
    return Moving(home, database[1], tmp_path)


def studies_in(place: RecordsPlace) -> list[StudyId]:
    sites = place.moves.site_names()
    return [study for site in sites for study in place.moves.study_ids(site, None, 10 * STUDIES)]


def log_lines(place: RecordsPlace, log: Log) -> int:
    count = 0
    for owner in (*place.moves.site_names(), None):
        after = 0
        while (given := place.moves.give_log(log, owner, after, 1000)).up_to is not None:
            count, after = count + len(given.rows), given.up_to
    return count


def digests(store: ObjectStore) -> dict[str, str]:
    return {key: hashlib.sha256(store.get(key)).hexdigest() for key in store.keys("")}


def test_a_move_that_is_killed_again_and_again_carries_everything_once(moving: Moving) -> None:
    chance = dice()
    before = hashlib.sha256(Path(moving.home.removeprefix("sqlite://")).read_bytes()).hexdigest()
    for _ in range(KILLS_IN_ITS_START):  # while it makes the tables, too
        process = moving.start()
        time.sleep(chance.uniform(0.2, 1.5))
        moving.kill(process)
    with ExitStack() as opened:
        away = open_records(moving.away)
        opened.callback(away.records.close)
        for _ in range(KILLS_IN_THE_MIDDLE):
            there, deadline = len(studies_in(away)), time.monotonic() + SECONDS
            process = moving.start()
            while len(studies_in(away)) < there + chance.randint(1, STUDIES // (KILLS_IN_THE_MIDDLE + 2)):
                assert time.monotonic() < deadline
                time.sleep(0.002)
            moving.kill(process)
        assert len(studies_in(away)) < STUDIES, "it was killed in the middle each time"
        process = moving.start()
        while not away.moves.taken_up_to(Log.TIMELINE, None):
            assert process.poll() is None, process.communicate()
            time.sleep(0.002)
        moving.kill(process)
        assert log_lines(away, Log.TIMELINE) < LINES
        moving.ends()
        check_all_is_there_once(moving, away)
    after = hashlib.sha256(Path(moving.home.removeprefix("sqlite://")).read_bytes()).hexdigest()
    assert after == before


def check_all_is_there_once(moving: Moving, away: RecordsPlace) -> None:
    home = open_records(moving.home)
    try:
        assert studies_in(away) == studies_in(home)
        for study in studies_in(home):
            theirs, ours = away.records.study(study), home.records.study(study)
            assert theirs == ours
        assert away.records.summary(None) == home.records.summary(None)
        assert away.accounts.users() == home.accounts.users()
        assert away.accounts.bindings() == home.accounts.bindings()
        for log in Log:
            assert log_lines(away, log) == log_lines(home, log)
    finally:
        home.records.close()
    kept, given = (digests(open_store(f"file://{moving.folder}/{name}")) for name in ("away", "home"))
    assert kept == given
