"""Ours beside its peers: the same radiographs, the same generator, the same minutes, at 1, 8 and 32 connections."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.ground import MEBIBYTE, Ground, LeftOut, say
from benchmarks.load import MANY, Load, post, show_failures
from benchmarks.peers.services import PEERS, Peer, Way, serving
from benchmarks.peers.shipped import Shipped
from benchmarks.server import Running, running
from lingula.registry import Registry
from lingula.settings import load_settings

CONNECTIONS = (1, 8, MANY)
OURS = "Lingula, stored, flushed, recorded"
_OURS_TIMES = 2  # as many for ours, which is faster, so that it is measured as long
_ALONE_SHARE = 4  # a connection alone gets this fraction
_WARM_UP = 24
_SAME = 1e-4  # of a probability
_COLUMNS = (
    "  service                             connections  images/s    p50 ms    p95 ms    p99 ms  failures  "
    "processor ms  generator ms  memory MiB  ours/this"
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table."""

    service: str
    load: Load
    memory_bytes: int
    times: float | None = None  # as fast as it is ours, at so many connections

    def __str__(self) -> str:
        load = self.load
        p50, p95, p99 = (load.percentile(share) for share in (0.50, 0.95, 0.99))
        times = "" if self.times is None else f"{self.times:.1f}"
        return (
            f"  {self.service:<35} {load.connections:>11}  {load.per_second:8.1f}  {p50:8.1f}  {p95:8.1f}  {p99:8.1f}  "
            f"{len(load.failures):>8}  {load.processor_each:12.1f}  {load.generator_each:12.2f}  "
            f"{self.memory_bytes / MEBIBYTE:10.0f}  {times:>9}"
        )


def measure_peers(ground: Ground) -> None:
    """Measure ours, then each peer that can be had here, and print a line for each number of connections."""
    package = package_path()
    say(_COLUMNS)
    ours = _measure_ours(ground)
    for peer in PEERS:
        try:
            verdicts = _measure_peer(ground, peer, package, ours)
        except LeftOut as reason:
            say(f"  {peer.name} is left out: {reason}")
        else:
            say("\n".join(verdicts))


def verdict(name: str, asked: float, ours: Load, theirs: Load) -> str:
    """Say how many times as fast ours is over so many connections, and what was asked.

    In brackets the same by processor time, which other programs on the machine change less.
    """
    times, of_processor = ours.per_second / theirs.per_second, theirs.processor_each / ours.processor_each
    return f"    {times:.1f} ({of_processor:.1f}) times {name} at {ours.connections} connections; asked: {asked:.0f}"


def package_path() -> Path:
    """Give the file of the package that the settings name, as the server takes it."""
    settings = load_settings()
    if settings.package and Path(settings.package).is_file():
        return Path(settings.package)
    registry = Registry(settings.registry)
    return (registry.show(settings.package) if settings.package else registry.serving()).path


def count_at(connections: int, count: int) -> int:
    """Give how many are sent over so many connections."""
    return max(connections, count // _ALONE_SHARE if connections == 1 else count)


def _measure_ours(ground: Ground) -> dict[int, Load]:
    count = _OURS_TIMES * ground.counts.peers
    with ground.room(_WARM_UP + sum(count_at(one, count) for one in CONNECTIONS)) as home, running(home) as server:
        post(server, ground.folder, 4, _WARM_UP)
        loads = {}
        for connections in CONNECTIONS:
            loads[connections] = post(server, ground.folder, connections, count_at(connections, count))
            _say_row(OURS, server, loads[connections])
        return loads


def _measure_peer(ground: Ground, peer: Peer, package: Path, ours: Mapping[int, Load]) -> list[str]:
    """Print a peer's lines and give what is to be said of each way where most connections are."""
    count, verdicts = int(peer.share * ground.counts.peers), []
    with ground.room(0) as home, serving(peer, home, package) as server:
        for way in peer.ways:
            _compare(server.port, way, ground.files[0], package)
            post(server, ground.folder, 4, _WARM_UP, way.form)
            for connections in CONNECTIONS:
                load = post(server, ground.folder, connections, count_at(connections, count), way.form)
                _say_row(way.name, server, load, ours[connections])
            verdicts.append(verdict(way.name, peer.asked, ours[MANY], load))
    return verdicts


def _compare(port: int, way: Way, data: bytes, package: Path) -> None:
    """See that a peer which is said to serve the package's graph gives the package's probability."""
    if way.probability is None:
        return
    headers = {"Content-Type": "image/jpeg"}
    answer = httpx.post(f"http://127.0.0.1:{port}{way.form.path}", content=data, headers=headers, timeout=60)
    said, wanted = answer.json().get("probability"), way.probability(Shipped(package), data)
    if not isinstance(said, float) or abs(said - wanted) > _SAME:
        raise LeftOut(f"it answers {answer.text[:200]!r} where the package says {wanted:.4f}")


def _say_row(service: str, server: Running, load: Load, ours: Load | None = None) -> None:
    times = None if ours is None or not load.per_second else ours.per_second / load.per_second
    say(str(Row(service=service, load=load, memory_bytes=server.share_bytes(), times=times)))
    show_failures(load)
