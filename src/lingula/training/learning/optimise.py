"""One training loop for every network; killed at any moment, it goes on from the last epoch with the same result.

Every epoch draws from generators seeded with the run's seed and the epoch's number, and a checkpoint holds everything
that the next epoch depends on (weights, moving average, optimiser, pace, best weights, patience), so an interrupted run
and an uninterrupted one end with the same weights on one machine with the same number of threads.

References
----------
Loshchilov & Hutter 2019, AdamW. Polyak & Juditsky 1992, averaging. Prechelt 1998, early stopping.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import Generator, Tensor, nn

from lingula.errors import TrainingError
from lingula.training.learning.devices import Crew, current_crew, precision_of
from lingula.training.learning.journal import Epoch, EpochProgress, Follower, Underway, unheard
from lingula.training.learning.learner import Learner
from lingula.training.recipe import Schedule

Network = TypeVar("Network", bound=nn.Module)

_SAY_EVERY = 2.0  # seconds between words about an epoch that is under way
_GLOBAL_SEED = 500_000_000  # apart from the batches' own generators, so that dropout does not repeat what they draw


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What the tuning set says of a network; accuracy and AUROC where they are defined."""

    loss: float
    accuracy: float | None = None
    auroc: float | None = None


@dataclass(frozen=True, kw_only=True)
class Course(Generic[Network]):
    """What a network goes through.

    Parameters
    ----------
    stage
        Its name for people.
    batches
        Yields the `steps` batches of an epoch, drawn from the generator it is given, knowing what share (0-1) of all
        epochs is done; `pictures` in all of them.
    watch
        Looks at the tuning set after each epoch, without drawing a random number.
    """

    stage: str
    batches: Callable[[Generator, float], Iterator[Callable[[Network], Tensor]]]
    steps: int
    pictures: int
    watch: Callable[[Network], Watched] | None = None


@dataclass(frozen=True, kw_only=True)
class Log:
    """Who hears of a training, and the file it goes on from."""

    progress: EpochProgress = unheard
    journal: Follower = unheard
    checkpoint: Path | None = None


def optimise(network: Network, course: Course[Network], schedule: Schedule, seed: int, log: Log) -> Network:
    """Minimise the losses of a course.

    Returns
    -------
    Network
        On the processor, ready to be asked: with averaged weights if the schedule has an average, and with the best
        ones of all epochs if it has patience.

    Raises
    ------
    TrainingError
        If the loss, or the tuning loss where somebody watches, is no number any more.
    """
    crew = current_crew()
    learner = Learner(network, schedule, crew)
    learner.restore(log.checkpoint)
    while learner.epoch < schedule.epochs and not learner.has_enough:
        done = _epoch(learner, course, seed, log.progress)
        learner.heard(done.training_loss if done.tuning_loss is None else done.tuning_loss)
        if crew.leads:
            log.journal(done)
            learner.save(log.checkpoint)
            log.progress(done)
    return learner.result()


def _epoch(learner: Learner[Network], course: Course[Network], seed: int, progress: EpochProgress) -> Epoch:
    crew, schedule, number = learner.crew, learner.schedule, learner.epoch
    torch.manual_seed(_GLOBAL_SEED * (1 + crew.rank) + seed * 1000 + number)
    begun, total = time.perf_counter(), torch.zeros((), dtype=torch.float64, device=crew.device)
    words = _Words(progress, course, number + 1, schedule.epochs)
    learner.begin_epoch()
    batches = course.batches(Generator().manual_seed(seed * 1000 + number), number / schedule.epochs)
    for step, loss_of in enumerate(crew.ahead(batches)):
        total += _step(learner, loss_of, number * course.steps + step, course.steps * schedule.epochs)
        if crew.leads and words.are_due():
            words.say((step + 1) / course.steps, float(total) / (step + 1))
    training_loss = _sound(crew.mean(total) / course.steps, "loss", learner, course)
    seconds = time.perf_counter() - begun
    watched = _watched(learner, course, crew)
    return Epoch(
        stage=course.stage,
        epoch=number + 1,
        epochs=schedule.epochs,
        training_loss=training_loss,
        tuning_loss=None if watched is None else _sound(watched.loss, "tuning loss", learner, course),
        accuracy=None if watched is None else watched.accuracy,
        auroc=None if watched is None else watched.auroc,
        learning_rate=learner.learning_rate,
        seconds=seconds,
        images_per_second=course.pictures / seconds,
        precision=precision_of(crew.device, schedule.precision),
    )


def _step(learner: Learner[Network], loss_of: Callable[[Network], Tensor], step: int, steps: int) -> Tensor:
    """Learn from one batch; give its loss."""
    learner.pace_to(step / steps)
    with learner.precisely():
        loss = loss_of(learner.network)
    learner.learn(loss, step)
    return loss.detach()


def _sound(loss: float, name: str, learner: Learner[Network], course: Course[Network]) -> float:
    """Give a loss that is a number; no other may decide which weights are kept or how the learning rate moves."""
    if not math.isfinite(loss):
        raise TrainingError(
            f"{course.stage}: the {name} is no number after epoch {learner.epoch + 1}; "
            f"lower the learning rate ({learner.schedule.learning_rate:g})"
        )
    return loss


def _watched(learner: Learner[Network], course: Course[Network], crew: Crew) -> Watched | None:
    """Let the leading process look, and tell the others what it saw."""
    if course.watch is None:
        return None
    seen: Watched | None = None
    if crew.leads:
        with torch.no_grad(), learner.precisely():
            seen = course.watch(learner.watched())
    return crew.agreed(seen)


class _Words(Generic[Network]):
    """Says now and then how far a long epoch is."""

    def __init__(self, progress: EpochProgress, course: Course[Network], epoch: int, epochs: int) -> None:
        self._progress, self._course, self._epoch, self._epochs = progress, course, epoch, epochs
        self._begun = self._said = time.perf_counter()

    def are_due(self) -> bool:
        return time.perf_counter() - self._said >= _SAY_EVERY

    def say(self, share: float, loss: float) -> None:
        self._said = time.perf_counter()
        self._progress(
            Underway(
                stage=self._course.stage,
                epoch=self._epoch,
                epochs=self._epochs,
                share=share,
                training_loss=loss,
                images_per_second=share * self._course.pictures / (self._said - self._begun),
            )
        )
