"""HTTP in, durably assessed: what the generator, a process of its own, measured."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

from benchmarks.generator import Form, Order
from benchmarks.ground import say
from benchmarks.server import Running

ALONE, MANY = 1, 32
WARM_UP = 64
_SHOWN = 3
_WAIT_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class Load:
    """What the generator measured at one number of connections.

    Parameters
    ----------
    ends
        Seconds from the start to each answer, in the order they came.
    processor_seconds, generator_seconds
        Processor time of the server, and of the generator, which shares its cores.
    """

    connections: int
    seconds: float
    milliseconds: Sequence[float]
    failures: Sequence[str]
    ends: Sequence[float] = ()
    processor_seconds: float = 0.0
    generator_seconds: float = 0.0

    @property
    def per_second(self) -> float:
        """Radiographs a second, from upload to durable assessment; those that failed do not count."""
        return (len(self.milliseconds) - len(self.failures)) / self.seconds

    @property
    def processor_each(self) -> float:
        """Milliseconds of the server's processor that one radiograph took."""
        return self.processor_seconds / len(self.milliseconds) * 1000

    @property
    def generator_each(self) -> float:
        """Milliseconds of processor that sending one radiograph took."""
        return self.generator_seconds / len(self.milliseconds) * 1000

    def percentile(self, share: float) -> float:
        """Give the milliseconds that this share of the answers stayed within."""
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def pace(self, every: int) -> list[float]:
        """Give the answers a second in each run of so many, in the order they came; what is left over is not told."""
        marks = [0.0, *sorted(self.ends)[every - 1 :: every]]
        return [every / (after - before) for before, after in pairwise(marks)]


def upload(key: str) -> Form:
    """Give the upload that waits for its assessment."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/octet-stream"}
    return Form(path=f"/api/v1/instances?wait={_WAIT_SECONDS}", headers=headers, refused='"status":"received"')


def post(server: Running, folder: Path, connections: int, count: int, form: Form | None = None) -> Load:
    """Let the generator send `count` radiographs and wait for the assessment of each; `form` is ours unless given."""
    wanted = form or upload(server.key)
    order = Order(folder=str(folder), port=server.port, connections=connections, count=count, form=wanted)
    before = server.processor_seconds()
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.generator"],
        input=json.dumps(asdict(order)),
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        sys.exit(run.stderr)
    used = server.processor_seconds() - before
    sent = json.loads(run.stdout)
    sent["generator_seconds"] = sent.pop("processor_seconds")
    return Load(connections=connections, processor_seconds=used, **sent)


def report(load: Load) -> None:
    """Print one line, and the first failures."""
    p50, p95, p99 = (load.percentile(share) for share in (0.50, 0.95, 0.99))
    say(
        f"  {load.connections:>2} connections  {load.per_second:6.1f}/s over {len(load.milliseconds):,}  "
        f"p50 {p50:.1f} ms  p95 {p95:.1f} ms  p99 {p99:.1f} ms ({p99 / p50:.1f} x p50)  failures {len(load.failures)}  "
        f"processor {load.processor_each:.1f} ms each (and {load.generator_each:.2f} to send it)"
    )
    show_failures(load)


def show_failures(load: Load) -> None:
    """Print the first failures."""
    for failure in load.failures[:_SHOWN]:
        say(f"    {failure}")
