import hashlib
from pathlib import Path

import pytest
from made.web import Web, serve

from lingula.errors import BackendUnavailable, TrainingError
from lingula.training.sources.download import check_space, fetch_archive
from lingula.training.sources.published import Archive

CONTENT = bytes(range(256)) * 4000  # about a megabyte


def archive(web: Web, content: bytes = CONTENT, path: str = "/archive") -> Archive:
    return Archive(
        url=web.address + path,
        file_name="set.zip",
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        home="https://example.org/set",
    )


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_fetched_is_the_archive_and_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    with serve(Web(content=CONTENT)) as web:
        path = fetch_archive(archive(web, path="/moved"), tmp_path, progress=lambda *counts: told.append(counts))

    assert path.read_bytes() == CONTENT
    assert files(tmp_path) == ["set.zip"]
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert "lingula" in web.agents[0]


def test_a_broken_connection_is_taken_up_where_it_broke(tmp_path: Path) -> None:
    waits: list[float] = []
    with serve(Web(content=CONTENT, break_after=[300_000, 200_000])) as web:
        path = fetch_archive(archive(web), tmp_path, sleep=waits.append)

    assert path.read_bytes() == CONTENT
    assert web.asked == [None, "bytes=300000-", "bytes=500000-"]
    assert waits == [1.0, 1.0]


def test_a_later_call_goes_on_from_what_an_earlier_one_left(tmp_path: Path) -> None:
    (tmp_path / "set.zip.partial").write_bytes(CONTENT[:400_000])
    with serve(Web(content=CONTENT)) as web:
        fetch_archive(archive(web), tmp_path)
        again = fetch_archive(archive(web), tmp_path)

    assert again.read_bytes() == CONTENT
    assert web.asked == ["bytes=400000-"]  # and nothing more the second time


def test_a_server_that_knows_no_ranges_starts_anew(tmp_path: Path) -> None:
    with serve(Web(content=CONTENT, break_after=[300_000], knows_ranges=False)) as web:
        path = fetch_archive(archive(web), tmp_path, sleep=lambda _: None)

    assert path.read_bytes() == CONTENT


def test_a_busy_server_is_asked_again(tmp_path: Path) -> None:
    waits: list[float] = []
    with serve(Web(content=CONTENT, answers=[503, 429, 500])) as web:
        fetch_archive(archive(web), tmp_path, sleep=waits.append)

    assert waits == [2.0, 4.0, 8.0]


def test_another_file_is_refused_and_removed(tmp_path: Path) -> None:
    with (
        serve(Web(content=CONTENT[:-1] + b"x")) as web,
        pytest.raises(TrainingError, match="is not what was published"),
    ):
        fetch_archive(archive(web), tmp_path)

    assert files(tmp_path) == []


def test_a_file_that_is_too_long_is_refused_and_removed(tmp_path: Path) -> None:
    with serve(Web(content=CONTENT + bytes(5))) as web, pytest.raises(TrainingError, match="it was removed"):
        fetch_archive(archive(web), tmp_path)

    assert files(tmp_path) == []


def test_a_partial_file_that_belongs_to_something_longer_starts_anew(tmp_path: Path) -> None:
    (tmp_path / "set.zip.partial").write_bytes(bytes(len(CONTENT) + 1))
    with serve(Web(content=CONTENT)) as web:
        assert fetch_archive(archive(web), tmp_path).read_bytes() == CONTENT


def test_a_server_with_less_than_was_fetched_is_asked_for_all(tmp_path: Path) -> None:
    (tmp_path / "set.zip.partial").write_bytes(CONTENT[:500])
    with serve(Web(content=CONTENT, answers=[416])) as web:
        assert fetch_archive(archive(web), tmp_path, sleep=lambda _: None).read_bytes() == CONTENT
    assert web.asked == ["bytes=500-", None]


def test_a_server_that_always_breaks_off_is_given_up_and_what_came_is_kept(tmp_path: Path) -> None:
    gives_up = pytest.raises(BackendUnavailable, match=r"the next call goes on from there.*--archive")
    with serve(Web(content=CONTENT, break_after=[1000, *[0] * 20])) as web, gives_up:
        fetch_archive(archive(web), tmp_path, sleep=lambda _: None)

    assert (tmp_path / "set.zip.partial").read_bytes() == CONTENT[:1000]


def test_without_a_connection_the_way_by_hand_is_said_soon(tmp_path: Path) -> None:
    waits: list[float] = []
    with serve(Web(content=b"")) as web:
        gone = archive(web)
    with pytest.raises(
        BackendUnavailable, match=r"cannot be reached.*fetch set.zip elsewhere from https://example.org"
    ):
        fetch_archive(gone, tmp_path, sleep=waits.append)

    assert waits == [2.0]  # a person without a network is not kept waiting


def test_a_server_that_refuses_is_not_asked_again(tmp_path: Path) -> None:
    with (
        serve(Web(content=CONTENT, answers=[403])) as web,
        pytest.raises(TrainingError, match=r"answered 403.*by hand"),
    ):
        fetch_archive(archive(web), tmp_path)

    assert len(web.asked) == 1


def test_a_disk_that_is_too_small_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="GB are needed; choose another disk"):
        check_space(tmp_path, 10**18)
