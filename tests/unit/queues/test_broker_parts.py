"""The small parts that all brokers share: notes as they lie there, outages, Kafka's watermark."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingula.errors import BackendUnavailable
from lingula.queues.kafka_reader import Watermark
from lingula.queues.notes import NoteReader, note_bytes
from lingula.queues.outage import Outage
from lingula.radiology.identifiers import InstanceId, SiteName, instance_id


class MadeClock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_an_instance_comes_back_as_it_was_written() -> None:
    instance = instance_id(b"a key of an installation" * 2, SiteName("north"), "1.2.3")
    assert NoteReader().read(note_bytes(instance)) == instance


@given(st.binary(max_size=80))
def test_what_is_read_is_a_plain_id_or_nothing(data: bytes) -> None:
    read = NoteReader().read(data)
    assert read is None or set(read) <= set(string.ascii_letters + string.digits + "-_")


def failing(clock: MadeClock, outage: Outage, seconds: float) -> None:
    def call() -> None:
        with outage.watched():
            clock.seconds += seconds
            raise BackendUnavailable("gone")

    with pytest.raises(BackendUnavailable, match="gone"):
        call()


def test_after_a_slow_failure_calls_fail_at_once_for_a_while() -> None:
    clock = MadeClock()
    outage = Outage(clock)
    failing(clock, outage, 3.0)
    with pytest.raises(BackendUnavailable, match="gone"), outage.watched():
        pytest.fail("nobody should have been asked")
    clock.seconds += 2.1
    with outage.watched():
        pass


def test_after_a_quick_failure_the_next_call_is_tried() -> None:
    clock = MadeClock()
    outage = Outage(clock)
    failing(clock, outage, 0.01)
    with outage.watched():
        pass


@given(st.permutations(range(12)))
def test_nothing_unfinished_is_ever_before_the_watermark(order: list[int]) -> None:
    mark = Watermark()
    for offset in range(12):
        mark.begin(offset, b"")
    finished: set[int] = set()
    for offset in order:
        mark.finish(offset)
        finished.add(offset)
        assert set(range(mark.floor)) <= finished
    assert mark.floor == 12


def test_offsets_that_were_never_there_leave_no_gap() -> None:
    mark = Watermark()
    mark.begin(3, b"")
    mark.begin(9, b"")  # what lay between was compacted away
    mark.finish(3)
    assert mark.floor == 9


def test_an_id_of_another_length_is_a_note_too() -> None:
    assert NoteReader().read(b"i1") == InstanceId("i1")
    assert NoteReader().read(b"i" * 65) is None
