"""A PostgreSQL server of the tests' own: started once, a new database for whoever asks, stopped and started at will."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path

import pytest

from lingula.records.metadata import metadata
from lingula.records.records import open_records
from servers.process import STOP_SECONDS, free_port, program, running

_FOLDERS = [str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
_PACKAGE = "postgresql"
_QUICK = (  # for tests only: a power cut would cost them nothing
    "fsync=off",
    "full_page_writes=off",
    "max_connections=150",
    "listen_addresses=127.0.0.1",
    "autovacuum=off",
    "log_min_messages=fatal",
)
CLERK = "clerk"  # the one user who needs a password; tests make it
_WHO_MAY_COME = f"""
local all all trust
host all {CLERK} 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
"""


class PostgresServer:
    """One server; `user` is who may do anything, without a password."""

    def __init__(self, folder: Path, user: str | None) -> None:
        self.port = free_port()
        self._folder, self._user = folder, user
        self._numbers = count(1)
        self._running: AbstractContextManager[subprocess.Popen[bytes]] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        data = [
            "-D",
            str(folder / "data"),
            "-A",
            "trust",
            "-U",
            "postgres",
            "--no-sync",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
        ]
        self._run("initdb", *data)
        self.write_file("data/pg_hba.conf", _WHO_MAY_COME)

    def start(self, *settings: str) -> None:
        """Start it and wait until it answers; `settings` are ``name=value``."""
        chosen = [word for setting in (*_QUICK, *settings) for word in ("-c", setting)]
        command = [
            _program("postgres"),
            "-D",
            str(self._folder / "data"),
            "-p",
            str(self.port),
            "-k",
            str(self._folder),
        ]
        log = self._folder / "log"
        self._running = running([*command, *chosen], is_ready=self._answers, log=log, user=self._user)
        self._process = self._running.__enter__()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it, whoever is connected; by SIGKILL or SIGQUIT as if it had crashed."""
        if self._running is None or self._process is None:
            return
        self._process.send_signal(how)
        self._process.wait(STOP_SECONDS)
        self._running.__exit__(None, None, None)
        self._running = self._process = None

    def new_database(self, *options: str) -> str:
        """Make an empty database and give its URL."""
        name = f"lingula_{next(self._numbers)}"
        self.sql(f"CREATE DATABASE {name} " + " ".join(options))
        return self.url(name)

    def url(self, database: str, *, user: str = "postgres", password: str = "") -> str:
        """Give the URL of a database."""
        return f"postgresql://{user}{password and f':{password}'}@127.0.0.1:{self.port}/{database}"

    def sql(self, statement: str, database: str = "postgres") -> str:
        """Run a statement as the server's owner; give what it prints, bare."""
        words = ["-h", str(self._folder), "-p", str(self.port), "-U", "postgres", "-d", database]
        return self._run("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", *words, "-c", statement)

    def write_file(self, name: str, text: str) -> Path:
        """Write a file that the server may read, such as a certificate."""
        path = self._folder / name
        path.write_text(text)
        path.chmod(0o600)
        if self._user is not None:
            shutil.chown(path, self._user)
        return path

    def _answers(self) -> bool:
        words = ["-h", str(self._folder), "-p", str(self.port), "-q"]
        return subprocess.run([_program("pg_isready"), *words], check=False, cwd=self._folder).returncode == 0

    def _run(self, name: str, *words: str) -> str:
        command = [_program(name), *words]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, user=self._user, cwd=self._folder)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()


def _program(name: str) -> str:
    return program(name, package=_PACKAGE, folders=_FOLDERS)


@contextmanager
def made_postgres_server() -> Iterator[PostgresServer]:
    """Make a server and start it until the block ends."""
    _program("postgres")
    user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
    folder = Path(tempfile.mkdtemp(prefix="lingula-postgres-"))
    if user is not None:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    server = None
    try:
        server = PostgresServer(folder, user)
        server.start()
        yield server
    finally:
        if server is not None:
            server.stop(signal.SIGQUIT)  # nothing is worth writing to the disk any more
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for all tests of the session; whoever stops it starts it again."""
    with made_postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def _shared_database(postgres_server: PostgresServer) -> str:
    url = postgres_server.new_database()
    open_records(url).records.close()
    return url


@pytest.fixture
def postgres_database(postgres_server: PostgresServer, _shared_database: str) -> str:
    """The URL of a database with Lingula's tables and nothing in them: emptied, which is quicker than a new one."""
    emptied = "; ".join(f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables))  # noqa: S608  # our own names
    restarted = "; ".join(f"ALTER SEQUENCE {name}_number_seq RESTART" for name in ("timeline", "accesses"))
    postgres_server.sql(f"{emptied}; {restarted}", _shared_database.rpartition("/")[2])
    return _shared_database
