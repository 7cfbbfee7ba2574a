"""``python -m benchmarks.queues URL...``: how many notes a queue carries in a second, beside the one in memory.

Notes are put one by one from some threads, as doors do, and then taken a few at a time and done one by one from some
threads, as workers do; `lost` and `doubled` must be 0. Without URLs only the queue in memory is measured.
"""

import argparse
import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from lingula.queues.queue import WorkQueue, open_queue
from lingula.radiology.identifiers import InstanceId

_BATCH = 4  # what a worker takes at once, unless told otherwise
_PATIENCE_SECONDS = 30.0  # for the first note: Kafka's group has to find itself


def _putting(queue: WorkQueue, count: int, threads: int) -> float:
    """Put notes and give the seconds that took."""
    mark = os.urandom(4).hex()
    started = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda number: queue.put(InstanceId(f"{mark}-{number}")), range(count)))
    return time.perf_counter() - started


def _taking(queue: WorkQueue, count: int, threads: int) -> tuple[float, Counter[str]]:
    """Take and finish all notes; give the seconds from the first to the last, and how often each came."""
    times: list[float] = []

    def work(_: int) -> Counter[str]:
        mine: Counter[str] = Counter()
        deadline = time.perf_counter() + _PATIENCE_SECONDS
        while len(times) < count and time.perf_counter() < deadline:
            for note in queue.take(_BATCH, 0.1):
                queue.done(note)
                mine[note.instance] += 1
                times.append(time.perf_counter())
        return mine

    with ThreadPoolExecutor(threads) as pool:
        seen = sum(pool.map(work, range(threads)), Counter[str]())
    return max(times) - min(times), seen


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("urls", nargs="*", help="queues as LINGULA_QUEUE_URL names them, with nothing in them")
    parser.add_argument("--notes", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=4)
    words = parser.parse_args()
    print(f"{'queue':<10} {'put/s':>8} {'taken/s':>8} {'lost':>5} {'doubled':>8}")
    for url in ["memory://", *words.urls]:
        with closing(open_queue(url)) as queue:
            put_seconds = _putting(queue, words.notes, words.threads)
            take_seconds, seen = _taking(queue, words.notes, words.threads)
        lost, doubled = words.notes - len(seen), sum(seen.values()) - len(seen)
        scheme = url.partition("://")[0]
        rates = f"{words.notes / put_seconds:>8,.0f} {len(seen) / take_seconds:>8,.0f}"
        print(f"{scheme:<10} {rates} {lost:>5} {doubled:>8}", flush=True)


if __name__ == "__main__":
    main()
