"""Bytes that no honest sender sends: nothing is kept, nothing hangs, and the next sender is served."""

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from made.dicom_files import SOP_UID, by_hand, element, picture_elements
from made.hospital import made_dicom
from made.wards import DX, OpenWard, Ward, associated, context, data_set

from lingula.doors.dicom.commands import CommandField, write_request
from lingula.doors.dicom.house import Deadlines
from lingula.doors.dicom.pdus import PduType, write_association_request, write_command, write_pdu

REQUEST = write_association_request("LINGULA", "NORTH", [context(1)])
COMMAND = write_command(1, write_request(CommandField.C_STORE, 1, DX, SOP_UID), 16384)


@contextmanager
def connected(ward: Ward) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", ward.door.port), 10) as connection:
        yield connection


def piece(data: bytes, control: int = 0, number: int = 1) -> bytes:
    """Write a piece of a data set as P-DATA-TF."""
    return write_pdu(PduType.P_DATA_TF, struct.pack(">IBB", len(data) + 2, number, control) + data)


def said(connection: socket.socket) -> bytes:
    """Read until the door closes."""
    connection.settimeout(10)
    heard = b""
    try:
        while more := connection.recv(65536):
            heard += more
    except ConnectionError:
        pass
    return heard


def last_pdu(heard: bytes) -> bytes:
    """Give the last message of what was said."""
    last = b""
    while heard:
        length = int.from_bytes(heard[2:6], "big")
        last, heard = heard[: 6 + length], heard[6 + length :]
    return last


def is_well(ward: Ward, kept: int = 0) -> bool:
    """Whether nothing else was kept, and the next sender is served."""
    before = len(ward.kept()), len(list(ward.system.store.keys("")))
    with associated(ward.peer()) as association:
        answer = association.store(1, DX, f"{SOP_UID}.9", data_set(made_dicom(number=9)))
    ward.door.check()
    return before == (kept, kept) and answer.status == 0


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 1),
        (b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", 1),
        (write_pdu(PduType.ASSOCIATE_RQ, b"\0" * 20), 6),
        (write_pdu(PduType.ASSOCIATE_RQ, b"\0\1" + b"\0" * 66), 6),
        (write_pdu(PduType.ASSOCIATE_RQ, REQUEST[6:-3]), 6),
        (write_pdu(PduType.P_DATA_TF, b""), 2),
        (struct.pack(">BxI", 1, 0xFFFFFFFF) + b"\0" * 100, 6),
        (struct.pack(">BxI", 99, 4) + b"\0" * 4, 1),
        (write_pdu(PduType.RELEASE_RQ, bytes(4)), 2),
        (REQUEST + REQUEST, 2),
        (REQUEST + struct.pack(">BxI", 4, 0x7FFFFFFF) + b"\0" * 100, 6),
        (REQUEST + piece(b"x" * 100), 5),
        (REQUEST + piece(b"x" * 100, control=3), 6),
        (REQUEST + piece(b"x" * 100, number=3), 6),
        (REQUEST + write_pdu(PduType.P_DATA_TF, struct.pack(">IBB", 5000, 1, 3)), 6),
        (REQUEST + write_pdu(PduType.P_DATA_TF, b"\0\0"), 6),
        (REQUEST + COMMAND + COMMAND, 5),
        (REQUEST + COMMAND + write_pdu(PduType.RELEASE_RQ, bytes(4)), 2),
        (REQUEST + piece(b"\0" * 17_000, control=1), 6),
    ],
)
def test_what_breaks_the_protocol_breaks_the_association(ward: Ward, sent: bytes, reason: int) -> None:
    with connected(ward) as connection:
        connection.sendall(sent)
        heard = last_pdu(said(connection))
    assert heard == bytes((7, 0, 0, 0, 0, 4, 0, 0, 2, reason))
    assert is_well(ward)


@pytest.mark.parametrize("cut", [3, 40, len(REQUEST), len(REQUEST) + 10, len(REQUEST + COMMAND), -100, -1])
def test_a_sender_that_goes_away_at_any_point_leaves_nothing_behind(ward: Ward, cut: int) -> None:
    whole = REQUEST + COMMAND + piece(bytes(data_set(made_dicom()))[:100_000], control=2)
    with connected(ward) as connection:
        connection.sendall(whole[:cut])
    time.sleep(0.05)
    assert is_well(ward)


def test_an_abort_in_mid_transfer_leaves_nothing_behind(ward: Ward) -> None:
    with connected(ward) as connection:
        connection.sendall(REQUEST + COMMAND + piece(bytes(data_set(made_dicom()))[:100_000]))
        connection.sendall(write_pdu(PduType.ABORT, bytes(4)))
        assert last_pdu(said(connection))[:1] == b"\x02"  # only the acceptance
    assert is_well(ward)
    assert ward.door.memory.free == ward.system.settings.uploads_in_flight_bytes


