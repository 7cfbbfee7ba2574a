"""What only a folder can do wrong: full disks, permissions, files left half-written, power cuts."""

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lingula.errors import BackendUnavailable, NotFound
from lingula.stores.store import open_store

PUTTER = """
import hashlib, sys
from lingula.stores.store import open_store
store = open_store(sys.argv[1])
for number in range(100_000):
    data = hashlib.sha256(str(number).encode()).digest() * 10_000
    store.put(f"north/i{number}", data)
    print(number, flush=True)
"""
LIMITED = """
import resource, sys
from lingula.errors import BackendUnavailable
from lingula.stores.store import open_store
store = open_store(sys.argv[1])
store.put("north/i1", b"small")
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    store.put("north/i2", bytes(200_000))
except BackendUnavailable as error:
    print(error)
print(list(store.keys("")))
"""


def test_killed_while_writing_it_keeps_what_it_acknowledged_and_nothing_half(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/originals"
    with subprocess.Popen([sys.executable, "-c", PUTTER, url], stdout=subprocess.PIPE, text=True) as putter:
        assert putter.stdout is not None
        for _ in range(5):
            putter.stdout.readline()
        putter.kill()
        acknowledged = 5 + len(putter.stdout.read().splitlines())
    store = open_store(url)
    found = set(store.keys(""))
    assert found >= {f"north/i{number}" for number in range(acknowledged)}
    for key in found:
        number = key.removeprefix("north/i")
        assert store.get(key) == hashlib.sha256(number.encode()).digest() * 10_000


def test_a_disk_that_takes_no_more_is_said_so_and_leaves_nothing_behind(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/originals"
    run = subprocess.run([sys.executable, "-c", LIMITED, url], capture_output=True, text=True, check=True)
    assert "cannot be written" in run.stdout
    assert "free space" in run.stdout
    assert run.stdout.splitlines()[-1] == "['north/i1']"
    assert list((tmp_path / "originals/~incoming").iterdir()) == []


def test_a_place_that_is_no_folder_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    store = open_store(f"file://{tmp_path}/file/originals")
    with pytest.raises(BackendUnavailable, match="cannot be written"):
        store.put("north/i1", b"pixels")
    with pytest.raises(BackendUnavailable, match="cannot be written"):
        store.check()
    with pytest.raises(BackendUnavailable, match="cannot be read"):
        store.get("north/i1")
    with pytest.raises(BackendUnavailable, match="cannot be read"):
        list(store.keys(""))
    with pytest.raises(BackendUnavailable, match="cannot be written"):
        store.delete("north/i1")


def test_a_name_taken_by_a_folder_leaves_nothing_half_written(tmp_path: Path) -> None:
    store = open_store(f"file://{tmp_path}/originals")
    (tmp_path / "originals/north/+i1/i1/in-the-way").mkdir(parents=True)
    with pytest.raises(BackendUnavailable):
        store.put("north/i1", b"pixels")
    assert list((tmp_path / "originals/~incoming").iterdir()) == []


def test_old_unfinished_files_are_taken_away_at_the_start_and_young_ones_left(tmp_path: Path) -> None:
    incoming = tmp_path / "originals/~incoming"
    incoming.mkdir(parents=True)
    for name, age_seconds in (("old", 7_200), ("young", 60)):
        (incoming / name).write_bytes(b"half a radio")
        os.utime(incoming / name, (time.time() - age_seconds,) * 2)
    open_store(f"file://{tmp_path}/originals").put("north/i1", b"pixels")
    assert [path.name for path in incoming.iterdir()] == ["young"]


def test_an_unfinished_file_is_no_object(tmp_path: Path) -> None:
    store = open_store(f"file://{tmp_path}/originals")
    store.put("north/i1", b"pixels")
    (tmp_path / "originals/~incoming/123-1").write_bytes(b"half a radio")
    assert list(store.keys("")) == ["north/i1"]


def test_only_the_owner_can_read_what_is_kept(tmp_path: Path) -> None:
    open_store(f"file://{tmp_path}/originals").put("north/i1", b"pixels")
    modes = {path.stat().st_mode & 0o077 for path in (tmp_path / "originals").rglob("*")}
    assert modes == {0}


def test_a_folder_emptied_by_somebody_is_made_again(tmp_path: Path) -> None:
    store = open_store(f"file://{tmp_path}/originals")
    store.put("north/i1", b"pixels")
    (tmp_path / "originals/~incoming").rmdir()
    store.put("north/i2", b"pixels")
    assert list(store.keys("")) == ["north/i1", "north/i2"]


def test_an_address_with_a_blank_is_understood(tmp_path: Path) -> None:
    open_store(f"file://{tmp_path}/my%20originals").put("i1", b"pixels")
    assert (tmp_path / "my originals/+i1/i1").read_bytes() == b"pixels"


def test_messages_name_the_folder_and_not_the_object(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(BackendUnavailable) as refused:
        open_store(f"file://{tmp_path}/file").get("north/i1")
    assert str(tmp_path / "file") in str(refused.value)
    assert "i1" not in str(refused.value)
    with pytest.raises(NotFound):
        open_store(f"file://{tmp_path}/nothing-yet").get("north/i1")
