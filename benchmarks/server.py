"""The real program under measurement: in one process or in parts, with ports, a site and a key of its own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
from servers.process import free_port, listens, stop

AE_TITLE, CALLED = "BENCH", "LINGULA"
_PROGRAM = (sys.executable, "-m", "lingula")
_START_SECONDS = 60.0
_LOOK_SECONDS = 0.005


class DidNotStart(Exception):
    """A server ended before it was ready, or took too long; the text says what it complained of."""


@dataclass(frozen=True, kw_only=True)
class Running:
    """A server, whole or in parts; `port` and `dicom_port` are those of the part that receives."""

    processes: Sequence[psutil.Process]
    port: int
    dicom_port: int
    key: str
    records_url: str
    ready_seconds: float

    def processor_seconds(self) -> float:
        """Give the processor time of all its processes so far."""
        return sum(spent(process) for process in self.processes)

    def memory_bytes(self) -> int:
        """Give what all its processes hold in memory now."""
        return sum(process.memory_info().rss for process in self.processes)

    def share_bytes(self) -> int:
        """Give what all its processes hold in memory now, pages that several share counted once, where that is told."""
        full = (process.memory_full_info() for process in self.processes)
        return sum(int(getattr(one, "pss", one.rss)) for one in full)

    def peak_bytes(self) -> int:
        """Give the most each of its processes ever held in memory, added up; what they hold now where nobody counts."""
        return sum(_peak_bytes(process) for process in self.processes)


@contextmanager
def running(
    home: Path, settings: Mapping[str, str] | None = None, *, parts: Sequence[str] = ("serve",), watched: str = ""
) -> Iterator[Running]:
    """Start the real program and wait until it is ready.

    Parameters
    ----------
    settings
        Beside those that keep everything under `home`, whatever the environment says of places.
    parts
        Commands, one process each; the first one receives.
    watched
        A folder that the site puts radiographs into; none if empty.
    """
    port, dicom_port = free_port(), free_port()
    environment = {**os.environ, **_at_home(home, dicom_port), **(settings or {})}
    key = _add_site(environment, watched)
    started = time.perf_counter()
    with ExitStack() as stack:
        processes = []
        for number, part in enumerate(parts):
            own = {"LINGULA_HTTP_PORT": str(free_port() if number else port)}
            log = home / f"log-{number}"
            process = stack.enter_context(child([*_PROGRAM, part], {**environment, **own}, log))
            processes.append(psutil.Process(process.pid))
            wait_until_ready(process, int(own["LINGULA_HTTP_PORT"]), log)
        ready_seconds = time.perf_counter() - started
        while not listens(dicom_port):
            time.sleep(_LOOK_SECONDS)
        yield Running(
            processes=processes,
            port=port,
            dicom_port=dicom_port,
            key=key,
            records_url=environment["LINGULA_RECORDS_URL"],
            ready_seconds=ready_seconds,
        )


@contextmanager
def bare_service(folder: Path) -> Iterator[Running]:
    """Start `benchmarks.bare` and wait until it listens."""
    port, log = free_port(), folder / "log"
    started = time.perf_counter()
    with child([sys.executable, "-m", "benchmarks.bare", str(port), str(folder)], os.environ, log) as process:
        while not listens(port):
            if process.poll() is not None:
                sys.exit(log.read_text(errors="replace")[-3000:])
            time.sleep(_LOOK_SECONDS)
        yield Running(
            processes=[psutil.Process(process.pid)],
            port=port,
            dicom_port=0,
            key="",
            records_url="",
            ready_seconds=time.perf_counter() - started,
        )


def spent(process: psutil.Process) -> float:
    """Give the processor time of a process and of its children that have ended."""
    times = process.cpu_times()
    of_children = float(getattr(times, "children_user", 0.0)) + float(getattr(times, "children_system", 0.0))
    return float(times.user) + float(times.system) + of_children


def _at_home(home: Path, dicom_port: int) -> dict[str, str]:
    return {
        "LINGULA_HOME": str(home),
        "LINGULA_STORE_URL": (home / "store").as_uri(),
        "LINGULA_RECORDS_URL": f"sqlite://{home}/records.sqlite",
        "LINGULA_QUEUE_URL": "memory://",
        "LINGULA_NOTIFICATIONS_URL": "",
        "LINGULA_DICOM_PORT": str(dicom_port),
    }


def _add_site(environment: Mapping[str, str], watched: str) -> str:
    words = ["sites", "add", "bench", "--ae-title", AE_TITLE, *(["--folder", watched] if watched else []), "--json"]
    added = subprocess.run(  # noqa: S603 - our own program
        [*_PROGRAM, *words], env=dict(environment), capture_output=True, text=True, check=False
    )
    if added.returncode:
        sys.exit(added.stderr)
    return str(json.loads(added.stdout)["api_key"])


@contextmanager
def child(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a program of our own until the block ends; what it complains of goes to `log`."""
    with log.open("wb") as words:
        process = subprocess.Popen(command, env=dict(environment), stdout=words, stderr=words)  # noqa: S603 - our own program
    try:
        yield process
    finally:
        stop(process)


def wait_until_ready(process: "subprocess.Popen[bytes]", port: int, log: Path, *, path: str = "/health/ready") -> None:
    """Wait until a server that was started answers 200 there.

    Raises
    ------
    DidNotStart
        If it has ended or takes too long; says what it complained of last.
    """
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if listens(port) and _is_ready(f"http://127.0.0.1:{port}{path}"):
            return
        time.sleep(_LOOK_SECONDS)
    raise DidNotStart(f"the server did not start:\n{log.read_text(errors='replace')[-3000:]}")


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(url, timeout=10).is_success
    except httpx.TransportError:
        return False  # it listens before it answers


def _peak_bytes(process: psutil.Process) -> int:
    status = Path(f"/proc/{process.pid}/status")
    told = status.read_text().splitlines() if status.exists() else []
    peaks = [int(line.split()[1]) * 1024 for line in told if line.startswith("VmHWM:")]
    return peaks[0] if peaks else int(process.memory_info().rss)
