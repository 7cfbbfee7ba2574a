import io
import stat
import zipfile
from pathlib import Path

import pytest
from made.published import zipped

from lingula.errors import TrainingError
from lingula.training.sources.unpack import unpack

PLENTY = 10**6


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def inside(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_files_are_unpacked_without_what_systems_add(tmp_path: Path) -> None:
    data = zipped(
        {"a/b/1.jpeg": b"one", "a/2.jpeg": b"two", "__MACOSX/a/._2.jpeg": b"x", "a/.DS_Store": b"x", "a/c/": b""}
    )
    told: list[tuple[int, int]] = []

    count = unpack(
        write(tmp_path / "set.zip", data),
        tmp_path / "out",
        at_most_bytes=PLENTY,
        progress=lambda *counts: told.append(counts),
    )

    assert count == 2
    assert inside(tmp_path / "out") == ["a/2.jpeg", "a/b/1.jpeg"]
    assert told == [(1, 2), (2, 2)]


def link() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        member = zipfile.ZipInfo("a/link")
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(member, "/etc/passwd")
    return buffer.getvalue()


def encrypted() -> bytes:
    data = bytearray(zipped({"a.txt": b"x"}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    return bytes(data)


def lying() -> bytes:
    """Give an archive whose file is longer than the archive says."""
    data = bytearray(zipped({"a.txt": b"0123456789"}))
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.index(signature) + offset
        data[at : at + 4] = (3).to_bytes(4, "little")
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (zipped({"../evil.txt": b"x"}), "a name that leads outside"),
        (zipped({"a/../../evil.txt": b"x"}), "a name that leads outside"),
        (zipped({"/evil.txt": b"x"}), "a name that leads outside"),
        (zipped({"C:/evil.txt": b"x"}), "a name that leads outside"),
        (zipped({"..\\evil.txt": b"x"}), "a name that leads outside"),
        (link(), "a link or a device"),
        (encrypted(), "an encrypted file"),
        (zipped({"a.txt": b"1", "A.txt": b"2"}), "twice"),
        (zipped({"bomb": bytes(PLENTY + 1)}), "would unpack to 1 files"),
        (lying(), "is damaged"),
        (b"no zip at all", "is no zip archive"),
        (zipped({"a.txt": b"0123456789" * 50})[:-80], "is no zip archive"),
    ],
    ids=[
        "dots",
        "dots inside",
        "root",
        "drive",
        "backslash",
        "link",
        "secret",
        "twice",
        "bomb",
        "lying",
        "text",
        "torn",
    ],
)
def test_an_archive_that_is_not_safe_leaves_nothing_behind(tmp_path: Path, data: bytes, message: str) -> None:
    path = write(tmp_path / "set.zip", data)

    with pytest.raises(TrainingError, match=message):
        unpack(path, tmp_path / "out", at_most_bytes=PLENTY)

    assert inside(tmp_path) == ["set.zip"]


def test_damaged_content_is_seen(tmp_path: Path) -> None:
    data = bytearray(zipped({"a.txt": bytes(range(256)) * 8}))
    data[60] ^= 0xFF

    with pytest.raises(TrainingError, match="is damaged"):
        unpack(write(tmp_path / "set.zip", bytes(data)), tmp_path / "out", at_most_bytes=PLENTY)


def test_what_is_there_already_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    write(tmp_path / "a" / "mine.txt", b"mine")

    with pytest.raises(TrainingError, match="is there already; name an empty folder"):
        unpack(write(tmp_path / "set.zip", zipped({"a/1.txt": b"x"})), tmp_path, at_most_bytes=PLENTY)

    assert inside(tmp_path) == ["a/mine.txt", "set.zip"]
