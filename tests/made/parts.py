"""Lingula as several processes beside shared places, whom tests kill, stop and start again; exact accounts of it."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import httpx
from servers.process import free_port
from sqlalchemy import create_engine, text

from lingula.doors.credentials import digest, hash_password, new_secret
from lingula.radiology.identifiers import InstanceId, SiteName
from lingula.radiology.study import Status
from lingula.records.accounts import Role, Site, User
from lingula.records.records import open_records
from lingula.stores.store import open_store
from made.pictures import as_jpeg
from made.triage import LIKELY, UNLIKELY, made_chest

SITE, DOCTOR = SiteName("north"), "mara"
PASSWORD = "correct horse battery"  # noqa: S105  made up
FAULT_COUNT = int(os.environ.get("LINGULA_TEST_FAULT_COUNT", "60"))  # radiographs of each fault test
PATIENCE_SECONDS = 90.0 + FAULT_COUNT / 4
SENDERS = 4
_LOOK_SECONDS = 0.05


def made_radiographs(count: int) -> list[bytes]:
    """Give radiographs, small and no two alike; the same ones each time."""
    return [_made_radiograph(number) for number in range(count)]


@cache
def _made_radiograph(number: int) -> bytes:
    return as_jpeg(made_chest(LIKELY if number % 5 else UNLIKELY, rows=240, columns=280, seed=number))


def wait_until(is_so: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Look again and again until something is so; fails with `what` if it never is."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(_LOOK_SECONDS)


@dataclass
class PartProcess:
    """A process of one part, on a port that stays the same over its lives."""

    part: str
    settings: Mapping[str, str]
    log: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Begin a life."""
        outside = {name: value for name, value in os.environ.items() if not name.startswith("LINGULA_")}
        with self.log.open("ab") as words:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "lingula", self.part, "--port", str(self.port)],
                env={**outside, **self.settings},
                stdout=words,
                stderr=words,
            )

    def wait_until_ready(self) -> None:
        """Wait until it says it is ready."""
        wait_until(lambda: self.is_alive and self._is_ready(), f"{self.part} is not ready: {self.said()}")

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(30)

    def stop(self) -> int:
        """Ask it to end, and give its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    @property
    def is_alive(self) -> bool:
        """Whether it runs; fails the test if it ended by itself."""
        assert self.process is not None
        assert self.process.poll() is None, f"{self.part} ended with {self.process.returncode}: {self.said()}"
        return True

    def said(self) -> str:
        """Give the last of what it said."""
        return self.log.read_text(errors="replace")[-3000:]

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.address}/health/ready", timeout=10).is_success
        except httpx.TransportError:
            return False


@dataclass
class Installation:
    """Processes of all parts beside the places that `settings` name."""

    folder: Path
    settings: dict[str, str]
    key: str = ""
    parts: list[PartProcess] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.key = new_secret()
        place = open_records(self.records_url)
        place.accounts.add_site(Site(name=SITE, ae_title="NORTH", api_key_sha256=digest(self.key)))
        doctor = User(
            name=DOCTOR, display_name="Mara", role=Role.ADMINISTRATOR, password_hash=hash_password(PASSWORD), sites=None
        )
        place.accounts.add_user(doctor)
        place.records.close()

    @property
    def records_url(self) -> str:
        """Where the test itself looks, past any proxy."""
        return self.settings.get("LINGULA_TEST_RECORDS_URL", self.settings["LINGULA_RECORDS_URL"])

    @property
    def store_url(self) -> str:
        """Where the test itself looks, past any proxy."""
        return self.settings.get("LINGULA_TEST_STORE_URL", self.settings["LINGULA_STORE_URL"])

    def add(self, part: str, **settings: str) -> PartProcess:
        """Start one more process."""
        one = PartProcess(part, {**self.settings, **settings}, self.folder / f"{part}-{len(self.parts)}.log")
        self.parts.append(one)
        one.start()
        return one

    def of(self, part: str) -> list[PartProcess]:
        """Give all processes of a part."""
        return [one for one in self.parts if one.part == part]

    def wait_until_ready(self) -> None:
        """Wait until every process is ready."""
        for one in self.parts:
            one.wait_until_ready()

    def end(self) -> None:
        """Stop what runs; each must end well."""
        running = [one for one in self.parts if one.process is not None and one.process.poll() is None]
        for one in running:
            assert one.process is not None
            one.process.send_signal(signal.SIGCONT)
            one.process.send_signal(signal.SIGTERM)
        for one in running:
            assert one.process is not None
            assert one.process.wait(60) == 0, one.said()

    def kill_all(self) -> None:
        """End what still runs, whatever happened."""
        for one in self.parts:
            if one.process is not None and one.process.poll() is None:
                one.kill()


@contextmanager
def installed(folder: Path, settings: Mapping[str, str]) -> Iterator[Installation]:
    """Set one up; no process runs yet, and none when the block ends."""
    common = {
        "LINGULA_HOME": str(folder / "home"),
        "LINGULA_STORE_URL": f"file://{folder}/store",
        "LINGULA_RECORDS_URL": f"sqlite://{folder}/records.sqlite",
        "LINGULA_LOG_LEVEL": "warning",
        "LINGULA_DICOM_PORT": "0",
        "LINGULA_WORKERS": "1",
        "LINGULA_RETRY_DELAY_SECONDS": "0.2",
        "LINGULA_UPKEEP_EVERY_SECONDS": "0.5",
        "LINGULA_NOTE_AGAIN_SECONDS": "3",
    }
    made = Installation(folder, {**common, **settings})
    try:
        yield made
        made.end()
    finally:
        made.kill_all()


class Hospital:
    """Sends radiographs from a few connections, each again and again until it is told that it is safe."""

    def __init__(self, address: str, key: str, radiographs: Sequence[bytes]) -> None:
        self.acknowledged: dict[int, InstanceId] = {}
        self.radiographs = radiographs
        self._address, self._key = address, key
        self._waiting = deque(range(len(radiographs)))
        self._allowed = threading.Semaphore(0)
        self._over = threading.Event()
        self.failure: str | None = None
        self.refused = 0  # how often it was told to keep a radiograph and send it again
        self._threads = [threading.Thread(target=self._send_all, daemon=True) for _ in range(SENDERS)]
        for thread in self._threads:
            thread.start()

    def allow(self, count: int | None = None) -> None:
        """Let so many more radiographs go out; all that are left if no number is given."""
        self._allowed.release(len(self.radiographs) if count is None else count)

    def wait_for(self, count: int | None = None) -> None:
        """Wait until so many are acknowledged."""
        wanted = len(self.radiographs) if count is None else min(count, len(self.radiographs))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(self.acknowledged) < wanted:
            assert self.failure is None, self.failure
            assert time.monotonic() < deadline, f"{len(self.acknowledged)} of {wanted} acknowledged"
            time.sleep(0.01)

    def close(self) -> None:
        """Send no more."""
        self._over.set()
        self._allowed.release(SENDERS)
        for thread in self._threads:
            thread.join(60)

    def _send_all(self) -> None:
        with httpx.Client(timeout=60, headers={"Authorization": f"Bearer {self._key}"}) as client:
            while not self._over.is_set():
                self._allowed.acquire()
                try:
                    number = self._waiting.popleft()
                except IndexError:
                    return
                while not self._over.is_set() and not self._send(client, number):
                    time.sleep(0.05)

    def _send(self, client: httpx.Client, number: int) -> bool:
        try:
            answer = client.post(f"{self._address}/api/v1/instances", content=self.radiographs[number])
        except httpx.TransportError:
            return False
        if answer.status_code in {200, 201}:
            self.acknowledged[number] = InstanceId(answer.json()["instance"])
            return True
        if answer.status_code == 503:
            self.refused += 1
        else:
            self.failure = f"{answer.status_code}: {answer.text[:500]}"
        return False


@contextmanager
def sending(installation: Installation, radiographs: Sequence[bytes]) -> Iterator[Hospital]:
    """Be a hospital that sends to the first process that receives; it waits to be allowed."""
    receiving = (installation.of("receive") or installation.of("serve"))[0]
    hospital = Hospital(receiving.address, installation.key, radiographs)
    try:
        yield hospital
    finally:
        hospital.close()


@dataclass(frozen=True, kw_only=True)
class Account:
    """What the records hold, counted."""

    instances: int
    by_status: Mapping[str, int]
    statements: int
    with_one_statement: int
    reasons: Mapping[str, int]  # of failures


def account_of(records_url: str) -> Account:
    """Count by SQL, past everything that could explain a surplus away."""
    engine = create_engine(
        records_url.replace("postgresql://", "postgresql+pg8000://").replace("sqlite://", "sqlite:///", 1)
    )
    with engine.connect() as connection:
        statuses = connection.execute(text("select status, count(*) from instances group by status")).all()
        why = connection.execute(
            text("select reason, count(*) from statements where status = 'failed' group by reason")
        )
        reasons = {str(reason): int(count) for reason, count in why.all()}
        per = connection.execute(text("select count(*) from statements group by instance_id")).scalars().all()
    engine.dispose()
    by_status = {str(status): int(count) for status, count in statuses}
    return Account(
        instances=sum(by_status.values()),
        by_status=by_status,
        statements=sum(per),
        with_one_statement=Counter(per)[1],
        reasons=reasons,
    )


def wait_until_all_are_finished(installation: Installation) -> None:
    """Wait until nothing is `received` any more."""
    wait_until(
        lambda: account_of(installation.records_url).by_status.get(Status.RECEIVED.value, 0) == 0,
        f"not all are assessed: {account_of(installation.records_url)}",
    )


def check_exactly_once(installation: Installation, hospital: Hospital, *, failed: int = 0, others: int = 0) -> None:
    """Every radiograph acknowledged has exactly one assessment or one parked failure, its bytes, and nothing else.

    `others` are known to be acknowledged and assessed that the hospital did not send.
    """
    count = len(hospital.radiographs)
    account = account_of(installation.records_url)
    assert len(hospital.acknowledged) == len(set(hospital.acknowledged.values())) == count
    everything = (account.instances, account.statements, account.with_one_statement)
    assert everything == (count + others,) * 3, account
    assert account.by_status.get(Status.FAILED.value, 0) == failed, account
    assert account.by_status.get(Status.ASSESSED.value, 0) == count + others - failed, account
    place, store = open_records(installation.records_url), open_store(installation.store_url)
    for number, instance in hospital.acknowledged.items():
        stored = place.records.instance(instance)
        assert store.get(stored.new.store_key) == hospital.radiographs[number]
    store.close()
    place.records.close()


def dice() -> random.Random:
    """Give dice that the seed pytest prints loads again."""
    return random.Random(os.environ.get("PYTEST_RANDOMLY_SEED", "20"))
