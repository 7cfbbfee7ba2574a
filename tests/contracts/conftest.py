"""One fixture for each place, run once for every URL that Lingula opens."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lingula.queues.queue import WorkQueue, open_queue
from lingula.records.accounts import Accounts
from lingula.records.records import Records, RecordsPlace, open_records
from lingula.records.shadows import Shadows
from lingula.stores.store import ObjectStore, open_store

STORES = ("file://{folder}/originals", "memory://")
QUEUES = ("memory://?lease_seconds=0.3",)
RECORDS = ("sqlite://{folder}/records.sqlite", "memory://")


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    return open_store(str(request.param).format(folder=tmp_path))


@pytest.fixture(params=QUEUES)
def queue(request: pytest.FixtureRequest) -> WorkQueue:
    """A queue whose leases last 0.3 seconds."""
    return open_queue(str(request.param))


@pytest.fixture(params=RECORDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RecordsPlace]:
    opened = open_records(str(request.param).format(folder=tmp_path))
    yield opened
    opened.records.close()


@pytest.fixture
def records(place: RecordsPlace) -> Records:
    return place.records


@pytest.fixture
def accounts(place: RecordsPlace) -> Accounts:
    return place.accounts


@pytest.fixture
def shadows(place: RecordsPlace) -> Shadows:
    return place.shadows
