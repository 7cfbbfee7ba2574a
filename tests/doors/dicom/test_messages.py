"""The protocol's bytes: ours are read by another implementation, and nonsense is refused."""

import io
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made.wards import DX, context
from pydicom.filereader import read_dataset
from pynetdicom.pdu import A_ABORT_RQ, A_ASSOCIATE_AC, A_ASSOCIATE_RQ

from lingula.doors.dicom.commands import (
    Command,
    CommandField,
    read_answer,
    read_command,
    write_answer,
    write_request,
)
from lingula.doors.dicom.memory import Memory
from lingula.doors.dicom.pdus import (
    AbortReason,
    Malformed,
    read_acceptance,
    read_request,
    read_values,
    write_abort,
    write_acceptance,
    write_association_request,
    write_command,
)
from lingula.doors.dicom.statuses import TABLE, status_of
from lingula.errors import BackendUnavailable, Conflict, LingulaError, NotDicom, SettingsError

STORE = Command(field=CommandField.C_STORE, message=7, has_data_set=True, sop_class_uid=DX, sop_instance_uid="1.2.3")


def test_pynetdicom_reads_the_request_that_we_write_and_we_read_it_too() -> None:
    written = write_association_request("LINGULA", "NORTH", [context(1), context(3, DX, "1.2.840.10008.1.2")])
    theirs = A_ASSOCIATE_RQ()
    theirs.decode(written)
    assert (theirs.called_ae_title, theirs.calling_ae_title) == ("LINGULA", "NORTH")
    assert [one.presentation_context_id for one in theirs.presentation_context] == [1, 3]
    assert theirs.encode() == written
    ours = read_request(written[6:])
    assert (ours.called, ours.calling, ours.max_length, len(ours.contexts)) == ("LINGULA", "NORTH", 131_072, 2)


def test_pynetdicom_reads_the_acceptance_that_we_write() -> None:
    request = read_request(write_association_request("LINGULA", "NORTH", [context(1), context(3)])[6:])
    written = write_acceptance(request, {1: "1.2.840.10008.1.2.1", 3: None})
    theirs = A_ASSOCIATE_AC()
    theirs.decode(written)
    assert {one.presentation_context_id: one.result for one in theirs.presentation_context} == {1: 0, 3: 3}
    assert read_acceptance(written[6:]) == ({1: "1.2.840.10008.1.2.1"}, 131_072)


def test_pynetdicom_reads_the_abort_that_we_write() -> None:
    theirs = A_ABORT_RQ()
    theirs.decode(write_abort(AbortReason.UNEXPECTED_PDU))
    assert (theirs.source, theirs.reason_diagnostic) == (2, 2)


def test_pynetdicom_reads_the_answers_that_we_write() -> None:
    written = write_answer(STORE, 0xC000, "the bytes are no format")
    theirs = read_dataset(io.BytesIO(written), is_implicit_VR=True, is_little_endian=True)
    assert (theirs.Status, theirs.MessageIDBeingRespondedTo, theirs.ErrorComment) == (
        0xC000,
        7,
        "the bytes are no format",
    )
    assert (theirs.AffectedSOPClassUID, theirs.AffectedSOPInstanceUID) == (DX, "1.2.3")
    assert theirs.CommandGroupLength == len(written) - 12
    assert read_answer(written).status == 0xC000


def test_a_request_of_ours_is_read_as_it_was_meant() -> None:
    assert read_command(write_request(CommandField.C_STORE, 7, DX, "1.2.3")) == STORE
    echo = read_command(write_request(CommandField.C_ECHO, 1, "1.2.840.10008.1.1", None))
    assert (echo.field, echo.has_data_set) == (CommandField.C_ECHO, False)


def test_a_comment_fits_the_standard_whatever_it_says() -> None:
    comment = read_answer(write_answer(STORE, 0x0110, "ö\\" * 100)).comment
    assert comment == "?/" * 32


@given(st.integers(0, 200), st.integers(1, 5000))
def test_a_command_is_cut_to_what_the_peer_takes(limit: int, size: int) -> None:
    command = bytes(size)
    written, heard = write_command(1, command, limit), b""
    while written:
        length = int.from_bytes(written[2:6], "big")
        values = list(read_values(memoryview(written)[6 : 6 + length]))
        heard += b"".join(bytes(piece) for _, _, piece in values)
        written = written[6 + length :]
    assert heard == command


@given(st.binary(max_size=300))
def test_nonsense_is_refused_by_one_error_only(data: bytes) -> None:
    for read in (read_request, read_acceptance, read_command, read_answer):
        with suppress(Malformed):
            read(data)
    with suppress(Malformed):
        list(read_values(memoryview(data)))


@given(st.data())
def test_a_damaged_request_is_read_or_refused(data: st.DataObject) -> None:
    body = bytearray(write_association_request("LINGULA", "NORTH", [context(1), context(3)])[6:])
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    with suppress(Malformed):
        read_request(bytes(body))


def test_every_error_has_a_status_and_only_an_outage_asks_to_try_again() -> None:
    kinds: list[type[LingulaError]] = [LingulaError, *_below(LingulaError)]
    assert {kind.__name__ for kind in kinds if status_of(kind("")) >> 8 == 0xA7} == {"BackendUnavailable"}
    assert [status_of(kind("")) for kind in (NotDicom, Conflict, SettingsError)] == [0xC000, 0x0111, 0x0110]
    assert set(TABLE) <= set(kinds)


def _below(kind: type[LingulaError]) -> list[type[LingulaError]]:
    return [one for child in kind.__subclasses__() for one in (child, *_below(child))]


def test_memory_that_is_given_back_wakes_who_waits() -> None:
    memory = Memory(10)
    assert memory.take(10, wait_seconds=0)
    assert not memory.take(1, wait_seconds=0.01)
    memory.give(10)
    assert memory.take(1, wait_seconds=0)


@pytest.mark.parametrize("error", [BackendUnavailable("x")])
def test_an_outage_is_out_of_resources(error: LingulaError) -> None:
    assert status_of(error) == 0xA700
