"""A place stops, the line to it is cut or stands still, it fills up: nothing lost, nothing doubled."""

import resource
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from made.packages import made_package
from made.parts import (
    FAULT_COUNT,
    Installation,
    check_exactly_once,
    installed,
    made_radiographs,
    sending,
    wait_until,
    wait_until_all_are_finished,
)
from made.pictures import as_png
from made.triage import made_chest
from servers.postgres import PostgresServer
from servers.proxy import Proxy, proxy_to
from servers.stoppable import Stoppable

OUTAGE_SECONDS = 1.0
FULL_BYTES = 40_000  # what a file may have while the disk is full


@pytest.fixture
def places(
    nats: tuple[Stoppable, str], database: tuple[PostgresServer, str], bucket: tuple[Stoppable, str]
) -> list[tuple[Stoppable | PostgresServer, str]]:
    """Broker, database and store, all of which may be stopped."""
    return [nats, database, bucket]


def settings_of(places: list[tuple[Stoppable | PostgresServer, str]], folder: Path) -> dict[str, str]:
    return {
        "LINGULA_PACKAGE": str(made_package(folder / "package")),
        "LINGULA_QUEUE_URL": places[0][1],
        "LINGULA_RECORDS_URL": places[1][1],
        "LINGULA_STORE_URL": places[2][1],
    }


def test_places_stopped_and_started_again_lose_and_double_nothing(
    places: list[tuple[Stoppable | PostgresServer, str]], tmp_path: Path
) -> None:
    with installed(tmp_path, settings_of(places, tmp_path)) as installation:
        for part in ("receive", "work", "work"):
            installation.add(part)
        installation.wait_until_ready()
        with sending(installation, made_radiographs(FAULT_COUNT)) as hospital:
            for server, _ in places:
                hospital.allow(FAULT_COUNT // 4)
                hospital.wait_for(len(hospital.acknowledged) + 3)
                server.stop()
                time.sleep(OUTAGE_SECONDS)
                server.start()
            hospital.allow()
            hospital.wait_for()
        wait_until_all_are_finished(installation)

        check_exactly_once(installation, hospital)


@pytest.fixture
def lines(places: list[tuple[Stoppable | PostgresServer, str]]) -> Iterator[list[tuple[Proxy, str]]]:
    """A proxy to each place, and the place's URL through it."""
    with ExitStack() as stack:
        found = []
        for _, url in places:
            port = urlsplit(url.partition("endpoint=")[2].replace("%3A", ":").replace("%2F", "/") or url).port
            assert port
            proxy = stack.enter_context(proxy_to(port))
            found.append((proxy, url.replace(str(port), str(proxy.port), 1)))
        yield found


def test_lines_between_workers_and_places_that_are_cut_or_stall_lose_and_double_nothing(
    places: list[tuple[Stoppable | PostgresServer, str]],
    lines: list[tuple[Proxy, str]],
    tmp_path: Path,
) -> None:
    with installed(tmp_path, settings_of(places, tmp_path)) as installation:
        through = {
            "LINGULA_QUEUE_URL": lines[0][1],
            "LINGULA_RECORDS_URL": lines[1][1],
            "LINGULA_STORE_URL": lines[2][1],
        }
        installation.add("receive")
        installation.add("work", **through)
        installation.add("work", **through)
        installation.wait_until_ready()
        with sending(installation, made_radiographs(FAULT_COUNT)) as hospital:
            for proxy, _ in lines:
                for fault in (proxy.cut, proxy.stall):
                    hospital.allow(FAULT_COUNT // 7)
                    hospital.wait_for(len(hospital.acknowledged) + 2)
                    fault()
                    time.sleep(OUTAGE_SECONDS)
                    proxy.mend()
            hospital.allow()
            hospital.wait_for()
        wait_until_all_are_finished(installation)

        check_exactly_once(installation, hospital)


def test_a_queue_in_redis_stopped_and_started_again_loses_and_doubles_nothing(
    redis: tuple[Stoppable, str], database: tuple[PostgresServer, str], tmp_path: Path
) -> None:
    settings = {
        "LINGULA_PACKAGE": str(made_package(tmp_path / "package")),
        "LINGULA_QUEUE_URL": redis[1],
        "LINGULA_RECORDS_URL": database[1],
    }
    with installed(tmp_path, settings) as installation:
        installation.add("receive")
        installation.add("work")
        installation.wait_until_ready()
        with sending(installation, made_radiographs(FAULT_COUNT)) as hospital:
            hospital.allow(FAULT_COUNT // 2)
            hospital.wait_for(FAULT_COUNT // 4)
            redis[0].stop()
            hospital.allow()
            hospital.wait_for()  # the queue may be down: radiographs are safe all the same
            redis[0].start()
        wait_until_all_are_finished(installation)

        check_exactly_once(installation, hospital)


def test_a_store_that_fills_up_makes_senders_keep_theirs_until_there_is_room(installation: Installation) -> None:
    """The disk is full for files beyond a size: the limit of a process stands for it, which needs no administrator."""
    small = made_radiographs(FAULT_COUNT // 2)
    large = [as_png(made_chest(rows=240, columns=280, seed=number)) for number in range(FAULT_COUNT - len(small))]
    assert max(map(len, small)) < FULL_BYTES < min(map(len, large))
    receiving = installation.add("receive")
    installation.add("work")
    installation.wait_until_ready()
    assert receiving.process is not None
    process = psutil.Process(receiving.process.pid)
    process.rlimit(psutil.RLIMIT_FSIZE, (FULL_BYTES, resource.RLIM_INFINITY))

    mixed = [one for pair in zip(small, large, strict=True) for one in pair]
    with sending(installation, mixed) as hospital:
        hospital.allow()
        wait_until(lambda: hospital.refused >= 3, "nobody was told that the store is full")
        assert not any(number % 2 for number in hospital.acknowledged)
        process.rlimit(psutil.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        hospital.wait_for()
    wait_until_all_are_finished(installation)

    check_exactly_once(installation, hospital)
    assert not [
        path for path in (installation.folder / "store").rglob("*") if path.is_file() and path.stat().st_size == 0
    ]
