"""Everything that moves while a network learns, and the checkpoint that holds all of it."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from copy import deepcopy
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from lingula.errors import TrainingError
from lingula.training.learning.devices import Crew, precisely
from lingula.training.learning.pace import Pace
from lingula.training.recipe import Schedule

Network = TypeVar("Network", bound=nn.Module)
Groups = list[dict[str, list[nn.Parameter] | float]]

_STEEPEST = 5.0  # norm of a step's gradient: steeper ones are shortened, so that one odd batch cannot throw it off


class Learner(Generic[Network]):
    """A network with its optimiser, pace, moving average and best weights so far."""

    def __init__(self, network: Network, schedule: Schedule, crew: Crew) -> None:
        self.schedule, self.crew = schedule, crew
        self.epoch = 0  # finished ones
        self.learning_rate = schedule.learning_rate
        crew.ready(network)
        self._average = deepcopy(network).requires_grad_(requires_grad=False) if schedule.average else None
        network.to(memory_format=torch.channels_last)
        self.network = crew.normalised(network)
        self._weights = [weights for weights in network.parameters() if weights.requires_grad]
        self._optimiser = _optimiser(schedule, self._weights)
        self._pace = Pace(schedule)
        self._best: dict[str, Tensor] | None = None
        self._best_loss, self._waited = math.inf, 0

    @property
    def has_enough(self) -> bool:
        """Whether patience has run out."""
        return self.schedule.patience is not None and self._waited >= self.schedule.patience

    def begin_epoch(self) -> None:
        """Let every layer learn but those that the network itself keeps still."""
        self.network.train()

    def precisely(self) -> AbstractContextManager[object]:
        """Give the context in which the network runs with the recipe's precision."""
        return precisely(self.crew.device, self.schedule.precision)

    def pace_to(self, done: float) -> None:
        """Set the learning rate for a share of all steps."""
        self.learning_rate = self._pace.learning_rate(done)
        for group in self._optimiser.param_groups:
            group["lr"] = self.learning_rate

    def learn(self, loss: Tensor, step: int) -> None:
        """Take one step down a loss."""
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call] # torch leaves it unannotated
        self.crew.average_gradients(self._weights)
        nn.utils.clip_grad_norm_(self._weights, _STEEPEST)
        self._optimiser.step()
        if self._average is not None and self.schedule.average is not None:
            _follow(self._average, self.network, min(self.schedule.average, (1 + step) / (10 + step)))

    def watched(self) -> Network:
        """Give the network that would be kept if this were the last epoch."""
        kept = self.network if self._average is None else self._average
        return kept.eval()

    def heard(self, loss: float) -> None:
        """Close an epoch with the loss that decides."""
        self.epoch += 1
        self._pace.heard(loss)
        if self.schedule.patience is None:
            return
        if loss < self._best_loss:
            self._best = {name: value.detach().cpu().clone() for name, value in self.watched().state_dict().items()}
            self._best_loss, self._waited = loss, 0
        else:
            self._waited += 1

    def result(self) -> Network:
        """Give the network to keep, on the processor."""
        kept = self.watched()
        if self._best is not None:
            kept.load_state_dict(self._best)
        return kept.cpu()

    def save(self, checkpoint: Path | None) -> None:
        """Write everything down, whole or not at all."""
        if checkpoint is None:
            return
        state = {
            "network": self.network.state_dict(),
            "average": None if self._average is None else self._average.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "pace": self._pace.state(),
            "best": self._best,
            "best_loss": self._best_loss,
            "waited": self._waited,
            "epoch": self.epoch,
        }
        partial = checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(checkpoint)

    def restore(self, checkpoint: Path | None) -> None:
        """Go on from a checkpoint, if there is one; the leading process reads it for all."""
        saved = None
        if self.crew.leads and checkpoint is not None and checkpoint.exists():
            saved = torch.load(checkpoint, weights_only=True, map_location="cpu")
            if "pace" not in saved:
                raise TrainingError(f"{checkpoint} is of an older version of this program; remove it to train again")
        saved = self.crew.agreed(saved)
        if saved is None:
            return
        self.network.load_state_dict(saved["network"])
        if self._average is not None:
            self._average.load_state_dict(saved["average"])
        self._optimiser.load_state_dict(saved["optimiser"])
        self._pace.restore(saved["pace"])
        self._best, self._best_loss, self._waited = saved["best"], saved["best_loss"], saved["waited"]
        self.epoch = saved["epoch"]


def _optimiser(schedule: Schedule, weights: list[nn.Parameter]) -> torch.optim.Optimizer:
    """Give the optimiser of a schedule; biases and normalisation are not decayed."""
    groups: Groups = [
        {"params": [some for some in weights if some.ndim > 1], "weight_decay": schedule.weight_decay},
        {"params": [some for some in weights if some.ndim <= 1], "weight_decay": 0.0},
    ]
    rate = schedule.learning_rate
    makers: dict[str, Callable[[], torch.optim.Optimizer]] = {
        "adamw": lambda: torch.optim.AdamW(groups, lr=rate),
        "adam": lambda: torch.optim.Adam(groups, lr=rate),
        "sgd": lambda: torch.optim.SGD(groups, lr=rate, momentum=0.9, nesterov=True),
        "nadam": lambda: torch.optim.NAdam(groups, lr=rate, decoupled_weight_decay=True),
        "adadelta": lambda: torch.optim.Adadelta(groups, lr=rate),
        "rmsprop": lambda: torch.optim.RMSprop(groups, lr=rate),
    }
    return makers[schedule.optimiser]()


@torch.no_grad()
def _follow(average: nn.Module, network: nn.Module, keep: float) -> None:
    ours, theirs = average.state_dict(), network.state_dict()
    for name, value in ours.items():
        if value.dtype.is_floating_point:
            value.lerp_(theirs[name], 1.0 - keep)
        else:
            value.copy_(theirs[name])
