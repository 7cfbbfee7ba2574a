"""``lingula simulate``: one or several hospitals that send all day, each at its own random times."""

import contextlib
import itertools
import os
import random
import select
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lingula.doors.cli.exits import OK, exit_code
from lingula.doors.cli.files import Given, find_files
from lingula.doors.cli.output import Tally, say
from lingula.doors.cli.renewed import renew
from lingula.doors.cli.send import WAYS, Count, open_sender_with_key, show_sent
from lingula.doors.cli.stopping import stopped_in_order
from lingula.errors import BackendUnavailable, NotFound, SettingsError

if TYPE_CHECKING:
    from lingula.doors.sending.sender import Sender

_NORMAL, _OTHER = "NORMAL", "PNEUMONIA"
_LOOK_SECONDS = 0.2  # how late a pressed key or a stop is noticed


def simulate(
    *,
    to: Annotated[
        list[str], typer.Option("--to", help=f"Address: {WAYS}; several play several hospitals.", show_default=False)
    ],
    key: Annotated[
        list[str] | None,
        typer.Option(
            help="A sending site's API key, for http(s)://; several play several hospitals at one address, or one each "
            "at as many.",
            show_default="LINGULA_API_KEY",
        ),
    ] = None,
    every: Annotated[
        float, typer.Option(min=0.0, help="Seconds between two radiographs of one hospital, on average.")
    ] = 3.0,
    mix: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of normal radiographs.")] = 0.8,
    source: Annotated[
        Path | None, typer.Option(help="Folder of radiographs.", show_default="the shipped samples")
    ] = None,
    count: Annotated[
        int | None, typer.Option(min=1, help="How many to send, all hospitals together.", show_default="until Ctrl-C")
    ] = None,
) -> int:
    """Be a hospital, or several: send radiographs at random times, each as a new one, until Ctrl-C.

    Enter pauses and goes on again; so does the signal USR1 where there is no terminal.
    """
    from lingula.doors.sending.patience import Patience

    pool, stop, pause = _Pool.of(source, mix, to), threading.Event(), Pause()
    patience = Patience(wait=stop.wait)
    with contextlib.ExitStack() as stack:
        senders = [
            stack.enter_context(contextlib.closing(open_sender_with_key(address, one, patience)))
            for address, one in hospitals(to, key or [])
        ]
        tally = stack.enter_context(Tally("sent", count))
        work = _Work(
            pool=pool, every_seconds=every, stop=stop, pause=pause, left=count, tally=tally, count=Count(patience)
        )
        with stopped_in_order(), pause.heard():
            _send_all(work, senders)
    return exit_code(BackendUnavailable("")) if work.unanswered else OK


def hospitals(to: Sequence[str], keys: Sequence[str]) -> list[tuple[str, str | None]]:
    """Give each hospital's address and key.

    >>> hospitals(["http://here"], ["north-key", "south-key"])
    [('http://here', 'north-key'), ('http://here', 'south-key')]
    >>> hospitals(["s3://a", "file:///b"], [])
    [('s3://a', None), ('file:///b', None)]
    """
    if len(to) == 1:
        return [(to[0], key) for key in keys] or [(to[0], None)]
    if len(keys) not in {0, 1, len(to)}:
        raise SettingsError(f"{len(to)} addresses and {len(keys)} keys; give no key, one for all, or one for each")
    each: Sequence[str | None] = keys if len(keys) == len(to) else [keys[0] if keys else None] * len(to)
    return list(zip(to, each, strict=True))


