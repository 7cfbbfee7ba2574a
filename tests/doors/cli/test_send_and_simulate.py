"""Sending through other doors than HTTP, several hospitals at once, and a pause."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from made.commands import Lingula
from made.receivers import served
from made.triage import made_jpeg
from servers.authority import Authority

from lingula.doors.cli.simulate import hospitals
from lingula.errors import SettingsError

# Undoes what a shell does to what it runs in the background, the tests included: SIGINT is ignored there.
HEARS_CTRL_C = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from lingula.doors.cli.main import main; main()"
)


def test_send_puts_files_into_a_folder_and_tells_the_tally(lingula: Lingula, pictures: Path, tmp_path: Path) -> None:
    target = tmp_path / "incoming"
    target.mkdir()
    ended = lingula("send", pictures, "--to", target.as_uri())
    assert ended.code == 0
    assert "2 received in " in ended.err
    assert "1 known" in lingula("send", pictures / "a.jpg", "--to", target.as_uri()).err
    assert len(list(target.iterdir())) == 2


def test_what_was_not_sent_is_counted_when_nobody_answers(lingula: Lingula, pictures: Path, tmp_path: Path) -> None:
    ended = lingula("send", pictures, "--to", (tmp_path / "missing").as_uri())
    assert ended.code == 4
    assert "2 without an answer" in ended.err


def test_several_hospitals_send_at_the_same_time(lingula: Lingula, pictures: Path, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("north", "south")]
    for folder in folders:
        folder.mkdir()
    to = [word for folder in folders for word in ("--to", folder.as_uri())]
    ended = lingula("simulate", *to, "--every", "0.001", "--count", "40", "--source", pictures)
    assert ended.code == 0
    assert "40 received" in ended.err
    assert [len(list(folder.iterdir())) > 0 for folder in folders] == [True, True]
    assert sum(len(list(folder.iterdir())) for folder in folders) == 40


def test_keys_and_addresses_are_paired_or_shared() -> None:
    assert hospitals(["a", "b"], ["one"]) == [("a", "one"), ("b", "one")]
    assert hospitals(["a", "b"], ["one", "two"]) == [("a", "one"), ("b", "two")]
    assert hospitals(["a"], []) == [("a", None)]
    with pytest.raises(SettingsError, match="2 addresses and 3 keys"):
        hospitals(["a", "b"], ["one", "two", "three"])


def test_the_signal_usr1_pauses_and_goes_on(pictures: Path, tmp_path: Path) -> None:
    target = tmp_path / "incoming"
    target.mkdir()
    words = ("simulate", "--to", target.as_uri(), "--every", "0.01", "--source", str(pictures))
    hospital = subprocess.Popen([sys.executable, "-c", HEARS_CTRL_C, *words], stderr=subprocess.PIPE, text=True)
    try:
        wait_until_more(target, 0)
        os.kill(hospital.pid, signal.SIGUSR1)
        time.sleep(0.3)  # one may be under way
        resting = len(list(target.iterdir()))
        time.sleep(0.3)
        assert len(list(target.iterdir())) == resting
        os.kill(hospital.pid, signal.SIGUSR1)
        wait_until_more(target, resting)
    finally:
        hospital.send_signal(signal.SIGINT)
        _, said = hospital.communicate(timeout=20)
    assert hospital.returncode == 130
    assert "paused" in said
    assert "going on" in said
    assert f"{len(list(target.iterdir()))} received" in said


def test_a_stop_by_sigterm_tells_the_tally_too(pictures: Path, tmp_path: Path) -> None:
    target = tmp_path / "incoming"
    target.mkdir()
    words = ("simulate", "--to", target.as_uri(), "--every", "0.01", "--source", str(pictures))
    hospital = subprocess.Popen([sys.executable, "-m", "lingula", *words], stderr=subprocess.PIPE, text=True)
    try:
        wait_until_more(target, 0)
    finally:
        hospital.send_signal(signal.SIGTERM)
        _, said = hospital.communicate(timeout=20)
    assert hospital.returncode == 130
    assert f"{len(list(target.iterdir()))} received" in said


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_sending_that_is_stopped_while_it_waits_says_at_once_what_is_left(pictures: Path, how: signal.Signals) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        words = ("send", str(pictures), "--to", f"http://127.0.0.1:{deaf.getsockname()[1]}", "--connections", "1")
        sending = subprocess.Popen([sys.executable, "-c", HEARS_CTRL_C, *words], stderr=subprocess.PIPE, text=True)
        deaf.settimeout(30)
        for _ in range(6):  # the seventh attempt comes after 4 to 8 seconds
            deaf.accept()[0].close()
    time.sleep(0.2)
    sending.send_signal(how)
    began = time.monotonic()
    _, said = sending.communicate(timeout=60)
    assert sending.returncode == 130
    assert "without an answer" in said
    assert time.monotonic() - began < 3.5


def wait_until_more(folder: Path, than: int) -> None:
    deadline = time.monotonic() + 20
    while len([path for path in folder.iterdir() if path.suffix == ".jpg"]) <= than:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("command", ["send", "simulate"])
def test_an_untrusted_certificate_is_said_by_both_commands(
    lingula: Lingula, authority: Authority, tmp_path: Path, command: str
) -> None:
    (tmp_path / "one.jpeg").write_bytes(made_jpeg())
    with served(authority.identity("web")) as port:
        words = [str(tmp_path / "one.jpeg")] if command == "send" else ["--source", str(tmp_path), "--count", "1"]
        ended = lingula(command, "--to", f"https://127.0.0.1:{port}", *words)
    assert ended.code == 78
    assert "its certificate is of no authority known here" in ended.err
