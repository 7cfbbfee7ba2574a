"""``lingula send`` and ``lingula simulate``: a hospital sending to a Lingula somewhere else."""

import itertools
import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lingula.doors.cli.exits import OK, UNREADABLE
from lingula.doors.cli.files import Given, find_files
from lingula.doors.cli.output import Tally, say, show_line
from lingula.errors import NotFound

if TYPE_CHECKING:
    from lingula.doors.cli.sender import Sender, Sent

To = Annotated[str, typer.Option("--to", help="Address of the receiving Lingula: http(s)://...", show_default=False)]
Key = Annotated[str | None, typer.Option(help="The sending site's API key.", show_default="LINGULA_API_KEY")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object per file.")]

_NORMAL, _OTHER = "NORMAL", "PNEUMONIA"


def send(
    *,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files, or folders.", show_default=False)],
    to: To,
    key: Key = None,
    connections: Annotated[int, typer.Option(min=1, max=64, help="Files sent at the same time.")] = 4,
    as_json: AsJson = False,
) -> int:
    """Send radiographs to a Lingula; ends with 0 if all are kept there, 2 if any was refused."""
    files = find_files(paths)
    counted: Counter[str] = Counter()
    with (
        closing(_open_sender(to, key)) as sender,
        ThreadPoolExecutor(connections) as pool,
        Tally("sent", len(files)) as tally,
    ):
        outcomes = pool.map(lambda one: sender.send(one.path.read_bytes()), files)
        try:
            for given, sent in zip(files, outcomes, strict=True):
                counted[sent.outcome] += 1
                _show(given, sent, as_json=as_json)
                tally.step()
        finally:
            pool.shutdown(cancel_futures=True)  # after an error nothing more is begun
    say(", ".join(f"{count} {outcome}" for outcome, count in sorted(counted.items())) or "nothing to send")
    return UNREADABLE if counted["refused"] else OK


def simulate(
    *,
    to: To,
    every: Annotated[float, typer.Option(min=0.0, help="Seconds between two radiographs, on average.")] = 3.0,
    mix: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of normal radiographs.")] = 0.8,
    source: Annotated[
        Path | None, typer.Option(help="Folder of radiographs.", show_default="the shipped samples")
    ] = None,
    count: Annotated[int | None, typer.Option(min=1, help="How many to send.", show_default="until Ctrl-C")] = None,
    key: Key = None,
) -> int:
    """Be a hospital: send radiographs at random times, each as a new one, until Ctrl-C."""
    from lingula.doors.cli.renewed import renew

    chosen = random.Random()  # noqa: S311 - no secret
    normal, other = _sort_by_class(source)
    with closing(_open_sender(to, key)) as sender, Tally("sent", count) as tally:
        for number in itertools.islice(itertools.count(), count):
            if number:
                time.sleep(chosen.uniform(0.5, 1.5) * every)
            wanted = normal if chosen.random() < mix else other
            given = chosen.choice(wanted or normal or other)
            _show(given, sender.send(renew(given.path.read_bytes())), as_json=False)
            tally.step()
    return OK


def _sort_by_class(source: Path | None) -> tuple[Sequence[Given], Sequence[Given]]:
    """Give normal and other radiographs; a folder without classes counts as one."""
    if source is None:
        from lingula.doors.cli.samples import shipped_samples

        samples = shipped_samples()
        files = [(Given(path=one.path, name=Path(one.path.name)), one.is_normal) for one in samples]
    else:
        files = [(given, _NORMAL in given.path.parts) for given in find_files([source])]
    if not files:
        raise NotFound(f"there is no radiograph in {source}")
    return [given for given, is_normal in files if is_normal], [given for given, is_normal in files if not is_normal]


def _open_sender(to: str, key: str | None) -> "Sender":
    from lingula.doors.cli.sender import Sender
    from lingula.settings import load_settings

    return Sender(to, load_settings({"api_key": key}).api_key)


def _show(given: Given, sent: "Sent", *, as_json: bool) -> None:
    if as_json:
        row = {"path": str(given.path), "outcome": sent.outcome.value, "reason": sent.reason}
        show_line(json.dumps(row | {"instance": sent.instance, "study": sent.study}, ensure_ascii=False))
    elif sent.reason:
        show_line(f"{given.path}  {sent.outcome}: {sent.reason}")
