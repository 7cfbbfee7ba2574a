"""The places of several machines, all on this one: PostgreSQL, S3 and NATS, real servers.

What a server promises is printed beside what was measured, because half of a durable write is what the server does.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import psutil
import pytest
from servers.nats import nats_server
from servers.postgres import PostgresServer, made_postgres_server
from servers.process import free_port, program
from servers.s3 import ACCESS_KEY, SECRET_KEY, new_name, rclone

from benchmarks.ground import MEBIBYTE, Ground, LeftOut, say
from benchmarks.kept import Witness
from benchmarks.limits import cores, measure_copies, measure_inserts, measure_notes
from benchmarks.load import MANY, WARM_UP, post, report
from benchmarks.server import running, spent

_FLUSHING = ("fsync=on", "full_page_writes=on", "synchronous_commit=on", "autovacuum=on", "log_min_messages=warning")
_SHOWN = ("fsync", "synchronous_commit", "full_page_writes", "wal_sync_method", "shared_buffers", "max_connections")
_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "AWS_EC2_METADATA_DISABLED": "true",
}
_FOREIGN = ("AWS_PROFILE", "AWS_CA_BUNDLE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_SESSION_TOKEN")
_BESIDE_PYTHON = (str(Path(sys.executable).parent),)
_BATCH = 8  # each batch costs two transactions and two flushes, however many are in it
_WAYS: tuple[tuple[str, ...], ...] = (("serve",), ("receive", "work"))


@dataclass(frozen=True, kw_only=True)
class Places:
    """Three servers that run."""

    postgres: PostgresServer
    nats: str
    store: str  # where buckets are: endpoint and options, after the bucket's name

    def settings(self) -> dict[str, str]:
        """Give places with nothing in them."""
        return {
            "LINGULA_RECORDS_URL": self.postgres.new_database(),
            "LINGULA_STORE_URL": f"s3://{new_name()}/lingula?{self.store}",
            "LINGULA_QUEUE_URL": f"{self.nats}/{new_name()}",
            "LINGULA_WORKERS": str(_workers()),
            "LINGULA_BATCH_SIZE": str(_BATCH),
        }


def measure_places(ground: Ground) -> None:
    """Measure one process beside the three servers, then one that receives and one that works, then the servers alone.

    The servers are new each time, so that nobody finds what another one left.

    Raises
    ------
    LeftOut
        If a server is missing; says how to get it.
    """
    count = ground.counts.places
    for number, parts in enumerate(_WAYS):
        with ground.room(count, copies=2) as home, _servers(home) as places:
            for line in () if number else _described(places):
                say(f"  {line}")
            _measure(ground, home, places.settings(), parts)
    with ground.room(count, copies=2) as home, _servers(home) as places:
        alone, threads = places.settings(), cores()
        for limit in (
            *measure_inserts(alone["LINGULA_RECORDS_URL"], ground.files[0], ground.seconds),
            measure_copies(alone["LINGULA_STORE_URL"], ground.files, 4 * threads, ground.seconds),
            measure_notes(alone["LINGULA_QUEUE_URL"], 4 * threads, ground.seconds),
        ):
            say(f"  {limit.name:<30} {limit.per_second:8.0f}/s")


def _measure(ground: Ground, home: Path, settings: dict[str, str], parts: Sequence[str]) -> None:
    own = home / "-".join(parts)
    own.mkdir()
    with running(own, settings, parts=parts) as server:
        witness = Witness(server.records_url)
        before = witness.wait_for(WARM_UP - len(post(server, ground.folder, 4, WARM_UP).failures)).total
        ours = {process.pid for process in server.processes}
        others = [one for one in psutil.Process().children(recursive=True) if one.pid not in ours]
        used = sum(map(spent, others))
        load = post(server, ground.folder, MANY, ground.counts.places)
        used = sum(spent(one) for one in others if one.is_running()) - used
        say(f"  {' + '.join(f'lingula {part}' for part in parts)}")
        report(load)
        kept = witness.wait_for(before + ground.counts.places - len(load.failures))
        witness.close()
        say(
            f"    the servers' processor {used / ground.counts.places * 1000:.1f} ms each; in the end {kept}; memory "
            f"{server.peak_bytes() / MEBIBYTE:.0f} MiB at most"
        )


@contextmanager
def _servers(home: Path) -> Iterator[Places]:
    """Run all three; what any of them lacks is told before any starts."""
    foreign = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    with ExitStack() as stack:
        stack.enter_context(patch.dict(os.environ, {**foreign, **_ENVIRONMENT}, clear=True))
        try:
            postgres = stack.enter_context(made_postgres_server())
            postgres.stop()
            postgres.start(*_FLUSHING)  # tests run it without, for speed
            (home / "nats").mkdir()
            nats = stack.enter_context(nats_server(home / "nats", free_port()))
            bucket = stack.enter_context(rclone(home, cache="off")).url("bucket").partition("?")[2]
        except (pytest.skip.Exception, pytest.fail.Exception) as reason:
            raise LeftOut(str(reason)) from reason
        yield Places(postgres=postgres, nats=nats, store=bucket)


def _described(places: Places) -> Iterator[str]:
    shown = ", ".join(f"{name} {places.postgres.sql(f'SHOW {name}')}" for name in _SHOWN)
    yield f"PostgreSQL {places.postgres.sql('SHOW server_version').split()[0]}: {shown}"
    version = _first_line("nats-server", "--version").rpartition("v")[2]
    yield f"NATS {version}: JetStream in files, as shipped: flushed every two minutes; lost notes are written again"
    version = _first_line("rclone", "version").rpartition("v")[2]
    yield f"S3 by rclone {version}: signatures checked, written straight to a folder, which it never flushes by itself"
    yield f"LINGULA_WORKERS {_workers()}, LINGULA_BATCH_SIZE {_BATCH}"


def _workers() -> int:
    """Give one thread more than there are cores: a worker that waits for its places leaves a core to another."""
    return cores() + 1


def _first_line(name: str, word: str) -> str:
    command = [program(name, package=name, folders=_BESIDE_PYTHON), word]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]  # noqa: S603
