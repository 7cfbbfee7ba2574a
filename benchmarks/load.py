"""HTTP in, durably assessed: what the generator, a process of its own, measured."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ground import say
from benchmarks.server import Running

ALONE, MANY = 1, 32
WARM_UP = 64
_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Load:
    """What the generator measured at one number of connections."""

    connections: int
    seconds: float
    milliseconds: Sequence[float]
    failures: Sequence[str]
    processor_seconds: float = 0.0  # of the server

    @property
    def per_second(self) -> float:
        """Radiographs a second, from upload to durable assessment; those that failed do not count."""
        return (len(self.milliseconds) - len(self.failures)) / self.seconds

    def percentile(self, share: float) -> float:
        """Give the milliseconds that this share of the answers stayed within."""
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def post(server: Running, folder: Path, connections: int, count: int) -> Load:
    """Let the generator send `count` radiographs and wait for the assessment of each."""
    words = [str(folder), "127.0.0.1", str(server.port), server.key, str(connections), str(count)]
    before = server.processor_seconds()
    run = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "benchmarks.generator", *words], capture_output=True, text=True, check=False
    )
    if run.returncode:
        sys.exit(run.stderr)
    used = server.processor_seconds() - before
    return Load(connections=connections, processor_seconds=used, **json.loads(run.stdout))


def report(load: Load) -> None:
    """Print one line, and the first failures."""
    p50, p95, p99 = (load.percentile(share) for share in (0.50, 0.95, 0.99))
    each = load.processor_seconds / len(load.milliseconds) * 1000
    say(
        f"  {load.connections:>2} connections  {load.per_second:6.1f}/s over {len(load.milliseconds):,}  "
        f"p50 {p50:.1f} ms  p95 {p95:.1f} ms  p99 {p99:.1f} ms ({p99 / p50:.1f} x p50)  failures {len(load.failures)}  "
        f"processor {each:.1f} ms each"
    )
    for failure in load.failures[:_SHOWN]:
        say(f"    {failure}")
