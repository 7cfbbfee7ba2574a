"""How the learning rate moves: a warm-up, then one of five paces.

References
----------
Loshchilov & Hutter 2017, cosine. Smith & Topin 2018, one cycle. He et al. 2016, a tenth at half and three quarters.
"""

import math
from dataclasses import dataclass

from lingula.training.recipe import Schedule

_LEAST = 0.01  # of the learning rate: where a warm-up begins and a cosine ends
_CYCLE_START, _CYCLE_END = 1 / 25, 1e-4  # of the learning rate; torch's OneCycleLR begins so too and ends at 4e-6
_STEPS = (0.5, 0.75)  # shares of the run after which the learning rate falls
_STEP = 0.1  # to this part of it
_PLATEAU = 3  # epochs without a better loss after which it falls to
_PLATEAU_STEP = 0.3


@dataclass
class Pace:
    """The learning rate of a schedule, step by step; a plateau remembers how the loss went.

    Parameters
    ----------
    fallen
        What is left of the learning rate after the plateaus so far, 0-1.
    """

    schedule: Schedule
    fallen: float = 1.0
    best: float = math.inf
    waited: int = 0

    def learning_rate(self, done: float) -> float:
        """Give the learning rate when a share `done` (0-1) of all steps is taken."""
        return self.schedule.learning_rate * self._factor(done)

    def _factor(self, done: float) -> float:
        warm_up = self.schedule.warm_up
        if self.schedule.pace == "one-cycle":
            return _cycle(done, warm_up)
        if done < warm_up:
            return max(done / warm_up, _LEAST)
        if self.schedule.pace == "cosine":
            return _LEAST + (1 - _LEAST) * 0.5 * (1 + math.cos(math.pi * (done - warm_up) / (1 - warm_up)))
        if self.schedule.pace == "step":
            return _STEP ** sum(done >= share for share in _STEPS)
        return self.fallen

    def heard(self, loss: float) -> None:
        """Take note of an epoch's loss: the tuning loss if somebody watches, else the training loss."""
        if self.schedule.pace != "plateau":
            return
        if loss < self.best:
            self.best, self.waited = loss, 0
            return
        self.waited += 1
        if self.waited >= _PLATEAU:
            self.fallen, self.waited = self.fallen * _PLATEAU_STEP, 0

    def state(self) -> dict[str, float]:
        """Give what a checkpoint must hold."""
        return {"fallen": self.fallen, "best": self.best, "waited": self.waited}

    def restore(self, state: dict[str, float]) -> None:
        """Take over what a checkpoint holds."""
        self.fallen, self.best, self.waited = state["fallen"], state["best"], int(state["waited"])


def _cycle(done: float, warm_up: float) -> float:
    """Rise and fall along half a cosine each."""
    if done < warm_up:
        return _between(_CYCLE_START, 1.0, done / warm_up)
    return _between(1.0, _CYCLE_END, (done - warm_up) / (1 - warm_up))


def _between(first: float, last: float, share: float) -> float:
    return last + (first - last) * 0.5 * (1 + math.cos(math.pi * share))
