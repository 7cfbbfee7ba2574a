"""What every store promises."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lingula.errors import NotFound, SettingsError
from lingula.stores.store import ObjectStore, open_store

HOSTILE = (
    "",
    "/etc/passwd",
    "../secret",
    "north/../../secret",
    "north/..",
    ".",
    "north//one",
    "north/",
    "north/one\n",
    "north/o ne",
    "north/one\x00",
    "north\\one",
    "~incoming/one",
    "north/+i4x",
    "norð/one",
    "n" * 129,
    "n/" * 300 + "n",
)
SEGMENTS = st.text("ab.-_0", min_size=1, max_size=5).filter(lambda segment: segment not in {".", ".."})
KEYS = st.lists(SEGMENTS, min_size=1, max_size=3).map("/".join)


@pytest.mark.parametrize("data", [b"", b"pixels", bytes(range(256)) * 20_000], ids=["empty", "short", "5 MB"])
def test_what_was_put_is_given_back(store: ObjectStore, data: bytes) -> None:
    store.put("north/i1", data)
    assert store.get("north/i1") == data


def test_putting_again_replaces(store: ObjectStore) -> None:
    store.put("north/i1", b"a long first version")
    store.put("north/i1", b"second")
    assert store.get("north/i1") == b"second"
    assert list(store.keys("")) == ["north/i1"]


def test_an_unknown_key_is_not_found(store: ObjectStore) -> None:
    store.put("north/i1", b"pixels")
    with pytest.raises(NotFound, match="north/i2"):
        store.get("north/i2")


def test_what_was_deleted_is_not_found(store: ObjectStore) -> None:
    store.put("north/i1", b"pixels")
    store.delete("north/i1")
    with pytest.raises(NotFound):
        store.get("north/i1")
    assert list(store.keys("")) == []


def test_deleting_what_is_not_there_is_no_error(store: ObjectStore) -> None:
    store.delete("north/i1")
    store.put("north/i1", b"pixels")
    store.delete("south/i1")
    assert list(store.keys("")) == ["north/i1"]


def test_an_empty_store_has_no_keys(store: ObjectStore) -> None:
    assert list(store.keys("")) == []
    assert list(store.keys("north/")) == []


@given(keys=st.sets(KEYS, max_size=12), prefix=st.one_of(st.just(""), KEYS, KEYS.map(lambda key: key + "/")))
@settings(max_examples=40, deadline=None)
def test_keys_are_those_with_the_prefix_in_order(
    tmp_path_factory: pytest.TempPathFactory, keys: set[str], prefix: str
) -> None:
    for url in (f"file://{tmp_path_factory.mktemp('originals')}", "memory://"):  # S3's servers have their own, slower
        store = open_store(url)
        for key in keys:
            store.put(key, key.encode())
        assert list(store.keys(prefix)) == sorted(key for key in keys if key.startswith(prefix))


# Not rclone, which keeps objects as files: there "a" would hide "a/b". Lingula makes no such keys.
@pytest.mark.parametrize("store_url", ["file://{folder}/originals", "memory://", "moto_server"], indirect=True)
def test_a_key_may_be_the_beginning_of_another(store: ObjectStore) -> None:
    keys = ["a", "a/b", "a/b/c", "ab", "ab.c", "ab/c", "abc", "abc/d"]
    for key in keys:
        store.put(key, key.encode())
    assert [store.get(key) for key in keys] == [key.encode() for key in keys]
    assert list(store.keys("ab")) == ["ab", "ab.c", "ab/c", "abc", "abc/d"]


def test_a_hostile_key_is_refused_everywhere(store: ObjectStore) -> None:
    for key in HOSTILE:  # in one go: opening a bucket for each would take longer than all the rest
        with pytest.raises(ValueError, match="store key"):
            store.put(key, b"pixels")
        with pytest.raises(ValueError, match="store key"):
            store.get(key)
        with pytest.raises(ValueError, match="store key"):
            store.delete(key)


def test_a_hostile_prefix_is_refused(store: ObjectStore) -> None:
    for prefix in ("/", "../", "north/../", "a b", "+i4", "//", "n\x00"):
        with pytest.raises(ValueError, match="store key"):
            list(store.keys(prefix))


def test_writers_of_one_key_leave_one_whole_version(store: ObjectStore) -> None:
    versions = [bytes([number]) * 50_000 for number in range(8)]

    def put_all(mine: Sequence[bytes]) -> None:
        for version in mine:
            store.put("north/i1", version)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(put_all, [versions[start:] + versions[:start] for start in range(8)]))
    assert store.get("north/i1") in versions
    assert list(store.keys("")) == ["north/i1"]


def test_a_store_that_answers_passes_its_check(store: ObjectStore) -> None:
    store.check()
    store.check()
    assert list(store.keys("")) == []


def test_keys_are_told_in_order_however_many_folders_there_are(store: ObjectStore) -> None:
    keys = [f"{month}/{site}/i{number}" for month in ("202601", "202602") for site in ("a", "b") for number in range(3)]
    for key in reversed(keys):
        store.put(key, b"pixels")
    assert list(store.keys("")) == keys
    assert list(store.keys("202602/")) == keys[6:]
    assert list(store.keys("202602/a/i1")) == [keys[7]]


def test_what_one_program_keeps_another_finds(store_url: str, store: ObjectStore) -> None:
    if store_url == "memory://":  # forgets with its program
        return
    store.put("north/i1", b"pixels")
    another = open_store(store_url)
    assert another.get("north/i1") == b"pixels"
    another.close()
    another.close()


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://x", "originals", "file://host/x", "file:relative/x", "file:///x?y=1", "s3//bucket", ""),
        *("s3://", "s3://key:secret@bucket/", "s3://B/x", "s3://bucket/../x", "s3://bucket?endpoint=host:9000"),
        *("s3://bucket?encryption=none", "s3://bucket?kms_key=k", "s3://bucket?acl=public-read"),
    ],
)
def test_another_url_is_a_settings_error_that_names_the_setting(url: str) -> None:
    with pytest.raises(SettingsError, match="LINGULA_STORE_URL"):
        open_store(url)


def test_opening_touches_nothing(tmp_path: Path) -> None:
    open_store(f"file://{tmp_path}/originals")
    assert list(tmp_path.iterdir()) == []
