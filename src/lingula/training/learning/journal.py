"""What a run goes through, epoch by epoch: one line of JSON for each, kept in the run's folder.

The lines are written before an epoch's checkpoint, and a line that stands already is not written again: a run that was
killed and goes on leaves no gap and no doubled line. Learning curves are drawn from `read_history`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from lingula.errors import TrainingError
from lingula.training.recipe import Precision


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One finished epoch of one stage.

    Parameters
    ----------
    stage
        `lung finder` or `classifier`.
    fold
        Counted from 1; None for the networks that are shipped.
    epoch, epochs
        Counted from 1, and how many there are at most.
    training_loss
        Mean over the epoch's batches, as they were augmented.
    tuning_loss, accuracy, auroc
        Of the tuning set, never augmented; accuracy at probability 0.5. None where nobody watched.
    learning_rate
        Of the epoch's last step.
    seconds, images_per_second
        Of the training itself, watching not counted.
    precision
        The arithmetic it calculated in, never `auto`; None in the histories of older versions.
    """

    stage: str
    fold: int | None = None
    epoch: int
    epochs: int
    training_loss: float
    tuning_loss: float | None = None
    accuracy: float | None = None
    auroc: float | None = None
    learning_rate: float
    seconds: float
    images_per_second: float
    precision: Precision | None = None

    @property
    def label(self) -> str:
        """The stage and its fold, for people."""
        return _label(self.stage, self.fold)

    @property
    def seconds_left(self) -> float:
        """If the epochs to come last as long as this one."""
        return (self.epochs - self.epoch) * self.seconds


@dataclass(frozen=True, kw_only=True)
class Underway:
    """An epoch that is not finished yet: the share done (0-1) and its mean loss so far."""

    stage: str
    fold: int | None = None
    epoch: int
    epochs: int
    share: float
    training_loss: float
    images_per_second: float

    @property
    def label(self) -> str:
        """The stage and its fold, for people."""
        return _label(self.stage, self.fold)


EpochProgress = Callable[[Epoch | Underway], None]
"""Told of every finished epoch, and now and then of one that takes long."""
Follower = Callable[[Epoch], None]
News = TypeVar("News", Epoch, Epoch | Underway)

_LINE = TypeAdapter(Epoch)


class Journal:
    """The file of a run's epochs; `followers` are told of each line that is new.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "history.jsonl"
    >>> first = Epoch(
    ...     stage="classifier", epoch=1, epochs=9, training_loss=0.7, learning_rate=0.1, seconds=2, images_per_second=9
    ... )
    >>> Journal(path)(first)
    >>> Journal(path)(first)  # the same epoch once more, after a kill
    >>> [line.training_loss for line in read_history(path)]
    [0.7]
    """

    def __init__(self, path: Path, followers: Sequence[Follower] = ()) -> None:
        _drop_torn_line(path)
        self._path, self._followers = path, followers
        self._known = {_key(epoch) for epoch in read_history(path)}

    def __call__(self, epoch: Epoch) -> None:
        """Write an epoch down, if it is not there yet."""
        if _key(epoch) in self._known:
            return
        with self._path.open("ab") as file:
            file.write(_LINE.dump_json(epoch) + b"\n")
        self._known.add(_key(epoch))
        for follower in self._followers:
            follower(epoch)


def read_history(path: Path) -> list[Epoch]:
    """Read a run's epochs in the order they happened; none if the file is not there.

    Raises
    ------
    TrainingError
        If a line is no epoch; remove it, or train again.
    """
    if not path.exists():
        return []
    out = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            out.append(_LINE.validate_json(line))
        except ValidationError as error:
            raise TrainingError(
                f"{path}, line {number} is no epoch of a training: {error.errors()[0]['msg']}"
            ) from error
    return out


def in_fold(listener: Callable[[News], None], fold: int) -> Callable[[News], None]:
    """Give a listener that says of everything it hears that it belongs to a fold, counted from 1."""

    def told(news: News) -> None:
        listener(replace(news, fold=fold))

    return told


def unheard(_: object) -> None:
    """Listen to nothing."""


def _label(stage: str, fold: int | None) -> str:
    return stage if fold is None else f"fold {fold} {stage}"


def _key(epoch: Epoch) -> tuple[str, int | None, int]:
    return epoch.stage, epoch.fold, epoch.epoch


def _drop_torn_line(path: Path) -> None:
    """Cut off a line that a kill left without its end."""
    if path.exists():
        text = path.read_bytes()
        if text and not text.endswith(b"\n"):
            path.write_bytes(text[: text.rfind(b"\n") + 1])