def test_senders_that_only_knock_do_not_keep_out_those_who_send(open_ward: OpenWard) -> None:
    ward = open_ward(dicom_associations=2)
    knocking = [socket.create_connection(("127.0.0.1", ward.door.port), 10) for _ in range(4)]
    for one in knocking:
        one.sendall(b"\x01")
    assert is_well(ward)
    for one in knocking:
        one.close()


def test_a_connection_that_asks_for_nothing_is_closed(open_ward: OpenWard) -> None:
    ward = open_ward(deadlines=Deadlines(request_seconds=0.3))
    with connected(ward) as connection:
        connection.sendall(REQUEST[:50])
        assert said(connection) == b""
    assert is_well(ward)


def test_an_association_that_falls_silent_is_closed(open_ward: OpenWard) -> None:
    ward = open_ward(dicom_idle_seconds=0.2)
    with connected(ward) as connection:
        connection.sendall(REQUEST)
        assert last_pdu(said(connection))[:1] == b"\x02"
    assert is_well(ward)


def test_an_object_that_dribbles_in_is_given_up(open_ward: OpenWard) -> None:
    ward = open_ward(deadlines=Deadlines(message_seconds=0.5))
    with connected(ward) as connection:
        connection.sendall(REQUEST + COMMAND)
        began = time.monotonic()
        with suppress(OSError):  # the door has closed it
            while time.monotonic() < began + 10:
                connection.sendall(piece(b"x"))
                time.sleep(0.02)
    assert time.monotonic() < began + 5
    assert is_well(ward)


def test_more_than_memory_allows_is_answered_with_try_again(open_ward: OpenWard) -> None:
    ward = open_ward(
        uploads_in_flight_bytes=1024 * 1024, upload_limit_bytes=1024 * 1024, deadlines=Deadlines(memory_seconds=0.1)
    )
    with connected(ward) as greedy:
        greedy.sendall(REQUEST + COMMAND + piece(b"x" * 100_000) * 9)
        deadline = time.monotonic() + 10
        while ward.door.memory.free > 150_000 and time.monotonic() < deadline:
            time.sleep(0.01)
        with associated(ward.peer()) as association:
            answer = association.store(1, DX, f"{SOP_UID}.1", data_set(made_dicom()))
            assert answer.status == 0xA700
    assert is_well(ward)


HOSTILE_SETS = {
    "huge length": element(0x00080018, b"UI", SOP_UID.encode())
    + struct.pack("<HH2sHI", 0x10, 0x10, b"OB", 0, 0xFFFFFFF0),
    "undefined length of a value": struct.pack("<HH2sHI", 0x10, 0x10, b"UN", 0, 0xFFFFFFFF) + b"\0" * 64,
    "sequences in sequences": struct.pack("<HH2sHI", 0x40, 0x275, b"SQ", 0, 0xFFFFFFFF) * 3000,
    "another VR": element(0x00280010, b"PN", b"Doe^Jane") + element(0x7FE00010, b"OW", b"\0" * 64),
    "absurd size": b"".join(picture_elements(65535, 65535, b"\0" * 64)),
    "a UID that is none": element(0x00080018, b"UI", b"../../../etc/passwd\0"),
    "no pixels where some are claimed": b"".join(picture_elements(100, 100, b"")),
}


@pytest.mark.parametrize("name", HOSTILE_SETS)
def test_a_hostile_data_set_is_answered_and_harms_nothing(ward: Ward, name: str) -> None:
    with associated(ward.peer()) as association:
        answer = association.store(1, DX, SOP_UID, memoryview(HOSTILE_SETS[name]))
        assert answer.status in {0x0000, 0xB007, 0xC000}
        assert "passwd" not in answer.comment
    assert all("passwd" not in key for key in ward.system.store.keys(""))
    assert is_well(ward, kept=len(ward.kept()))


def test_a_hand_made_file_is_what_the_hostile_ones_differ_from(ward: Ward) -> None:
    made = data_set(by_hand(element(0x00080018, b"UI", SOP_UID.encode()), *picture_elements(60, 60, b"\0" * 3600)))
    with associated(ward.peer()) as association:
        assert association.store(1, DX, SOP_UID, made).status == 0


def test_operations_that_are_not_offered_are_answered_so(ward: Ward) -> None:
    find = write_request(CommandField.C_ECHO, 7, DX, None).replace(b"\x30\x00", b"\x20\x00")  # C-FIND-RQ
    with connected(ward) as connection:
        connection.sendall(REQUEST + write_command(1, find, 16384) + write_pdu(PduType.RELEASE_RQ, bytes(4)))
        heard = said(connection)
    assert struct.pack("<HHIH", 0, 0x0900, 2, 0x0211) in heard
    assert last_pdu(heard)[:1] == b"\x06"


def test_a_door_that_runs_out_of_threads_still_refuses(open_ward: OpenWard) -> None:
    ward = open_ward(dicom_associations=1)
    crowd = [socket.create_connection(("127.0.0.1", ward.door.port), 10) for _ in range(40)]
    time.sleep(0.1)
    for one in crowd:
        one.close()
    time.sleep(0.3)
    assert is_well(ward)
