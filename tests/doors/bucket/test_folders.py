"""Watched folders: slow writers, strangers, files that must not be touched."""

import os
from pathlib import Path

import pytest
from made.bucket_stand import Stand
from made.hospital import made_dicom
from made.triage import LIKELY, NORTH, SOUTH, made_jpeg

from lingula.records.accounts import BindingKind


@pytest.fixture
def folder(stand: Stand, tmp_path: Path) -> Path:
    made = tmp_path / "incoming"
    made.mkdir()
    stand.bind(BindingKind.FOLDER, str(made))
    return made


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_file_is_taken_in_the_second_look_and_moved(stand: Stand, folder: Path) -> None:
    (folder / "2026").mkdir()
    (folder / "2026" / "a.dcm").write_bytes(made_dicom())
    stand.look_into_folders()
    assert names(folder) == ["2026/a.dcm"]
    stand.look_into_folders()
    assert names(folder) == ["done/2026/a.dcm"]
    assert stand.arrived() == 1
    assert stand.counts() == {("north", "received"): 1.0}


def test_a_slow_writer_is_waited_for_however_often_it_pauses(stand: Stand, folder: Path) -> None:
    data = made_jpeg()
    with (folder / "a.jpeg").open("wb") as file:
        for start in range(0, len(data), len(data) // 4 + 1):
            file.write(data[start : start + len(data) // 4 + 1])
            file.flush()
            stand.look_into_folders()
            stand.look_into_folders()  # a pause in which nothing changes
            stand.look_into_folders()
            if start + len(data) // 4 + 1 < len(data):
                assert names(folder) == ["a.jpeg"]
    stand.look_into_folders()
    assert names(folder) == ["done/a.jpeg"]
    assert stand.counts() == {("north", "received"): 1.0}


def test_a_file_renamed_into_place_is_taken(stand: Stand, folder: Path) -> None:
    unfinished = folder / "a.dcm.part"
    unfinished.write_bytes(made_dicom())
    for _ in range(3):
        stand.look_into_folders()
    assert names(folder) == ["a.dcm.part"]
    unfinished.rename(folder / "a.dcm")
    stand.look_into_folders()
    stand.look_into_folders()
    assert names(folder) == ["done/a.dcm"]


def test_what_is_no_radiograph_is_refused_after_a_minute_with_the_reason(stand: Stand, folder: Path) -> None:
    (folder / "letter.txt").write_text("not a radiograph")
    (folder / "cut.jpeg").write_bytes(made_jpeg()[:2000])
    for _ in range(4):
        stand.look_into_folders()
    assert names(folder) == ["cut.jpeg", "letter.txt"]
    stand.look_into_folders(after_seconds=60.0)
    assert names(folder) == [
        "refused/cut.jpeg",
        "refused/cut.jpeg.reason.txt",
        "refused/letter.txt",
        "refused/letter.txt.reason.txt",
    ]
    assert "truncated" in (folder / "refused/cut.jpeg.reason.txt").read_text()
    assert stand.counts() == {("north", "refused"): 2.0}


def test_a_file_larger_than_allowed_is_refused_unread(stand: Stand, folder: Path) -> None:
    with (folder / "huge.dcm").open("wb") as file:
        file.truncate(stand.system.settings.upload_limit_bytes + 1)
    stand.look_into_folders()
    stand.look_into_folders()
    assert names(folder) == ["refused/huge.dcm", "refused/huge.dcm.reason.txt"]


def test_the_same_radiograph_twice_is_received_once_and_both_files_are_kept(stand: Stand, folder: Path) -> None:
    for _ in range(2):
        (folder / "a.dcm").write_bytes(made_dicom())
        stand.look_into_folders()
        stand.look_into_folders()
    assert names(folder) == ["done/a-2.dcm", "done/a.dcm"]
    assert stand.arrived() == 1
    assert stand.counts() == {("north", "received"): 1.0, ("north", "received again"): 1.0}


def test_links_hidden_files_and_folders_outside_are_left_alone(stand: Stand, folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.dcm").write_bytes(made_dicom())
    (folder / "link.dcm").symlink_to(outside / "secret.dcm")
    (folder / "linked").symlink_to(outside, target_is_directory=True)
    (folder / ".hidden.dcm").write_bytes(made_dicom())
    (folder / "Thumbs.db").write_bytes(b"x")
    os.mkfifo(folder / "pipe.dcm")
    for _ in range(3):
        stand.look_into_folders(after_seconds=61.0)
    assert stand.counts() == {}
    assert (folder / "link.dcm").is_symlink()
    assert (outside / "secret.dcm").exists()


def test_nothing_is_moved_through_a_link_named_done(stand: Stand, folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (folder / "done").symlink_to(outside, target_is_directory=True)
    (folder / "a.dcm").write_bytes(made_dicom())
    for _ in range(4):
        stand.look_into_folders()
    assert names(outside) == []
    assert (folder / "a.dcm").exists()
    assert stand.counts() == {("north", "received"): 1.0}


def test_a_folder_inside_another_s_belongs_to_the_longer_binding(stand: Stand, folder: Path) -> None:
    (folder / "south").mkdir()
    stand.bind(BindingKind.FOLDER, str(folder / "south"), SOUTH)
    (folder / "a.dcm").write_bytes(made_dicom(number=1))
    (folder / "south" / "b.dcm").write_bytes(made_dicom(number=2))
    stand.look_into_folders()
    stand.look_into_folders()
    assert stand.counts() == {(NORTH, "received"): 1.0, (SOUTH, "received"): 1.0}
    assert names(folder) == ["done/a.dcm", "south/done/b.dcm"]


def test_a_folder_that_is_not_mounted_is_looked_into_again(stand: Stand, tmp_path: Path) -> None:
    share = tmp_path / "share"
    stand.bind(BindingKind.FOLDER, str(share))
    stand.look_into_folders()
    share.mkdir()
    (share / "a.dcm").write_bytes(made_dicom())
    stand.look_into_folders()
    stand.look_into_folders()
    assert names(share) == ["done/a.dcm"]


def test_names_of_any_bytes_are_taken(stand: Stand, folder: Path) -> None:
    for number, name in enumerate((b"M\xfcller\n.dcm", "Ä b#%.dcm".encode(), b"-rf")):
        Path(os.fsdecode(bytes(folder) + b"/" + name)).write_bytes(made_dicom(LIKELY, number=number))
    stand.look_into_folders()
    stand.look_into_folders()
    assert stand.counts() == {("north", "received"): 3.0}


def test_real_radiographs_are_taken_whole_from_a_writer_that_copies_in_pieces(
    stand: Stand, folder: Path, real_data: Path
) -> None:
    originals = sorted((real_data / "chest_xray" / "train").rglob("*.jpeg"))[:6]
    for original in originals:
        data = original.read_bytes()
        for end in (len(data) // 3, len(data) * 9 // 10, len(data)):
            (folder / original.name).write_bytes(data[:end])
            stand.look_into_folders()
            stand.look_into_folders()
    stand.look_into_folders()
    assert stand.counts() == {("north", "received"): 6.0}
    assert all((folder / "done" / one.name).read_bytes() == one.read_bytes() for one in originals)
