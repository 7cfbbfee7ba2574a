"""What the parts cost on this machine alone: decode, forward pass, durable insert and flushed copy."""

import os
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import numpy as np

from lingula.modelpackage.preprocessing import prepare
from lingula.queues.queue import open_queue
from lingula.radiology.identifiers import InstanceId, SiteName, StudyId
from lingula.radiology.reading import describe_instance, read_radiograph
from lingula.records.records import NewInstance, open_records
from lingula.registry import Registry
from lingula.settings import load_settings
from lingula.stores.store import open_store
from lingula.triage.infer import Engine, Model

BATCH = 4  # radiographs in one run of the graph, as the server takes them
_MANY_THREADS = 32


@dataclass(frozen=True, kw_only=True)
class Limit:
    """How many a second one part alone does, with all threads busy."""

    name: str
    per_second: float


def open_model() -> Model:
    """Open the package that the settings name, in the engine they name, as the server does."""
    settings = load_settings()
    package = Registry(settings.registry).open(settings.package)
    return Model(package, engine=Engine(settings.engine), threads=1, largest_batch=BATCH)


def measure_limits(files: Sequence[bytes], threads: int, seconds: float) -> list[Limit]:
    """Measure each part alone with as many threads as the server has."""
    model = open_model()
    preprocessing = model.manifest.preprocessing
    inputs = [prepare(read_radiograph(data, at_least=preprocessing.decode_at_least), preprocessing) for data in files]
    numbers = count()

    def decode() -> int:
        data = files[next(numbers) % len(files)]
        prepare(read_radiograph(data, at_least=preprocessing.decode_at_least), preprocessing)
        return 1

    def forward() -> int:
        start = next(numbers) * BATCH % max(1, len(inputs) - BATCH)
        return len(model.infer(inputs[start : start + BATCH]))

    def forward_alone() -> int:
        return len(model.infer(inputs[:1]))

    return [
        Limit(name="decode and prepare", per_second=_rate(decode, threads, seconds)),
        Limit(name=f"forward pass, {BATCH} at once", per_second=_rate(forward, threads, seconds)),
        Limit(name="forward pass, 1 thread", per_second=_rate(forward_alone, 1, seconds)),
        *_places(files, threads, seconds),
    ]


def _places(files: Sequence[bytes], threads: int, seconds: float) -> list[Limit]:
    with tempfile.TemporaryDirectory(prefix="lingula-bench-") as folder:
        return [
            *measure_inserts(f"sqlite://{folder}/records.sqlite", files[0], seconds),
            measure_copies((Path(folder) / "store").as_uri(), files, threads, seconds),
        ]


def measure_inserts(records_url: str, file: bytes, seconds: float) -> list[Limit]:
    """Measure how many arrivals a second are recorded durably, from one thread and from many."""
    records = open_records(records_url).records
    numbers = count()
    description = describe_instance(file)

    def insert() -> int:
        name = f"{next(numbers):026d}".translate(str.maketrans("0123456789", "abcdefghij"))
        records.add_instance(
            NewInstance(
                id=InstanceId("i" + name),
                study=StudyId("s" + name),
                site=SiteName("bench"),
                door="bench",
                sha256="0" * 64,
                size_bytes=1,
                store_key=f"originals/bench/{name}",
                description=description,
                received_at=datetime.now(UTC),
            )
        )
        return 1

    limits = [
        Limit(name="durable insert, 1 thread", per_second=_rate(insert, 1, seconds)),
        Limit(name=f"durable insert, {_MANY_THREADS} threads", per_second=_rate(insert, _MANY_THREADS, seconds)),
    ]
    records.close()
    return limits


def measure_copies(store_url: str, files: Sequence[bytes], threads: int, seconds: float) -> Limit:
    """Measure how many originals a second the store keeps."""
    store = open_store(store_url)
    store.check()
    numbers = count()

    def keep() -> int:
        number = next(numbers)
        store.put(f"bench/i{number:08d}", files[number % len(files)])
        return 1

    limit = Limit(name=f"original kept, {threads} threads", per_second=_rate(keep, threads, seconds))
    store.close()
    return limit


def measure_notes(queue_url: str, threads: int, seconds: float) -> Limit:
    """Measure how many notes a second the queue takes."""
    queue = open_queue(queue_url)
    numbers = count()

    def put() -> int:
        queue.put(InstanceId(f"i{next(numbers)}"))
        return 1

    limit = Limit(name=f"note put, {threads} threads", per_second=_rate(put, threads, seconds))
    queue.close()
    return limit


def _rate(work: Callable[[], int], threads: int, seconds: float) -> float:
    """Call `work` from all threads for a while and give the sum of what it did per second."""
    work()
    stop = threading.Event()

    def repeat() -> int:
        done = 0
        while not stop.is_set():
            done += work()
        return done

    with ThreadPoolExecutor(threads) as pool:
        started = time.perf_counter()
        running = [pool.submit(repeat) for _ in range(threads)]
        time.sleep(seconds)
        stop.set()
        return sum(one.result() for one in running) / (time.perf_counter() - started)


def spin_rate(seconds: float = 0.5) -> float:
    """Give how busy this machine is with other things: 1.0 if one thread gets a whole core."""
    started, used = time.perf_counter(), time.process_time()
    while time.perf_counter() - started < seconds:
        np.sqrt(np.arange(1000.0))
    return (time.process_time() - used) / (time.perf_counter() - started)


def cores() -> int:
    """Give how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
