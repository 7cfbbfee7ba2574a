"""As many radiographs as a large hospital takes in weeks, without a pause: the server should stay fast and small."""

import sys
import time
from pathlib import Path

from benchmarks.ground import MEBIBYTE, Ground, say
from benchmarks.kept import Kept, Witness
from benchmarks.load import MANY, WARM_UP, Load, post, report
from benchmarks.server import running
from lingula.radiology.study import Status

ASKED_PER_SECOND, ASKED_MILLISECONDS = 350, 150
_PARTS = 10
_BLOCK_BYTES = 512  # of `st_blocks`, whatever the disk's own are


def measure_sustained(ground: Ground) -> None:
    """Measure and print; ends the program if the records do not hold what was answered."""
    count = ground.counts.sustained
    with ground.room(count + WARM_UP) as home:
        with running(home) as server:
            failed = len(post(server, ground.folder, 4, WARM_UP).failures)
            begun = server.memory_bytes()
            load = post(server, ground.folder, MANY, count)
            ended, peak = server.memory_bytes(), server.peak_bytes()
            witness = Witness(server.records_url)
            kept = witness.wait_for(WARM_UP + count - failed - len(load.failures))
            witness.close()
            stopping = time.perf_counter()
        stopped = time.perf_counter() - stopping
        report(load)
        say(f"  {pace(load)}")
        say(
            f"  memory {begun / MEBIBYTE:.0f} MiB when it began, {ended / MEBIBYTE:.0f} MiB at the end, "
            f"{peak / MEBIBYTE:.0f} MiB at most; disk {used_bytes(home) / 1e9:.2f} GB; "
            f"stopped in {stopped:.1f} s"
        )
        say(f"  asked: {ASKED_PER_SECOND}/s, p99 under {ASKED_MILLISECONDS} ms")
        say(f"  {account(kept, sent=WARM_UP + count, failed=failed + len(load.failures))}")


def pace(load: Load) -> str:
    """Say how many a second it was in each tenth."""
    every = max(1, len(load.milliseconds) // _PARTS)
    return f"a second, in each {every:,}: " + "  ".join(f"{one:.0f}" for one in load.pace(every))


def account(kept: Kept, *, sent: int, failed: int) -> str:
    """Say what the records hold of what was sent, or end the program if they lack one or hold one too many.

    A radiograph whose sender was told of a failure may be in the records all the same: it was told too late.
    """
    answered = sent - failed
    stated = kept.finished - kept.by_status.get(Status.FAILED.value, 0)
    if stated < answered or kept.total > sent:
        sys.exit(f"{answered:,} of {sent:,} were answered, and the records hold {kept}")
    return f"in the records {kept}: each of the {answered:,} that were answered, warm-up included"


def used_bytes(folder: Path) -> int:
    """Add up what the files of a folder take on the disk."""
    return sum(path.lstat().st_blocks * _BLOCK_BYTES for path in folder.rglob("*"))
