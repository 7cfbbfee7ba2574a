"""What commands print: data on standard output, everything for people on standard error."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import TaskID

NOTICE = "Lingula supports a doctor's decision and never replaces it."

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
        if self._is_shown and self._done:
            sys.stderr.write("\n")

    def step(self) -> None:
        """Count one more."""
        self.show(self._done + 1, self._total)

    def show(self, done: int, total: int | None) -> None:
        """Say how many of how many are done."""
        self._done = done
        if self._is_shown:
            sys.stderr.write(f"\r{self._word} {done}{f' of {total}' if total else ''}")
            sys.stderr.flush()


class Progress:
    """A bar per stage of a long run: how many epochs of how many, and the loss, drawn by rich on a terminal."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        self._stages: dict[str, TaskID] = {}
        self._bars = Bars(
            TextColumn("{task.description:<24}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("loss {task.fields[loss]:.4f}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def epoch(self, stage: str, done: int, total: int, loss: float) -> None:
        """Show that an epoch of a stage is done."""
        if stage not in self._stages:
            self._stages[stage] = self._bars.add_task(stage, total=total, loss=loss)
        self._bars.update(self._stages[stage], completed=done, loss=loss)
