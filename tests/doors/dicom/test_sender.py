"""Sending by DICOM: to our own door and to Orthanc; what waits, what is final, what is refused before it leaves."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from made.dicom_files import NATIVE, as_bytes, by_hand, made_dataset, picture_elements
from made.hospital import made_dicom
from made.triage import FaultyStore, Outage, made_chest, made_jpeg
from made.wards import OpenWard, Ward, data_set
from pydicom.uid import UID
from servers.orthanc import running_orthanc
from servers.process import free_port
from typer.testing import CliRunner

from lingula.doors.cli.main import app
from lingula.doors.sending.dicom import DicomSender, peer_of
from lingula.doors.sending.patience import Patience
from lingula.doors.sending.sender import Outcome, Sender, open_sender
from lingula.errors import BackendUnavailable, NotAllowed, SettingsError
from lingula.wiring import System


@contextmanager
def sending(
    ward: Ward, options: str = "calling=NORTH", wait: Callable[[float], object] = lambda _seconds: None
) -> Iterator[Sender]:
    url = f"dicom://LINGULA@127.0.0.1:{ward.door.port}?{options}"
    with closing(open_sender(url, patience=Patience(wait=wait))) as sender:
        yield sender


@pytest.mark.parametrize("syntax", NATIVE, ids=lambda syntax: UID(syntax).name)
def test_a_file_arrives_byte_for_byte(ward: Ward, syntax: UID) -> None:
    data = as_bytes(made_dataset(made_chest()), syntax)
    with sending(ward) as sender:
        assert sender.send(data, "Doe^Jane.dcm").outcome is Outcome.RECEIVED
    (kept,) = ward.kept()
    assert bytes(data_set(ward.bytes_of(kept))) == bytes(data_set(data))
    assert kept.new.source_name is None


def test_one_association_carries_many_files(open_ward: OpenWard) -> None:
    ward = open_ward(dicom_associations=1)
    with sending(ward) as sender:
        for number in range(5):
            assert sender.send(made_dicom(number=number)).outcome is Outcome.RECEIVED
    assert len(ward.kept()) == 5


def test_an_association_that_was_let_go_meanwhile_is_opened_again(open_ward: OpenWard) -> None:
    ward = open_ward(dicom_idle_seconds=0.05)
    with sending(ward) as sender:
        for number in range(3):
            assert sender.send(made_dicom(number=number)).outcome is Outcome.RECEIVED
            time.sleep(0.7)  # the door looks every half second
    assert len(ward.kept()) == 3


def test_out_of_resources_is_tried_again_until_it_is_kept(open_ward: OpenWard) -> None:
    outage = Outage({"store.put"})

    def faulty(system: System) -> System:
        return replace(system, receiver=replace(system.receiver, store=FaultyStore(store=system.store, outage=outage)))

    pauses: list[float] = []

    def wait(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            outage.of.clear()

    ward = open_ward(faulty)
    with sending(ward, wait=wait) as sender:
        assert sender.send(made_dicom()).outcome is Outcome.RECEIVED
    assert len(pauses) == 3
    assert len(ward.kept()) == 1


def test_a_receiver_that_is_not_there_is_tried_again_and_then_given_up(ward: Ward) -> None:
    ward.door.close()
    pauses: list[float] = []
    with sending(ward, wait=pauses.append) as sender, pytest.raises(BackendUnavailable, match="LINGULA at 127"):
        sender.send(made_dicom())
    assert len(pauses) > 3


def test_a_receiver_without_a_free_association_is_tried_again(open_ward: OpenWard) -> None:
    ward = open_ward(dicom_associations=1)
    with sending(ward) as first:
        first.send(made_dicom(number=1))
        with sending(ward, wait=lambda _seconds: first.close()) as second:
            assert second.send(made_dicom(number=2)).outcome is Outcome.RECEIVED


def test_a_title_that_is_not_known_is_said(ward: Ward) -> None:
    with sending(ward, "calling=STRANGER") as sender, pytest.raises(NotAllowed, match="does not know the calling AE"):
        sender.send(made_dicom())
    with (
        closing(open_sender(f"dicom://OTHER@127.0.0.1:{ward.door.port}?calling=NORTH")) as sender,
        pytest.raises(NotAllowed, match="is not called 'OTHER'"),
    ):
        sender.send(made_dicom())


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (made_jpeg(), "no DICOM file"),
        (b"", "no DICOM file"),
        (bytes(128) + b"DICM" + b"\2\0\1", "truncated"),
        (by_hand(*picture_elements(2, 2, b"\0" * 4)), "no SOP class"),
    ],
)
def test_what_is_no_dicom_object_is_refused_before_it_leaves(ward: Ward, data: bytes, reason: str) -> None:
    with sending(ward) as sender:
        sent = sender.send(data)
    assert sent.outcome is Outcome.REFUSED
    assert reason in (sent.reason or "")


def test_what_the_receiver_cannot_understand_is_refused_with_its_reason(ward: Ward) -> None:
    broken = as_bytes(made_dataset(made_chest()))[:-1000]
    with sending(ward) as sender:
        sent = sender.send(broken)
    assert (sent.outcome, "0xC000" in (sent.reason or "")) == (Outcome.REFUSED, True)


def test_an_archive_takes_what_we_send(tmp_path: Path) -> None:
    with running_orthanc(tmp_path / "orthanc", {}) as archive:
        url = f"dicom://ORTHANC@127.0.0.1:{archive.dicom_port}"
        with closing(DicomSender(url, Patience(attempts=1))) as sender:
            assert sender.send(made_dicom(number=1)).outcome is Outcome.RECEIVED
            assert sender.send(made_dicom(number=2)).outcome is Outcome.RECEIVED
        (one, _) = archive.api.get("/instances").json()
        assert data_set(archive.api.get(f"/instances/{one}/file").content).nbytes > 480 * 560


def test_nobody_listening_and_an_unknown_host_are_told_apart() -> None:
    where = {
        f"dicom://LINGULA@127.0.0.1:{free_port()}": "nobody listens there: see whether it runs and the port is right",
        "dicom://LINGULA@lingula.invalid:11112": "check the spelling, or the name service",
    }
    for url, said in where.items():
        sender = open_sender(url, patience=Patience(attempts=1))
        with closing(sender), pytest.raises(BackendUnavailable) as nobody:
            sender.send(made_dicom())
        assert str(nobody.value).endswith(said)


@pytest.mark.parametrize(
    "url",
    [
        "dicom://127.0.0.1:104",
        "dicom://AET@127.0.0.1",
        "dicom://AET@127.0.0.1:notaport",
        "dicom://AET@127.0.0.1:104/path",
        "dicom://AET@127.0.0.1:104?called=X",
        "dicom://AET@127.0.0.1:104?ca=/some/file",
        "dicom://AET@127.0.0.1:104?tls=1&ca=/no/such/file",
        "dicom://SEVENTEEN_LETTERS@127.0.0.1:104",
    ],
)
def test_an_address_that_names_no_receiver_is_refused(url: str) -> None:
    with pytest.raises(SettingsError):
        peer_of(url)


def test_a_hospital_is_simulated_over_dicom_with_dicom_files_only(ward: Ward) -> None:
    to = f"dicom://LINGULA@127.0.0.1:{ward.door.port}?calling=NORTH"
    ended = CliRunner().invoke(app, ["simulate", "--to", to, "--every", "0.001", "--count", "6"])
    assert ended.exit_code == 0, ended.output
    assert len(ward.kept()) == 6
