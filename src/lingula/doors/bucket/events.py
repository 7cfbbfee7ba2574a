"""Reads notifications from a topic and takes what they tell of; a message is acknowledged once all of it is safe."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

from lingula.doors.bucket.arrivals import Arrivals, Outcome
from lingula.doors.bucket.notifications import NotANotification, read_notification
from lingula.errors import BackendUnavailable
from lingula.queues.topic import Message, Topic

_AT_MOST = 32  # messages taken at once
_WAIT_SECONDS = 1.0  # for the first of them; closing waits that long
_PAUSE_SECONDS = 1.0  # after a place did not answer

_log = logging.getLogger(__name__)


class EventReader:
    """Takes messages until it is told to stop.

    Parameters
    ----------
    topic
        Where notifications are published.
    pool
        Threads that take several messages at a time.
    """

    def __init__(self, topic: Topic, arrivals: Arrivals, pool: ThreadPoolExecutor) -> None:
        self._topic = topic
        self._arrivals = arrivals
        self._pool = pool
        self._is_down = False

    def look(self, stop: threading.Event) -> None:
        """Take one handful; messages that could not be taken come again, because nobody acknowledged them."""
        try:
            messages = self._topic.take(_AT_MOST, _WAIT_SECONDS)
        except BackendUnavailable as error:
            self._say_once(error)
            stop.wait(_PAUSE_SECONDS)
            return
        self._is_down = False
        if not all(self._pool.map(self.take, messages)):
            stop.wait(_PAUSE_SECONDS)

    def take(self, message: Message) -> bool:
        """Take one message; False if it should come again."""
        try:
            self._take(message)
        except BackendUnavailable as error:
            self._say_once(error)
            return False
        return True

    def close(self) -> None:
        """Let go of the topic."""
        self._topic.close()

    def _take(self, message: Message) -> None:
        try:
            self._arrivals.told(read_notification(message.data))
        except NotANotification as error:  # never will be one, however often it comes
            self._arrivals.count("", Outcome.UNREAD, "a message of the topic is no notification", error)
        self._topic.done(message)

    def _say_once(self, error: BackendUnavailable) -> None:
        level = logging.DEBUG if self._is_down else logging.WARNING
        self._is_down = True
        _log.log(level, "notifications wait, a place does not answer", extra={"reason": str(error)})
