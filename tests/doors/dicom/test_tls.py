"""TLS at the DICOM door, with and without certificates of senders, spoken by DCMTK and by us."""

import ssl
import subprocess
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from made.hospital import made_dicom
from made.wards import VERIFICATION, OpenWard, associated, context
from servers.authority import Authority, Identity
from servers.process import program

from lingula.doors.dicom.wire import Gone
from lingula.doors.sending.patience import Patience
from lingula.doors.sending.sender import Outcome, open_sender
from lingula.errors import BackendUnavailable, SettingsError


@pytest.fixture(scope="module")
def ours(authority: Authority) -> Identity:
    return authority.identity("lingula")


@pytest.fixture(scope="module")
def theirs(authority: Authority) -> Identity:
    return authority.identity("north")


def echoscu(port: int, *words: str) -> subprocess.CompletedProcess[str]:
    found = program("echoscu", package="dcmtk")
    command = [found, "-aec", "LINGULA", "-aet", "NORTH", *words, "127.0.0.1", str(port)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def client_context(authority: Authority, who: Identity | None = None) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=authority.certificate)
    if who is not None:
        made.load_cert_chain(who.certificate, who.key)
    return made


def test_an_echo_is_answered_over_tls(open_ward: OpenWard, authority: Authority, ours: Identity) -> None:
    ward = open_ward(dicom_certificate=ours.certificate, dicom_key=ours.key)
    done = echoscu(ward.door.port, "+tla", "+cf", str(authority.certificate))
    assert done.returncode == 0, done.stderr
    peer = replace(ward.peer(), tls=client_context(authority))
    with associated(peer, context(1, VERIFICATION)) as association:
        assert association.echo(1).status == 0


def test_who_speaks_no_tls_is_turned_away_and_the_door_lives_on(
    open_ward: OpenWard, authority: Authority, ours: Identity
) -> None:
    ward = open_ward(dicom_certificate=ours.certificate, dicom_key=ours.key)
    with pytest.raises(Gone), associated(ward.peer()):
        pass
    with associated(replace(ward.peer(), tls=client_context(authority)), context(1, VERIFICATION)) as association:
        assert association.echo(1).status == 0


def test_only_senders_with_a_certificate_of_the_authority_are_let_in(
    open_ward: OpenWard, authority: Authority, ours: Identity, theirs: Identity
) -> None:
    ward = open_ward(
        dicom_certificate=ours.certificate, dicom_key=ours.key, dicom_client_authority=authority.certificate
    )
    shown = ("+tls", str(theirs.key), str(theirs.certificate), "+cf", str(authority.certificate))
    assert echoscu(ward.door.port, *shown).returncode == 0
    assert echoscu(ward.door.port, "+tla", "+cf", str(authority.certificate)).returncode != 0
    with pytest.raises(Gone), associated(replace(ward.peer(), tls=client_context(authority))):
        pass


def test_radiographs_are_sent_over_tls_with_a_certificate_of_the_sender(
    open_ward: OpenWard, authority: Authority, ours: Identity, theirs: Identity
) -> None:
    ward = open_ward(
        dicom_certificate=ours.certificate, dicom_key=ours.key, dicom_client_authority=authority.certificate
    )
    url = f"dicom://LINGULA@127.0.0.1:{ward.door.port}?calling=NORTH&tls=1&ca={authority.certificate}"
    with closing(open_sender(f"{url}&cert={theirs.certificate}&key={theirs.key}")) as sender:
        assert sender.send(made_dicom()).outcome is Outcome.RECEIVED
    with closing(open_sender(url, patience=Patience(attempts=1))) as sender, pytest.raises(BackendUnavailable):
        sender.send(made_dicom(number=2))
    assert len(ward.kept()) == 1


def test_versions_before_tls_1_2_are_refused(open_ward: OpenWard, ours: Identity) -> None:
    ward = open_ward(dicom_certificate=ours.certificate, dicom_key=ours.key)
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLS"):
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with pytest.raises(Gone), associated(replace(ward.peer(), tls=old)):
        pass


def test_files_that_cannot_be_used_are_said_before_anything_starts(
    open_ward: OpenWard, ours: Identity, theirs: Identity, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match="belong together"):
        open_ward(dicom_certificate=ours.certificate, dicom_key=theirs.key)
    with pytest.raises(SettingsError, match="LINGULA_DICOM_CERTIFICATE"):
        open_ward(dicom_key=ours.key)
    with pytest.raises(SettingsError, match="LINGULA_DICOM_CLIENT_AUTHORITY"):
        open_ward(dicom_certificate=ours.certificate, dicom_key=ours.key, dicom_client_authority=tmp_path / "none")


def test_a_sender_is_told_which_side_lacks_tls_or_trust(open_ward: OpenWard, ours: Identity) -> None:
    secured = open_ward(dicom_certificate=ours.certificate, dicom_key=ours.key)
    plain = open_ward()
    once = Patience(attempts=1)
    for ward, told in ((secured, "give &ca=FILE"), (plain, "it speaks no TLS there")):
        url = f"dicom://LINGULA@127.0.0.1:{ward.door.port}?calling=NORTH&tls=1"
        with closing(open_sender(url, patience=once)) as sender, pytest.raises(BackendUnavailable, match=told):
            sender.send(made_dicom())
