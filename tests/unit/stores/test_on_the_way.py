"""Bytes at hand between storing and reading: once, for a while, within a bound, and never instead of the store."""

import pytest

from lingula.errors import BackendUnavailable, NotFound
from lingula.stores.memory import MemoryStore
from lingula.stores.on_the_way import MOST_SECONDS, OnTheWay


class Counting(MemoryStore):
    """Knows what was read, and may be out of reach."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []
        self.is_away = False

    def put(self, key: str, data: bytes) -> None:
        if self.is_away:
            raise BackendUnavailable("away")
        super().put(key, data)

    def get(self, key: str) -> bytes:
        self.read.append(key)
        return super().get(key)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def inner() -> Counting:
    return Counting()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(inner: Counting, clock: Clock) -> OnTheWay:
    return OnTheWay(inner, most_bytes=10, timer=clock)


def test_what_was_just_stored_is_read_once_without_asking_the_store(store: OnTheWay, inner: Counting) -> None:
    store.put("a", b"pixels")
    assert store.get("a") == b"pixels"
    assert inner.read == []
    assert store.get("a") == b"pixels"
    assert inner.read == ["a"]


def test_what_does_not_fit_is_fetched_and_what_is_read_makes_room(store: OnTheWay, inner: Counting) -> None:
    store.put("a", b"123456")
    store.put("b", b"123456")
    assert store.get("b") == store.get("a") == b"123456"
    assert inner.read == ["b"]
    store.put("c", b"1234567890")
    assert store.get("c") == b"1234567890"
    assert inner.read == ["b"]


def test_what_nobody_read_in_time_makes_room(store: OnTheWay, inner: Counting, clock: Clock) -> None:
    store.put("a", b"1234567890")
    clock.now = MOST_SECONDS
    store.put("b", b"1234567890")
    store.get("b")
    store.get("a")
    assert inner.read == ["a"]


def test_what_the_store_refused_is_not_at_hand(store: OnTheWay, inner: Counting) -> None:
    store.put("a", b"first")
    inner.is_away = True
    with pytest.raises(BackendUnavailable):
        store.put("a", b"second")
    assert store.get("a") == b"first"
    assert inner.read == ["a"]


def test_what_was_deleted_is_gone(store: OnTheWay) -> None:
    store.put("a", b"pixels")
    store.delete("a")
    with pytest.raises(NotFound):
        store.get("a")
    store.put("a", b"1234567890")  # nothing of the first counts any more
    assert list(store.keys("")) == ["a"]
