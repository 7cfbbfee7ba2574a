"""What is asked together: each told its own answer, none lost, none left waiting."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from lingula.errors import BackendUnavailable, Conflict
from lingula.records.gathering import Gathering


class Place:
    """Doubles numbers; refuses odd ones, and does not answer for negative ones."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.gathering = Gathering(self.answer)
        self.is_busy, self.may_go_on = threading.Event(), threading.Event()

    def answer(self, numbers: Sequence[int]) -> Sequence[int]:
        self.asked.append(list(numbers))
        if 0 in numbers:
            self.is_busy.set()
            self.may_go_on.wait(10)
        if min(numbers) < 0:
            raise BackendUnavailable("made up")
        if odd := [number for number in numbers if number % 2]:
            raise Conflict(f"{odd[0]} is odd")
        return [2 * number for number in numbers]

    def together(self, *numbers: int) -> list[object]:
        """Ask for numbers that are sure to come while another question is under way."""
        with ThreadPoolExecutor(len(numbers) + 1) as threads:
            leader = threads.submit(self.gathering.ask, 0)
            assert self.is_busy.wait(10)
            asking = []
            for place, number in enumerate(numbers, start=1):
                asking.append(threads.submit(self.gathering.ask, number))
                while len(self.gathering._waiting) < place:  # noqa: SLF001  # nothing else tells that it has come
                    threading.Event().wait(0.001)
            self.may_go_on.set()
            assert leader.result() == 0
            return [future.exception() or future.result() for future in asking]


@pytest.fixture
def place() -> Place:
    return Place()


def test_who_comes_alone_asks_at_once(place: Place) -> None:
    assert [place.gathering.ask(number) for number in (2, 4)] == [4, 8]
    assert place.asked == [[2], [4]]


def test_who_comes_meanwhile_is_asked_for_together_and_told_apart(place: Place) -> None:
    assert place.together(2, 4, 6) == [4, 8, 12]
    assert place.asked == [[0], [2, 4, 6]]


def test_more_than_can_be_asked_at_once_are_asked_one_after_the_other(place: Place) -> None:
    numbers = [2 * number for number in range(1, 61)]
    assert place.together(*numbers) == [2 * number for number in numbers]
    assert [len(group) for group in place.asked] == [1, 50, 10]


def test_one_s_refusal_is_its_own(place: Place) -> None:
    told = place.together(2, 3, 4)
    assert (told[0], told[2]) == (4, 8)
    assert isinstance(told[1], Conflict)
    assert place.asked == [[0], [2, 3, 4], [2], [3], [4]]


def test_a_place_that_does_not_answer_is_not_asked_again_for_each(place: Place) -> None:
    told = place.together(2, -2, 4)
    assert all(isinstance(one, BackendUnavailable) for one in told)
    assert len(place.asked) == 2
    assert place.gathering.ask(2) == 4


def test_an_interruption_is_raised_and_the_next_may_ask() -> None:
    asked: list[int] = []

    def answer(numbers: Sequence[int]) -> Sequence[int]:
        asked.extend(numbers)
        if len(asked) == 1:
            raise KeyboardInterrupt
        return numbers

    gathering = Gathering(answer)
    with pytest.raises(KeyboardInterrupt):
        gathering.ask(1)
    assert gathering.ask(1) == 1


def test_whoever_waits_when_another_is_interrupted_is_told_to_try_again(place: Place) -> None:
    def answer(numbers: Sequence[int]) -> Sequence[int]:
        if 0 in numbers:
            return place.answer(numbers)
        raise KeyboardInterrupt

    place.gathering = Gathering(answer)
    told = place.together(2, 4)
    assert sorted(type(one).__name__ for one in told) == ["BackendUnavailable", "KeyboardInterrupt"]


def test_many_threads_are_each_told_their_own(place: Place) -> None:
    numbers = [2 * number for number in range(1, 400)]
    with ThreadPoolExecutor(16) as threads:
        assert list(threads.map(place.gathering.ask, numbers)) == [2 * number for number in numbers]
