"""The door that looks for itself: notifications of a topic, bound buckets, watched folders; one thread each."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from lingula.doors.bucket.arrivals import NAME, Arrivals
from lingula.doors.bucket.events import EventReader
from lingula.doors.bucket.folders import FolderLooks
from lingula.doors.bucket.looking import BucketLooks
from lingula.doors.bucket.taken import Timer
from lingula.errors import BackendUnavailable
from lingula.queues.topic import open_topic
from lingula.wiring import System

_LONGEST_STOP_SECONDS = 30.0  # what is begun is finished first
_PAUSE_SECONDS = 5.0  # after something nobody foresaw

_log = logging.getLogger(__name__)


class BucketDoor:
    """Stands open beside HTTP; see `lingula.doors.standing.StandingDoor`.

    Parameters
    ----------
    timer
        Seconds of a clock that never goes back; injected for tests.
    """

    name = NAME

    def __init__(self, system: System, timer: Timer = time.monotonic) -> None:
        settings = system.settings
        self._system = system
        self.arrivals = Arrivals(system, timer)
        self._pool = ThreadPoolExecutor(settings.receive_threads, thread_name_prefix="lingula-bucket")
        self.buckets = BucketLooks(self.arrivals, settings.look_every_seconds, self._pool)
        self.folders = FolderLooks(self.arrivals, settings.upload_limit_bytes, self._pool)
        self._events: EventReader | None = None
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def open(self) -> None:
        """Begin to look; raises `SettingsError` or `BackendUnavailable` if the topic cannot be opened."""
        settings = self._system.settings
        if settings.notifications_url is not None:
            self._events = EventReader(open_topic(settings.notifications_url), self.arrivals, self._pool)
            self._begin("notifications", self._events.look, 0.0)
        self._begin("buckets", self.buckets.look, settings.look_every_seconds)
        self._begin("folders", self.folders.look, settings.look_every_seconds)
        self._system.metrics.watch(
            "lingula_bucket_files",
            "Objects and files that were told of or found, by what became of them.",
            ("site", "outcome"),
            self.arrivals.counts,
        )

    def close(self) -> None:
        """Let nothing new in, finish what is begun; closing twice does no harm."""
        self._stop.set()
        for thread in self._threads:
            thread.join(_LONGEST_STOP_SECONDS)
        self._pool.shutdown(wait=True)
        if self._events is not None:
            self._events.close()
            self._events = None
        self.arrivals.close()

    def check(self) -> None:
        """Return if all threads are at work; raises `BackendUnavailable` if one has ended."""
        ended = [thread.name for thread in self._threads if not thread.is_alive()]
        if ended:
            raise BackendUnavailable(f"{ended[0]} has ended; the log says why, start Lingula again")

    def _begin(self, what: str, look: Callable[[threading.Event], None], every_seconds: float) -> None:
        thread = threading.Thread(
            target=self._repeat, args=(what, look, every_seconds), name=f"lingula-{what}", daemon=True
        )
        self._threads.append(thread)
        thread.start()

    def _repeat(self, what: str, look: Callable[[threading.Event], None], every_seconds: float) -> None:
        while not self._stop.is_set():
            pause = every_seconds
            try:
                look(self._stop)
            except BackendUnavailable as error:
                _log.warning("%s are looked for again in a moment", what, extra={"reason": str(error)})
            except Exception:  # noqa: BLE001 - this thread is the outermost layer of its door
                _log.exception("%s cannot be looked for; it is tried again", what)
                pause = max(pause, _PAUSE_SECONDS)
            self._stop.wait(pause)
