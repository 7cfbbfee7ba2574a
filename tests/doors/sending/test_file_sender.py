"""A folder receives radiographs whole or not at all, under names that say nothing of anybody."""

from pathlib import Path

import pytest

from lingula.doors.sending.patience import ATTEMPTS, Patience
from lingula.doors.sending.sender import Outcome, open_sender
from lingula.errors import BackendUnavailable, NotFound, SettingsError


def test_a_file_appears_whole_under_a_name_made_of_its_content(tmp_path: Path) -> None:
    folder = tmp_path / "in coming"
    folder.mkdir()
    sender = open_sender(folder.as_uri())
    assert sender.send(b"the bytes", "Ann Example.JPG").outcome is Outcome.RECEIVED
    assert sender.send(b"the bytes", "Other Name.jpg").outcome is Outcome.KNOWN
    sender.close()
    (found,) = folder.iterdir()
    assert found.read_bytes() == b"the bytes"
    assert "Ann" not in found.name
    assert found.suffix == ".jpg"


def test_a_folder_that_is_not_there_is_told_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="mount the share"):
        open_sender((tmp_path / "missing").as_uri()).send(b"x")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_takes_nothing_is_tried_again_and_given_up() -> None:
    waits: list[float] = []
    sender = open_sender(
        f"file:///{'x' * 300}", patience=Patience(wait=waits.append)
    )  # longer than any file system's names
    with pytest.raises(BackendUnavailable, match="try again later"):
        sender.send(b"x")
    sender.close()
    assert len(waits) == ATTEMPTS - 1


@pytest.mark.parametrize("url", ["file://host/folder", "file:", "file://folder"])
def test_a_folder_is_named_by_its_whole_path(url: str) -> None:
    with pytest.raises(SettingsError, match="three slashes"):
        open_sender(url)
