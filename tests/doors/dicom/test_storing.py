"""C-ECHO and C-STORE as a sender sees them: what is kept, what is answered, and what is left behind."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from made.dicom_files import IDENTIFYING, SOP_UID, as_bytes, made_dataset
from made.hospital import made_dicom
from made.triage import NORTH, SOUTH, FaultyStore, Outage, made_chest
from made.wards import DX, VERIFICATION, OpenWard, Ward, associated, context, data_set
from pydicom.dataset import Dataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import ImplicitVRLittleEndian, JPEGBaseline8Bit, JPEGLosslessSV1

from lingula.doors.dicom.requesting import Rejected
from lingula.doors.dicom.wire import Gone
from lingula.errors import BackendUnavailable, SettingsError
from lingula.records.accounts import Binding, BindingKind
from lingula.wiring import System

CT = "1.2.840.10008.5.1.4.1.1.2"
FIND = "1.2.840.10008.5.1.4.1.2.2.1"
UNKNOWN_SYNTAX = "1.2.3.4.5.6.7"


def test_an_echo_is_answered(ward: Ward) -> None:
    with associated(ward.peer(), context(1, VERIFICATION)) as association:
        assert association.echo(1).status == 0


def test_a_radiograph_is_kept_byte_for_byte_for_the_site_of_its_sender(ward: Ward) -> None:
    sent = data_set(made_dicom(number=1))
    with associated(ward.peer()) as association:
        assert association.store(1, DX, f"{SOP_UID}.1", sent).status == 0
    (kept,) = ward.kept()
    assert (kept.new.site, kept.new.door) == (NORTH, "dicom")
    assert bytes(data_set(ward.bytes_of(kept))) == bytes(sent)


def test_several_objects_come_over_one_association(ward: Ward) -> None:
    with associated(ward.peer()) as association:
        for number in range(5):
            assert association.store(1, DX, f"{SOP_UID}.{number}", data_set(made_dicom(number=number))).status == 0
    assert len(ward.kept()) == 5


def test_sending_twice_is_the_same_as_sending_once(ward: Ward) -> None:
    for _ in range(2):
        with associated(ward.peer()) as association:
            assert association.store(1, DX, f"{SOP_UID}.1", data_set(made_dicom())).status == 0
    assert len(ward.kept()) == 1


def test_other_pixels_under_a_known_uid_are_refused_as_a_duplicate(ward: Ward) -> None:
    with associated(ward.peer()) as association:
        assert association.store(1, DX, f"{SOP_UID}.1", data_set(made_dicom(seed=1))).status == 0
        answer = association.store(1, DX, f"{SOP_UID}.1", data_set(made_dicom(seed=2)))
    assert answer.status == 0x0111
    assert answer.comment.startswith("other pixels under this UID: instance i")
    assert len(list(ward.system.store.keys(""))) == 1


@pytest.mark.parametrize(
    ("calling", "called", "reason"), [("NORTH", "OTHER", 7), ("STRANGER", "LINGULA", 3), ("", "LINGULA", 3)]
)
def test_a_wrong_ae_title_is_refused_with_the_right_reason(ward: Ward, calling: str, called: str, reason: int) -> None:
    with pytest.raises(Rejected) as refused, associated(ward.peer(calling, called)):
        pass
    assert (refused.value.is_permanent, refused.value.source, refused.value.reason) == (True, 1, reason)


def test_an_unknown_sender_belongs_to_the_default_site_where_there_is_one(open_ward: OpenWard) -> None:
    ward = open_ward(dicom_default_site="south")
    with associated(ward.peer("STRANGER")) as association:
        assert association.store(1, DX, f"{SOP_UID}.1", data_set(made_dicom())).status == 0
    assert ward.kept()[0].new.site == SOUTH


def test_a_default_site_that_does_not_exist_lets_nobody_in(open_ward: OpenWard) -> None:
    ward = open_ward(dicom_default_site="nowhere")
    with pytest.raises(Rejected), associated(ward.peer("STRANGER")):
        pass


def test_every_ae_title_bound_to_a_site_is_let_in(ward: Ward) -> None:
    ward.system.accounts.add_binding(Binding(kind=BindingKind.AE_TITLE, value="CT_2", site=SOUTH))
    with associated(ward.peer("CT_2")) as association:
        assert association.store(1, DX, f"{SOP_UID}.1", data_set(made_dicom())).status == 0
    assert ward.kept()[0].new.site == SOUTH


def test_a_ct_sent_by_mistake_is_kept(ward: Ward) -> None:
    dataset = made_dataset(made_chest())
    dataset.SOPClassUID, dataset.Modality = CT, "CT"
    with associated(ward.peer(), context(1, CT)) as association:
        assert association.store(1, CT, SOP_UID, data_set(as_bytes(dataset))).status == 0
    assert ward.kept()[0].new.description.modality == "CT"


def test_queries_are_refused_and_what_can_be_stored_is_accepted_beside_them(ward: Ward) -> None:
    private = "1.3.46.670589.11.0.0.12.1"
    with associated(ward.peer(), context(1, FIND), context(3), context(5, private), context(7, VERIFICATION)) as one:
        assert sorted(one.accepted) == [3, 5, 7]


def test_what_loses_nothing_is_preferred(ward: Ward) -> None:
    with associated(ward.peer(), context(1, DX, JPEGBaseline8Bit, JPEGLosslessSV1, ImplicitVRLittleEndian)) as one:
        assert one.accepted[1] == ImplicitVRLittleEndian
    with associated(ward.peer(), context(1, DX, JPEGBaseline8Bit, JPEGLosslessSV1)) as one:
        assert one.accepted[1] == JPEGLosslessSV1


def test_an_object_in_an_unknown_transfer_syntax_is_kept_as_sent(ward: Ward) -> None:
    sent = data_set(made_dicom())
    with associated(ward.peer(), context(1, DX, UNKNOWN_SYNTAX)) as association:
        assert association.store(1, DX, f"{SOP_UID}.1", sent).status == 0
    (kept,) = ward.kept()
    assert kept.new.description.transfer_syntax_uid == UNKNOWN_SYNTAX
    assert bytes(data_set(ward.bytes_of(kept))) == bytes(sent)


@pytest.mark.parametrize("announced", ["1.2.3", ""], ids=["another", "none"])
def test_an_object_that_is_not_the_one_announced_is_kept_with_a_warning(ward: Ward, announced: str) -> None:
    with associated(ward.peer()) as association:
        assert association.store(1, DX, announced, data_set(made_dicom(number=7))).status == 0xB007
        assert association.store(1, DX, f"{SOP_UID}.7", data_set(made_dicom(number=7))).status in {0, 0x0111}
    assert len(ward.kept()) == 1


def test_an_object_without_a_uid_is_kept_once(ward: Ward) -> None:
    dataset = made_dataset(made_chest())
    del dataset.SOPInstanceUID
    file = memoryview(as_bytes_without_uid(dataset))
    for _ in range(2):
        with associated(ward.peer()) as association:
            assert association.store(1, DX, "1.2.3.4", file).status == 0xB007
    assert len(ward.kept()) == 1


def test_what_cannot_be_understood_is_refused_and_nothing_is_kept(ward: Ward) -> None:
    with associated(ward.peer()) as association:
        answers = [association.store(1, DX, SOP_UID, memoryview(data)) for data in (b"", b"GARBAGE" * 99)]
        assert [answer.status for answer in answers] == [0xC000] * 2
        assert association.store(1, DX, f"{SOP_UID}.1", data_set(made_dicom())).status == 0
    assert len(list(ward.system.store.keys(""))) == 1


def test_an_object_above_the_limit_is_refused_without_being_held(open_ward: OpenWard) -> None:
    ward = open_ward(upload_limit_bytes=64 * 1024)
    with associated(ward.peer()) as association:
        answer = association.store(1, DX, f"{SOP_UID}.1", data_set(made_dicom()))
        assert (answer.status, "65,536 bytes" in answer.comment) == (0xC000, True)
        small = data_set(as_bytes(made_dataset(made_chest(rows=100, columns=100))))
        assert association.store(1, DX, SOP_UID, small).status == 0


def test_a_store_that_is_down_makes_the_sender_keep_its_copy_until_it_is_back(open_ward: OpenWard) -> None:
    outage = Outage({"store.put"})

    def faulty(system: System) -> System:
        return replace(system, receiver=replace(system.receiver, store=FaultyStore(store=system.store, outage=outage)))

    ward = open_ward(faulty)
    with associated(ward.peer()) as association:
        assert association.store(1, DX, f"{SOP_UID}.1", data_set(made_dicom())).status == 0xA700
        outage.of.clear()
        assert association.store(1, DX, f"{SOP_UID}.1", data_set(made_dicom())).status == 0
    assert len(ward.kept()) == 1


def test_what_nobody_foresaw_is_answered_and_the_association_lives_on(
    open_ward: OpenWard, caplog: pytest.LogCaptureFixture
) -> None:
    def raising(name: str) -> None:
        raise ZeroDivisionError(name)

    outage = Outage(on_check=raising)

    def faulty(system: System) -> System:
        return replace(system, receiver=replace(system.receiver, store=FaultyStore(store=system.store, outage=outage)))

    ward = open_ward(faulty)
    with associated(ward.peer()) as association:
        assert association.store(1, DX, f"{SOP_UID}.1", data_set(made_dicom())).status == 0x0110
        outage.on_check = None
        assert association.store(1, DX, f"{SOP_UID}.1", data_set(made_dicom())).status == 0
    assert "ZeroDivisionError" in caplog.text


def test_one_association_too_many_is_told_to_come_again(open_ward: OpenWard) -> None:
    ward = open_ward(dicom_associations=2)
    with associated(ward.peer()), associated(ward.peer()):
        with pytest.raises(Rejected) as refused, associated(ward.peer()):
            pass
        assert (refused.value.is_permanent, refused.value.source, refused.value.reason) == (False, 3, 2)
    with associated(ward.peer()):
        pass  # a place is free again


def test_32_senders_at_once_lose_nothing_and_double_nothing(ward: Ward) -> None:
    def send(sender: int) -> list[int]:
        with associated(ward.peer()) as association:
            numbers = range(sender * 10, sender * 10 + 4)
            return [
                association.store(1, DX, f"{SOP_UID}.{number}", data_set(made_dicom(number=number))).status
                for number in numbers
            ]

    with ThreadPoolExecutor(32) as pool:
        statuses = list(pool.map(send, range(1, 33)))
    assert {status for each in statuses for status in each} == {0}
    assert len(ward.kept()) == 128


def test_closing_breaks_idle_associations_off_and_lets_nobody_in(ward: Ward) -> None:
    with associated(ward.peer()) as association:
        closing = threading.Thread(target=ward.door.close)
        assert association.store(1, DX, f"{SOP_UID}.1", data_set(made_dicom())).status == 0
        closing.start()
        closing.join(10)
        assert not closing.is_alive()
    with pytest.raises(Gone), associated(ward.peer()):
        pass


def test_a_closed_door_says_that_it_has_ended(ward: Ward) -> None:
    ward.door.check()
    ward.door.close()
    with pytest.raises(BackendUnavailable):
        ward.door.check()
    ward.door.close()  # twice does no harm


def test_a_taken_port_is_said(ward: Ward, open_ward: OpenWard) -> None:
    with pytest.raises(SettingsError, match="LINGULA_DICOM_PORT"):
        open_ward(dicom_port=ward.door.port)


def test_no_identity_and_nothing_the_sender_wrote_is_logged(ward: Ward, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with pytest.raises(Rejected), associated(ward.peer("Doe^Jane")):
        pass
    with associated(ward.peer()) as association:
        association.store(1, DX, "1.2.3.999", data_set(as_bytes(made_dataset(made_chest()))))
        association.store(1, DX, "1.2.3.999", memoryview(b"Doe^Jane" * 20))
    logged = " ".join(str(vars(record)) for record in caplog.records)
    for identity in (*IDENTIFYING, "1.2.3.999"):
        assert identity not in logged
    assert "address" in logged


def as_bytes_without_uid(dataset: Dataset) -> bytes:
    """Give only the data set of an object that a standard writer would refuse to make a file of."""
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, implicit_vr=False, little_endian=True)
    return buffer.getvalue()
