"""``lingula send``: radiographs go to a Lingula somewhere else, through any of its doors."""

import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lingula.doors.cli.exits import OK, UNREADABLE
from lingula.doors.cli.files import Given, find_files
from lingula.doors.cli.output import Tally, say, show_line
from lingula.doors.cli.stopping import stopped_in_order

if TYPE_CHECKING:
    from lingula.doors.sending.patience import Patience
    from lingula.doors.sending.sender import Sender, Sent

WAYS = "http(s)://HOST, dicom://AET@HOST:PORT, s3://BUCKET/PREFIX or file:///FOLDER"

To = Annotated[str, typer.Option("--to", help=f"Address of the receiving Lingula: {WAYS}.", show_default=False)]
Key = Annotated[
    str | None, typer.Option(help="The sending site's API key, for http(s)://.", show_default="LINGULA_API_KEY")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object per file.")]


def send(
    *,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files, or folders.", show_default=False)],
    to: To,
    key: Key = None,
    connections: Annotated[int, typer.Option(min=1, max=64, help="Files sent at the same time.")] = 4,
    as_json: AsJson = False,
) -> int:
    """Send radiographs to a Lingula; ends with 0 if all are kept there, 2 if any was refused."""
    from lingula.doors.sending.patience import Patience

    files, stop = find_files(paths), threading.Event()
    patience = Patience(wait=stop.wait)
    counted = Count(patience)
    with (
        stopped_in_order(),
        closing(open_sender_with_key(to, key, patience)) as sender,
        ThreadPoolExecutor(connections) as pool,
        Tally("sent", len(files)) as tally,
    ):
        outcomes = pool.map(lambda one: sender.send(one.path.read_bytes(), one.path.name), files)
        try:
            for given, sent in zip(files, outcomes, strict=True):
                counted.add(sent)
                show_sent(given, sent, as_json=as_json)
                tally.show(counted.total, len(files))
        finally:
            stop.set()  # nobody waits any longer
            pool.shutdown(cancel_futures=True)  # after an error nothing more is begun
            tally.end()
            counted.say(len(files) - counted.total)
    return UNREADABLE if counted.refused else OK


class Count:
    """What became of the radiographs so far, told at the end in one line."""

    def __init__(self, patience: "Patience") -> None:
        self._patience = patience
        self._by_outcome: Counter[str] = Counter()
        self._began = time.monotonic()

    @property
    def total(self) -> int:
        """How many were answered."""
        return self._by_outcome.total()

    @property
    def refused(self) -> int:
        """How many were no radiographs."""
        return self._by_outcome["refused"]

    def add(self, sent: "Sent") -> None:
        """Count one."""
        self._by_outcome[sent.outcome.value] += 1

    def say(self, left: int = 0) -> None:
        """Tell what became of all, and of those left."""
        parts = [f"{count} {outcome}" for outcome, count in sorted(self._by_outcome.items())]
        if left:
            parts.append(f"{left} without an answer")
        if again := self._patience.again:
            parts.append(f"{again} tried again")
        seconds = time.monotonic() - self._began
        pace = f" in {seconds:.1f} s ({self.total / seconds:.1f}/s)" if self.total and seconds else ""
        say((", ".join(parts) or "nothing was sent") + pace)


def open_sender_with_key(to: str, key: str | None, patience: "Patience") -> "Sender":
    """Open the way to an address, with the key given or the one of the settings."""
    from lingula.doors.sending.sender import open_sender
    from lingula.settings import load_settings

    return open_sender(to, load_settings({"api_key": key}).api_key, patience)


def show_sent(given: Given, sent: "Sent", *, as_json: bool) -> None:
    """Print what became of one file: as JSON always, for people if it was not kept."""
    if as_json:
        row = {"path": str(given.path), "outcome": sent.outcome.value, "reason": sent.reason}
        show_line(json.dumps(row | {"instance": sent.instance, "study": sent.study}, ensure_ascii=False))
    elif sent.reason:
        show_line(f"{given.path}  {sent.outcome}: {sent.reason}")
