"""One training loop for every network; killed at any moment, it goes on from the last epoch with the same result.

Every epoch draws from a generator seeded with the run's seed and the epoch's number, and a checkpoint holds weights,
moving average and optimiser, so an interrupted run and an uninterrupted one end with the same weights on one machine.

References
----------
Loshchilov & Hutter 2019, AdamW and the cosine schedule. Polyak & Juditsky 1992, averaging.
"""

import math
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import TypeVar

import torch
from torch import Generator, Tensor, nn

from lingula.training.recipe import Schedule

Progress = Callable[[str, int, int, float], None]
"""Called with the stage's name, epochs done, epochs in all and the last epoch's mean loss."""
Network = TypeVar("Network", bound=nn.Module)


def optimise(  # noqa: PLR0913 - the pieces of every training loop
    network: Network,
    batches: Callable[[Generator], Iterator[Callable[[Network], Tensor]]],
    steps: int,
    schedule: Schedule,
    seed: int,
    *,
    stage: str,
    progress: Progress,
    checkpoint: Path | None = None,
) -> Network:
    """Minimise the losses that `batches` yields, `steps` an epoch; give the network with averaged weights."""
    average = deepcopy(network).requires_grad_(requires_grad=False)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # documented, missing in the stub
    decayed = [weights for weights in network.parameters() if weights.ndim > 1]
    others = [weights for weights in network.parameters() if weights.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": schedule.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=schedule.learning_rate,
    )
    begun = _resumed(checkpoint, network, average, optimiser)
    for epoch in range(begun, schedule.epochs):
        generator = Generator().manual_seed(seed * 1000 + epoch)
        network.train()
        total = 0.0
        for number, loss_of in enumerate(batches(generator)):
            step = epoch * steps + number
            for group in optimiser.param_groups:
                group["lr"] = schedule.learning_rate * _pace(step / (steps * schedule.epochs), schedule.warm_up)
            with torch.autocast("cpu", torch.bfloat16):
                loss = loss_of(network)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call] # torch leaves it unannotated
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimiser.step()
            _follow(average, network, min(schedule.average, (1 + step) / (10 + step)))
            total += float(loss.detach())
        _save(checkpoint, network, average, optimiser, epoch + 1)
        progress(stage, epoch + 1, schedule.epochs, total / steps)
    return average.eval()


def _pace(done: float, warm_up: float) -> float:
    """Rise linearly during the warm-up, then fall along a cosine to a hundredth."""
    if done < warm_up:
        return max(done / warm_up, 0.01)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (done - warm_up) / (1 - warm_up)))


@torch.no_grad()
def _follow(average: nn.Module, network: nn.Module, keep: float) -> None:
    ours, theirs = average.state_dict(), network.state_dict()
    for name, value in ours.items():
        if value.dtype.is_floating_point:
            value.lerp_(theirs[name], 1.0 - keep)
        else:
            value.copy_(theirs[name])


def _resumed(checkpoint: Path | None, network: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer) -> int:
    if checkpoint is None or not checkpoint.exists():
        return 0
    saved = torch.load(checkpoint, weights_only=True)
    network.load_state_dict(saved["network"])
    average.load_state_dict(saved["average"])
    optimiser.load_state_dict(saved["optimiser"])
    return int(saved["epoch"])


def _save(
    checkpoint: Path | None, network: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer, epoch: int
) -> None:
    if checkpoint is None:
        return
    partial = checkpoint.with_suffix(".partial")
    state = {"network": network.state_dict(), "average": average.state_dict(), "optimiser": optimiser.state_dict()}
    torch.save(state | {"epoch": epoch}, partial)
    partial.replace(checkpoint)  # whole or not at all
