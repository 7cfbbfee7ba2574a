"""One fixture for each place, run once for every URL that Lingula opens."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.s3 import S3Server, new_name

from lingula.queues.queue import WorkQueue, open_queue
from lingula.records.accounts import Accounts
from lingula.records.records import Records, RecordsPlace, open_records
from lingula.records.shadows import Shadows
from lingula.stores.store import ObjectStore, open_store

STORES = ("file://{folder}/originals", "memory://", "moto_server", "rclone_server")  # the last two are fixtures
QUEUES = ("memory://?", "redis_queue", "nats_queue", "kafka_queue")  # the last three are fixtures
RECORDS = ("sqlite://{folder}/records.sqlite", "memory://", "postgres_database")  # the last one is a fixture


@pytest.fixture(params=STORES)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store; a bucket is made by the store itself."""
    named = str(request.param)
    if "://" in named:
        return named.format(folder=tmp_path)
    request.getfixturevalue("s3_credentials")
    server = request.getfixturevalue(named)
    assert isinstance(server, S3Server)
    return server.url(new_name(), "lingula")


@pytest.fixture
def store(store_url: str) -> Iterator[ObjectStore]:
    opened = open_store(store_url)
    yield opened
    opened.close()


@pytest.fixture(params=QUEUES)
def queue_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty queue whose leases last 0.3 seconds."""
    named = str(request.param)
    return f"{named if '://' in named else request.getfixturevalue(named)}lease_seconds=0.3"


@pytest.fixture
def queue(queue_url: str) -> Iterator[WorkQueue]:
    opened = open_queue(queue_url)
    yield opened
    opened.close()


@pytest.fixture(params=RECORDS)
def records_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of records with nothing in them."""
    named = str(request.param)
    return named.format(folder=tmp_path) if "://" in named else str(request.getfixturevalue(named))


@pytest.fixture
def place(records_url: str) -> Iterator[RecordsPlace]:
    opened = open_records(records_url)
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
