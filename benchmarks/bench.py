"""``make bench``: the real server under load, beside what its parts do alone in the same minute on the same machine.

The server runs as in a hospital: login, original kept and flushed, durable row, timeline, log, metrics. Radiographs
come from ``LINGULA_DATA/chest_xray/fullres``, each made new by a comment, so nothing is answered from memory.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

import httpx
import psutil

from benchmarks.limits import Limit, cores, measure_limits, spin_rate
from lingula.registry import Registry
from lingula.settings import load_settings

MEBIBYTE = 2**20
ALONE, MANY = 1, 32


@dataclass(frozen=True, kw_only=True)
class Load:
    """What the generator measured at one number of connections."""

    connections: int
    seconds: float
    milliseconds: Sequence[float]
    failures: Sequence[str]

    @property
    def per_second(self) -> float:
        """Radiographs a second, from upload to durable assessment."""
        return len(self.milliseconds) / self.seconds

    def percentile(self, share: float) -> float:
        """Give the milliseconds that this share of the answers stayed within."""
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass(frozen=True, kw_only=True)
class Running:
    """A server under measurement."""

    process: psutil.Process
    port: int
    key: str
    ready_seconds: float


@contextmanager
def running_server(home: Path) -> Iterator[Running]:
    """Start the real program and wait until it is ready."""
    environment = {**os.environ, "LINGULA_HOME": str(home), "LINGULA_HTTP_PORT": "0"}
    lingula = [sys.executable, "-m", "lingula"]
    added = subprocess.run(  # noqa: S603 - our own program
        [*lingula, "sites", "add", "bench", "--json"], env=environment, capture_output=True, text=True, check=True
    )
    started = time.perf_counter()
    with (home / "log").open("w") as log:
        process = subprocess.Popen([*lingula, "serve"], env=environment, stderr=log)  # noqa: S603 - our own program
    try:
        port = _wait_until_ready(home / "log", process)
        ready_seconds = time.perf_counter() - started
        yield Running(
            process=psutil.Process(process.pid),
            port=port,
            key=str(json.loads(added.stdout)["api_key"]),
            ready_seconds=ready_seconds,
        )
    finally:
        process.terminate()
        process.wait(60)


def _wait_until_ready(log: Path, process: "subprocess.Popen[bytes]") -> int:
    while process.poll() is None:
        for line in log.read_text().splitlines():
            if "is ready at http://" in line:
                port = int(line.split("is ready at http://", 1)[1].split(" ", 1)[0].rsplit(":", 1)[1])
                httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=10).raise_for_status()
                return port
        time.sleep(0.005)
    sys.exit(log.read_text())


def post(server: Running, folder: Path, connections: int, count: int) -> Load:
    """Let the generator, a process of its own, send `count` radiographs."""
    words = [str(folder), "127.0.0.1", str(server.port), server.key, str(connections), str(count)]
    run = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "benchmarks.generator", *words], capture_output=True, text=True, check=False
    )
    if run.returncode:
        sys.exit(run.stderr)
    return Load(connections=connections, **json.loads(run.stdout))


def install_bytes() -> int:
    """Add up the files of everything that serving needs, as installed here."""
    from packaging.requirements import Requirement

    wanted, seen, size = ["lingula"], set[str](), 0
    while wanted:
        name = wanted.pop()
        if name.lower() in seen:
            continue
        seen.add(name.lower())
        found = distribution(name)
        paths = [Path(str(found.locate_file(file))) for file in found.files or []]
        size += sum(path.stat().st_size for path in paths if path.is_file())
        for text in found.requires or []:
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                wanted.append(needed.name)
    return size


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alone", type=int, default=400, help="radiographs sent one after the other")
    parser.add_argument("--many", type=int, default=3000, help="radiographs sent over 32 connections")
    parser.add_argument("--seconds", type=float, default=3.0, help="seconds for each part alone")
    words = parser.parse_args()
    settings = load_settings()
    if settings.data is None:
        sys.exit("which radiographs? set LINGULA_DATA to a folder with chest_xray/fullres (see CONTRIBUTING.md)")
    folder = settings.data / "chest_xray" / "fullres"
    say(f"cores {cores()}, of which one thread now gets {spin_rate():.0%}; package {settings.package or 'shipped'}")
    with tempfile.TemporaryDirectory(prefix="lingula-bench-") as home, running_server(Path(home)) as server:
        idle = server.process.memory_info().rss
        post(server, folder, 4, 64)  # warm up
        loads = []
        for connections, count in ((ALONE, words.alone), (MANY, words.many)):
            before = server.process.cpu_times()
            load = post(server, folder, connections, count)
            after = server.process.cpu_times()
            used = (after.user + after.system - before.user - before.system) / count
            report(load, used)
            loads.append(load)
        full = server.process.memory_info().rss
        say(f"memory          {idle / MEBIBYTE:.0f} MiB when ready, {full / MEBIBYTE:.0f} MiB after")
        say(f"start to ready  {server.ready_seconds:.2f} s")
    say(f"serving install {install_bytes() / 1e6:.0f} MB")
    limits = measure_limits(Registry(settings.registry).open(settings.package), _files(folder), cores(), words.seconds)
    for limit in limits:
        share = loads[-1].per_second / limit.per_second
        say(f"{limit.name:<30} {limit.per_second:8.0f}/s   the server at {MANY} reaches {share:.0%} of it")
    say(f"decode and forward bound       {bound(limits):8.0f}/s   {loads[-1].per_second / bound(limits):.0%} of it")


def bound(limits: Sequence[Limit]) -> float:
    """Give how many a second decode and forward pass alone allow, sharing the same cores."""
    return 1 / (1 / limits[0].per_second + 1 / limits[1].per_second)


def report(load: Load, used_seconds: float) -> None:
    """Print one line per number of connections, and the first failures."""
    p50, p95, p99 = (load.percentile(share) for share in (0.50, 0.95, 0.99))
    say(
        f"{load.connections:>2} connections  {load.per_second:6.1f}/s  p50 {p50:.1f} ms  p95 {p95:.1f} ms  "
        f"p99 {p99:.1f} ms ({p99 / p50:.1f} x p50)  failures {len(load.failures)}  "
        f"processor {used_seconds * 1000:.1f} ms each"
    )
    for failure in load.failures[:3]:
        say(f"    {failure}")


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _files(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.rglob("*.jp*g"))]


if __name__ == "__main__":
    main()
