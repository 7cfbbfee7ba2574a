"""What every queue promises; its leases last 0.3 seconds here."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from lingula.errors import SettingsError
from lingula.queues.queue import Note, WorkQueue, open_queue
from lingula.radiology.identifiers import InstanceId

LEASE_SECONDS = 0.3


def put(queue: WorkQueue, *names: str) -> None:
    for name in names:
        queue.put(InstanceId(name))


def take(queue: WorkQueue, at_most: int = 1, wait_seconds: float = 0.0) -> list[str]:
    return [str(note.instance) for note in queue.take(at_most, wait_seconds)]


def take_one(queue: WorkQueue) -> Note:
    """Take the next note; the first look into a broker takes the time of joining its group."""
    (note,) = queue.take(1, 20.0)
    return note


def take_in_turn(queue: WorkQueue, count: int) -> list[str]:
    return [str(take_one(queue).instance) for _ in range(count)]


def test_notes_come_out_in_the_order_they_went_in(queue: WorkQueue) -> None:
    put(queue, "i1", "i2", "i3", "i4")
    assert take_in_turn(queue, 4) == ["i1", "i2", "i3", "i4"]


def test_several_notes_may_be_taken_at_once_and_never_more_than_asked_for(queue: WorkQueue) -> None:
    put(queue, "i1", "i2", "i3", "i4")
    taken: list[str] = []
    while len(taken) < 4:  # a broker may hand over what it has before the rest has come
        notes = take(queue, at_most=3, wait_seconds=20)
        assert 1 <= len(notes) <= 3
        taken += notes
    assert taken == ["i1", "i2", "i3", "i4"]


def test_an_empty_queue_gives_nothing(queue: WorkQueue) -> None:
    assert take(queue) == []


def test_an_empty_queue_is_waited_at_for_as_long_as_asked(queue: WorkQueue) -> None:
    started = time.monotonic()
    assert take(queue, wait_seconds=0.1) == []
    assert 0.1 <= time.monotonic() - started < 5


def test_who_waits_is_woken_by_a_note(queue: WorkQueue) -> None:
    put(queue, "i0")
    queue.done(take_one(queue))
    with ThreadPoolExecutor(1) as threads:
        taken = threads.submit(take, queue, 1, 60.0)
        time.sleep(0.05)
        started = time.monotonic()
        put(queue, "i1")
        assert taken.result(timeout=5) == ["i1"]
        assert time.monotonic() - started < 1


def test_a_leased_note_is_given_to_nobody_else(queue: WorkQueue) -> None:
    put(queue, "i1")
    take_one(queue)
    assert take(queue) == []


def test_a_note_that_is_done_never_comes_back(queue: WorkQueue) -> None:
    put(queue, "i1")
    queue.done(take_one(queue))
    assert take(queue, wait_seconds=2 * LEASE_SECONDS) == []


def test_several_notes_are_done_in_one_call(queue: WorkQueue) -> None:
    put(queue, "i1", "i2", "i3")
    notes = [take_one(queue) for _ in range(3)]
    queue.done(*notes[:2])
    queue.done()
    queue.give_back(notes[2], 0.0)
    assert take_in_turn(queue, 1) == ["i3"]
    assert take(queue, wait_seconds=0.1) == []


def test_what_many_threads_put_at_once_is_all_there(queue: WorkQueue) -> None:
    names = [f"i{number}" for number in range(100)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda name: queue.put(InstanceId(name)), names))
    taken: set[str] = set()
    while len(taken) < 100:
        notes = queue.take(20, 20.0)
        assert notes
        taken |= {str(note.instance) for note in notes}
        queue.done(*notes)
    assert taken == set(names)


def test_done_twice_is_no_error(queue: WorkQueue) -> None:
    put(queue, "i1", "i2")
    note = take_one(queue)
    queue.done(note)
    queue.done(note)
    assert take_in_turn(queue, 1) == ["i2"]
    assert take(queue) == []


def test_a_note_neither_done_nor_given_back_in_time_comes_back_with_another_receipt(queue: WorkQueue) -> None:
    put(queue, "i1")
    first = take_one(queue)
    second = take_one(queue)
    assert second.instance == first.instance
    assert second.receipt != first.receipt


def test_who_waits_gets_what_a_worker_took_meanwhile_and_never_finished(queue: WorkQueue) -> None:
    with ThreadPoolExecutor(2) as threads:
        takers = [threads.submit(take, queue, 1, 20.0) for _ in range(2)]
        time.sleep(0.05)
        started = time.monotonic()
        put(queue, "i1")
        assert [taker.result(timeout=15) for taker in takers] == [["i1"], ["i1"]]
        assert time.monotonic() - started < 10


def test_a_note_given_back_is_given_out_again(queue: WorkQueue) -> None:
    put(queue, "i1")
    queue.give_back(take_one(queue), delay_seconds=0)
    assert take(queue, wait_seconds=5) == ["i1"]


def test_a_note_given_back_comes_only_after_its_delay(queue: WorkQueue) -> None:
    put(queue, "i1")
    given_back_at = time.monotonic()
    queue.give_back(take_one(queue), delay_seconds=0.2)
    assert take(queue) == []
    assert take(queue, wait_seconds=10) == ["i1"]
    assert time.monotonic() - given_back_at >= 0.2


def test_an_instance_already_waiting_may_be_added_again(queue: WorkQueue) -> None:
    put(queue, "i1", "i1", "i2", "i1")
    taken: list[str] = []
    while len(set(taken)) < 2:
        taken += take_in_turn(queue, 1)
    assert list(dict.fromkeys(taken)) == ["i1", "i2"]


def test_depth_counts_what_waits_and_not_what_is_leased(queue: WorkQueue) -> None:
    assert queue.depth() == 0
    put(queue, "i1", "i2", "i3")
    assert queue.depth() == 3
    note = take_one(queue)
    assert queue.depth() == 2
    queue.give_back(note, delay_seconds=60)
    assert queue.depth() == 3


def test_many_takers_share_the_work_and_nothing_is_lost_or_doubled(queue: WorkQueue) -> None:
    names = [f"i{number}" for number in range(400)]

    def work() -> list[str]:
        mine = []
        while notes := queue.take(3, wait_seconds=1.0):
            for note in notes:
                mine.append(str(note.instance))
                queue.done(note)
        return mine

    put(queue, "i0")
    queue.done(take_one(queue))
    with ThreadPoolExecutor(5) as threads:
        workers = [threads.submit(work) for _ in range(4)]
        threads.submit(put, queue, *names).result()
        taken = [name for worker in workers for name in worker.result()]
    assert sorted(taken) == sorted(names)


def test_a_queue_that_answers_passes_its_check(queue: WorkQueue) -> None:
    queue.check()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "memory",
        "amqp://x",
        "http://[",
        "memory://?lease_seconds=0",
        "memory://?lease_seconds=soon",
        "memory://?x=1",
    ],
)
def test_another_url_is_a_settings_error_that_names_the_setting(url: str) -> None:
    with pytest.raises(SettingsError, match="LINGULA_QUEUE_URL"):
        open_queue(url)


def test_a_lease_that_has_ended_may_still_be_done(queue: WorkQueue) -> None:
    put(queue, "i1")
    note = take_one(queue)
    time.sleep(1.5 * LEASE_SECONDS)
    queue.done(note)
    assert take(queue, wait_seconds=2 * LEASE_SECONDS) == []


def test_who_gives_back_too_late_takes_nothing_from_the_next(queue: WorkQueue) -> None:
    put(queue, "i1")
    late, now = take_one(queue), take_one(queue)
    queue.give_back(late, delay_seconds=0)
    queue.done(now)
    assert take(queue, wait_seconds=2 * LEASE_SECONDS) == []


def test_a_queue_may_be_closed_twice(queue: WorkQueue) -> None:
    put(queue, "i1")
    queue.close()
    queue.close()
