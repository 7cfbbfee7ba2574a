"""What several threads ask at the same time is asked together.

A transaction over the network costs far more than the rows in it. One thread at a time leads: it asks for everybody who
waits, tells each its own answer, and hands over to the first who came meanwhile. Whoever comes alone asks at once, so
nobody waits longer than for the question under way.
"""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Generic, TypeVar

from lingula.errors import BackendUnavailable

Asked = TypeVar("Asked")
Told = TypeVar("Told")

_MOST = 50  # answered together; the rest is next


class _Waiting(Generic[Asked, Told]):
    """One thread's question and what it is told."""

    __slots__ = ("_error", "_told", "is_chosen", "is_settled", "one", "woken")

    def __init__(self, one: Asked) -> None:
        self.one = one
        self._told: Told
        self._error: BaseException | None = None
        self.is_chosen = False  # to lead next
        self.is_settled = False
        self.woken = Lock()
        self.woken.acquire()

    def tell(self, told: Told) -> None:
        self._told = told

    def fail(self, error: BaseException) -> None:
        self._error = error

    def outcome(self) -> Told:
        if self._error is not None:
            raise self._error
        return self._told


class Gathering(Generic[Asked, Told]):
    """Lets threads ask together.

    Parameters
    ----------
    answer
        Gives the answer to each question, in their order, or raises and has changed nothing. If it raises because the
        place does not answer, all are told; for anything else each is asked again alone, to fail alone.
    """

    def __init__(self, answer: Callable[[Sequence[Asked]], Sequence[Told]]) -> None:
        self._answer = answer
        self._guard = Lock()  # over the two below
        self._waiting: list[_Waiting[Asked, Told]] = []
        self._has_leader = False

    def ask(self, one: Asked) -> Told:
        """Ask, perhaps together with others, and give this question's own answer."""
        mine: _Waiting[Asked, Told] = _Waiting(one)
        with self._guard:
            self._waiting.append(mine)
            must_wait, self._has_leader = self._has_leader, True
        if must_wait:
            self._wait(mine)
        if not mine.is_settled:
            self._lead()
        return mine.outcome()

    def _wait(self, mine: _Waiting[Asked, Told]) -> None:
        try:
            mine.woken.acquire()
        except BaseException:  # Ctrl-C: others may count on it already
            with self._guard:
                self._waiting = [other for other in self._waiting if other is not mine or mine.is_chosen]
            if mine.is_chosen:
                self._lead()
            raise

    def _lead(self) -> None:
        with self._guard:
            group, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
        try:
            self._settle(group)
        finally:
            with self._guard:
                successor = self._waiting[0] if self._waiting else None
                self._has_leader = successor is not None
                if successor is not None:
                    successor.is_chosen = True
            for one in group:
                one.is_settled = True
                one.woken.release()
            if successor is not None:
                successor.woken.release()

    def _settle(self, group: Sequence[_Waiting[Asked, Told]]) -> None:
        try:
            told = self._answer([one.one for one in group])
        except BaseException as error:
            is_for_all = len(group) == 1 or isinstance(error, BackendUnavailable)
            for one in group:
                if is_for_all or not isinstance(error, Exception):
                    one.fail(error if is_for_all else BackendUnavailable("interrupted; nothing was changed, try again"))
                else:
                    self._settle([one])
            if not isinstance(error, Exception):
                raise
        else:
            for one, answer in zip(group, told, strict=True):
                one.tell(answer)