class Pause:
    """Whether sending rests; Enter on a terminal or the signal USR1 changes it."""

    def __init__(self) -> None:
        self._goes_on = threading.Event()
        self._goes_on.set()
        self._is_over = threading.Event()

    def change(self) -> None:
        """Pause, or go on."""
        if self._goes_on.is_set():
            self._goes_on.clear()
            say("\npaused; Enter (or the signal USR1) goes on")
        else:
            self._goes_on.set()
            say("going on")

    def wait(self, stop: threading.Event) -> None:
        """Return when sending goes on, or is to stop."""
        while not self._goes_on.wait(_LOOK_SECONDS) and not stop.is_set():
            pass

    @contextlib.contextmanager
    def heard(self) -> Iterator[None]:
        """Listen for Enter and for the signal until the block ends."""
        before = signal.getsignal(signal.SIGUSR1)
        is_main = threading.current_thread() is threading.main_thread()
        if is_main:
            signal.signal(signal.SIGUSR1, lambda *_: self.change())
        keys = threading.Thread(target=self._read_keys, name="lingula-keys", daemon=True)
        if sys.stdin.isatty() and sys.stderr.isatty():
            say("Enter pauses, Enter again goes on, Ctrl-C ends")
            keys.start()
        try:
            yield
        finally:
            self._is_over.set()
            if keys.is_alive():
                keys.join()
            if is_main:
                signal.signal(signal.SIGUSR1, before)

    def _read_keys(self) -> None:
        terminal = sys.stdin.fileno()
        while not self._is_over.is_set():
            if select.select([terminal], [], [], _LOOK_SECONDS)[0]:
                if not os.read(terminal, 1024):
                    return
                self.change()


@dataclass(frozen=True, kw_only=True)
class _Pool:
    """The radiographs to choose from; a folder without classes counts as one."""

    normal: Sequence[Given]
    other: Sequence[Given]
    mix: float

    @classmethod
    def of(cls, source: Path | None, mix: float, to: Sequence[str]) -> "_Pool":
        if source is None:
            from lingula.doors.cli.samples import shipped_samples

            samples = shipped_samples()
            files = [(Given(path=one.path, name=Path(one.path.name)), one.is_normal) for one in samples]
        else:
            files = [(given, _NORMAL in given.path.parts) for given in find_files([source])]
        if any(address.startswith("dicom:") for address in to):
            files = [(given, is_normal) for given, is_normal in files if _is_dicom(given.path)]
        if not files:
            raise NotFound(f"there is no radiograph in {source} that can be sent so")
        return cls(
            normal=[given for given, is_normal in files if is_normal],
            other=[given for given, is_normal in files if not is_normal],
            mix=mix,
        )

    def choose(self, chosen: random.Random) -> Given:
        wanted = self.normal if chosen.random() < self.mix else self.other
        return chosen.choice(wanted or self.normal or self.other)


@dataclass(kw_only=True)
class _Work:
    """What all hospitals share; `count`, `left` and `unanswered` change under the lock."""

    pool: _Pool
    every_seconds: float
    stop: threading.Event
    pause: Pause
    left: int | None
    tally: Tally
    count: Count
    unanswered: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def is_begun(self) -> bool:
        """Take one of those left; False if there is none."""
        with self.lock:
            if self.left is None:
                return True
            self.left -= 1
            return self.left >= 0

    def hospital(self, sender: "Sender") -> None:
        """Send until told to stop or none is left; a receiver that does not answer is told of and tried again."""
        chosen = random.Random()  # noqa: S311 - no secret
        for number in itertools.count():
            if number:
                self.stop.wait(chosen.uniform(0.5, 1.5) * self.every_seconds)
            self.pause.wait(self.stop)
            if self.stop.is_set() or not self.is_begun():
                return
            self._send_one(sender, self.pool.choose(chosen))

    def _send_one(self, sender: "Sender", given: Given) -> None:
        try:
            sent = sender.send(renew(given.path.read_bytes()), given.path.name)
        except BackendUnavailable as error:
            if not self.stop.is_set():
                say(str(error))
                with self.lock:
                    self.unanswered += 1
            return
        with self.lock:
            self.count.add(sent)
            show_sent(given, sent, as_json=False)
            self.tally.step()


def _is_dicom(path: Path) -> bool:
    """Say whether a file can go over a DICOM association."""
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def _send_all(work: _Work, senders: Sequence["Sender"]) -> None:
    """Let every hospital send in a thread of its own; the first error that is nobody's pause ends them all."""
    try:
        with ThreadPoolExecutor(len(senders)) as threads:
            try:
                running = [threads.submit(work.hospital, sender) for sender in senders]
                for ended in wait(running, return_when=FIRST_EXCEPTION).done:
                    ended.result()
            finally:
                work.stop.set()
    finally:
        work.tally.end()
        work.count.say(work.unanswered)
