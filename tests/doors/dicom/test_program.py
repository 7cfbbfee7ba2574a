"""The real program with its DICOM door, killed in mid-transfer and stopped in good order."""

import signal
import socket
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from made.dicom_files import SOP_UID
from made.hospital import made_dicom
from made.packages import made_package
from made.servers import serving, settings_for
from made.wards import DX, associated, context, data_set
from servers.process import free_port, listens

from lingula.doors.dicom.commands import CommandField, write_request
from lingula.doors.dicom.pdus import write_association_request, write_command
from lingula.doors.dicom.requesting import Peer
from lingula.doors.sending.patience import Patience
from lingula.doors.sending.sender import Outcome, open_sender
from lingula.radiology.identifiers import SiteName
from lingula.records.accounts import Site
from lingula.records.records import open_records
from lingula.stores.store import open_store

START_SECONDS = 30.0
SENDER_PATIENCE = Patience(wait=lambda _seconds: time.sleep(0.2), attempts=150)


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    """A home with one site that sends under the AE title NORTH, and a port for DICOM."""
    home = tmp_path / "home"
    home.mkdir()
    place = open_records(f"sqlite://{home}/records.sqlite")
    place.accounts.add_site(Site(name=SiteName("north"), ae_title="NORTH", api_key_sha256="0" * 64))
    place.records.close()
    package = made_package(tmp_path / "package")
    return settings_for(home, package) | {"LINGULA_DICOM_PORT": str(free_port())}


def wait_for(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not listens(port):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def originals(settings: dict[str, str]) -> list[str]:
    return list(open_store(f"file://{settings['LINGULA_HOME']}/store").keys(""))


def test_a_kill_in_mid_transfer_leaves_nothing_half_written_and_the_sender_goes_on(settings: dict[str, str]) -> None:
    port = int(settings["LINGULA_DICOM_PORT"])
    url = f"dicom://LINGULA@127.0.0.1:{port}?calling=NORTH"
    with closing(open_sender(url, patience=SENDER_PATIENCE)) as sender:
        with serving(settings=settings) as served:
            wait_for(port)
            assert sender.send(made_dicom(number=1)).outcome is Outcome.RECEIVED
            with socket.create_connection(("127.0.0.1", port), 10) as half:
                half.sendall(write_association_request("LINGULA", "NORTH", [context(1)]))
                half.sendall(write_command(1, write_request(CommandField.C_STORE, 1, DX, f"{SOP_UID}.2"), 0))
                half.recv(10)
                served.process.send_signal(signal.SIGKILL)
                served.process.wait(10)
            assert len(originals(settings)) == 1
            outcomes: list[Outcome] = []
            retrying = threading.Thread(target=lambda: outcomes.append(sender.send(made_dicom(number=2)).outcome))
            retrying.start()
        with serving(settings=settings):
            retrying.join(60)
            assert outcomes == [Outcome.RECEIVED]
            assert sender.send(made_dicom(number=1)).outcome is Outcome.RECEIVED  # again: it is known
    assert len(originals(settings)) == 2


def test_a_stop_lets_go_of_idle_associations_and_of_the_port(settings: dict[str, str]) -> None:
    port = int(settings["LINGULA_DICOM_PORT"])
    peer = Peer(host="127.0.0.1", port=port, called="LINGULA", calling="NORTH")
    with serving(settings=settings) as served:
        wait_for(port)
        with associated(peer) as association:
            assert association.store(1, DX, f"{SOP_UID}.1", data_set(made_dicom())).status == 0
            served.process.send_signal(signal.SIGTERM)
            assert served.process.wait(20) == 0
    assert not listens(port)


def test_a_taken_port_ends_the_program_with_what_to_do(settings: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", int(settings["LINGULA_DICOM_PORT"]))), serving(settings=settings) as served:
        _, said = served.process.communicate(timeout=30)
        assert served.process.returncode == 78
        assert "LINGULA_DICOM_PORT" in said
