"""The memory queue to the second, on a clock that moves when told."""

from lingula.queues.memory import MemoryQueue
from lingula.queues.queue import Note
from lingula.radiology.identifiers import InstanceId


class MadeClock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def made_queue() -> tuple[MemoryQueue, MadeClock]:
    clock = MadeClock()
    return MemoryQueue(lease_seconds=60, clock=clock), clock


def take(queue: MemoryQueue) -> list[Note]:
    return list(queue.take(at_most=10, wait_seconds=0))


def names(notes: list[Note]) -> list[str]:
    return [str(note.instance) for note in notes]


def test_a_lease_ends_to_the_second() -> None:
    queue, clock = made_queue()
    queue.put(InstanceId("i1"))
    take(queue)
    clock.seconds += 59.9
    assert take(queue) == []
    clock.seconds += 0.1
    assert names(take(queue)) == ["i1"]


def test_what_a_dead_worker_held_comes_before_what_arrived_since() -> None:
    queue, clock = made_queue()
    queue.put(InstanceId("i1"))
    take(queue)
    queue.put(InstanceId("i2"))
    clock.seconds += 60
    assert names(take(queue)) == ["i1", "i2"]


def test_done_after_the_lease_has_ended_still_takes_the_note_away() -> None:
    queue, clock = made_queue()
    queue.put(InstanceId("i1"))
    (note,) = take(queue)
    clock.seconds += 60
    assert queue.depth() == 1
    queue.done(note)
    assert queue.depth() == 0


def test_done_after_the_lease_has_ended_leaves_the_note_to_whoever_has_it_now() -> None:
    queue, clock = made_queue()
    queue.put(InstanceId("i1"))
    (late,) = take(queue)
    clock.seconds += 60
    (note,) = take(queue)
    queue.done(late)
    clock.seconds += 60
    assert names(take(queue)) == [note.instance]


def test_done_does_not_take_away_a_note_put_since() -> None:
    queue, _ = made_queue()
    queue.put(InstanceId("i1"))
    (note,) = take(queue)
    queue.put(InstanceId("i1"))  # opened again while a worker still holds it
    queue.done(note)
    assert names(take(queue)) == ["i1"]


def test_giving_back_after_the_lease_has_ended_changes_nothing() -> None:
    queue, clock = made_queue()
    queue.put(InstanceId("i1"))
    (late,) = take(queue)
    clock.seconds += 60
    take(queue)
    queue.give_back(late, delay_seconds=0)
    assert take(queue) == []


def test_delayed_notes_come_in_the_order_they_are_due() -> None:
    queue, clock = made_queue()
    for name in ("i1", "i2"):
        queue.put(InstanceId(name))
    first, second = take(queue)
    queue.give_back(first, delay_seconds=20)
    queue.give_back(second, delay_seconds=10)
    clock.seconds += 10
    assert names(take(queue)) == ["i2"]
    clock.seconds += 10
    assert names(take(queue)) == ["i1"]


def test_an_instance_waiting_for_its_delay_is_not_added_twice() -> None:
    queue, clock = made_queue()
    queue.put(InstanceId("i1"))
    (note,) = take(queue)
    queue.give_back(note, delay_seconds=10)
    queue.put(InstanceId("i1"))
    assert queue.depth() == 1
    clock.seconds += 10
    assert names(take(queue)) == ["i1"]
    assert queue.depth() == 0


def test_giving_back_what_was_put_again_meanwhile_keeps_one_note() -> None:
    queue, _ = made_queue()
    queue.put(InstanceId("i1"))
    (note,) = take(queue)
    queue.put(InstanceId("i1"))
    queue.give_back(note, delay_seconds=10)
    assert queue.depth() == 1


def test_a_lease_ending_while_the_instance_waits_again_keeps_one_note() -> None:
    queue, clock = made_queue()
    queue.put(InstanceId("i1"))
    take(queue)
    queue.put(InstanceId("i1"))
    clock.seconds += 60
    assert names(take(queue)) == ["i1"]
    assert queue.depth() == 0
