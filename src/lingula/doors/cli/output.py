"""What commands print: data on standard output, everything for people on standard error."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

    from lingula.training.learning.journal import Epoch, Underway

NOTICE = "Lingula supports a doctor's decision and never replaces it."

_CLEAR = "\x1b[2K"  # ECMA-48: erase the line

_MINUTE = 60  # seconds

Plain = str | int | float | bool | None | Sequence["Plain"] | Mapping[str, "Plain"]


def say(text: str = "") -> None:
    """Tell the person at the terminal something that is no data."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def show_json(value: Plain) -> None:
    """Print one JSON value on one line."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


def show_line(text: str) -> None:
    """Print one line of data for people."""
    sys.stdout.write(text + "\n")


def show_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns, as wide as they need to be."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, *rows):
        show_line("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


class Tally:
    """One line on a terminal that counts what is done; silent elsewhere.

    >>> with Tally("assessed", total=2) as tally:
    ...     tally.step()
    """

    def __init__(self, word: str, total: int | None) -> None:
        self._word, self._total, self._done = word, total, 0
        self._is_shown = sys.stderr.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Leave the line, so that others may write; ending twice does no harm."""
        if self._is_shown and self._done:
            sys.stderr.write("\n")
        self._is_shown = False

    def step(self) -> None:
        """Count one more."""
        self.show(self._done + 1, self._total)

    def show(self, done: int, total: int | None) -> None:
        """Say how many of how many are done."""
        self._done = done
        if self._is_shown:
            sys.stderr.write(f"\r{self._word} {done}{f' of {total}' if total else ''}")
            sys.stderr.flush()

    def tell(self, what: str) -> None:
        """Say what is done after the counting."""
        if self._is_shown:
            sys.stderr.write(f"\r{_CLEAR}{what}")
            sys.stderr.flush()


class Progress:
    """How far a training is: a bar for each stage on a terminal, drawn by rich; elsewhere a line for each epoch."""

    def __init__(self, console: "Console | None" = None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        console = console or Console(stderr=True)
        self._is_drawn = console.is_terminal
        self._stages: dict[str, TaskID] = {}
        self._bars = Bars(
            TextColumn("{task.description:<19}"),
            BarColumn(bar_width=16),
            TextColumn("{task.fields[told]}"),
            TimeRemainingColumn(compact=True),
            console=console,
            disable=not self._is_drawn,
        )
        self._tuning: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def heard(self, news: "Epoch | Underway") -> None:
        """Show how far a stage is."""
        from lingula.training.learning.journal import Epoch

        if isinstance(news, Epoch):
            self._tuning[news.label] = "" if news.tuning_loss is None else f", tuning loss {news.tuning_loss:.4f}"
        told = (
            f"epoch {news.epoch}/{news.epochs}, loss {news.training_loss:.4f}{self._tuning.get(news.label, '')}, "
            f"{news.images_per_second:.0f} images/s"
        )
        if self._is_drawn:
            done = news.epoch if isinstance(news, Epoch) else news.epoch - 1 + news.share
            self._draw(news.label, done, news.epochs, told)
        elif isinstance(news, Epoch):
            say(f"{news.label}: {told}, {_in_minutes(news.seconds_left)} left")

    def _draw(self, label: str, done: float, epochs: int, told: str) -> None:
        if label not in self._stages:
            self._stages[label] = self._bars.add_task(label, total=epochs, told=told)
        self._bars.update(self._stages[label], completed=done, told=told)


def _in_minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 2 * _MINUTE else f"{seconds / _MINUTE:.0f} min"
