"""The loop: every optimiser learns, patience keeps the best, frozen weights stay, a kill changes nothing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor, nn

from lingula.errors import TrainingError
from lingula.training.learning.devices import calculates_in_bf16
from lingula.training.learning.journal import Epoch, unheard
from lingula.training.learning.optimise import Course, Log, Watched, optimise
from lingula.training.networks import Classifier, build_classifier
from lingula.training.recipe import NetworkRecipe, Precision, Schedule

INPUTS = torch.randn(64, 4, generator=Generator().manual_seed(0))
WANTED = (INPUTS @ torch.tensor([[1.0], [-2.0], [0.5], [0.0]])).tanh()
RATES = {"adamw": 0.02, "adam": 0.02, "sgd": 0.05, "nadam": 0.02, "adadelta": 1.0, "rmsprop": 0.02}


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def schedule(**more: str | float | None) -> Schedule:
    return Schedule.model_validate({"epochs": 6, "batch": 16, "learning_rate": 0.02, "precision": "fp32", **more})


def loss_of(rows: Tensor, network: nn.Module) -> Tensor:
    off: Tensor = network(INPUTS[rows]) - WANTED[rows]
    return off.square().mean()


def batches(generator: Generator, _: float) -> Iterator[Callable[[nn.Module], Tensor]]:
    order = torch.randperm(64, generator=generator)
    for start in range(0, 64, 16):
        yield partial(loss_of, order[start : start + 16])


def small_network() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.Dropout(0.1), nn.ReLU(), nn.Linear(16, 1))


def course(watch: Callable[[nn.Module], Watched] | None = None) -> Course[nn.Module]:
    return Course(stage="test", batches=batches, steps=4, pictures=64, watch=watch)


def learnt(recipe: Schedule, log: Log, watch: Callable[[nn.Module], Watched] | None = None) -> nn.Module:
    return optimise(small_network(), course(watch), recipe, 1, log)


def error(network: nn.Module) -> float:
    return float((network(INPUTS) - WANTED).square().mean().detach())


def test_each_epoch_is_told_how_much_is_done() -> None:
    told: list[float] = []

    def listening(generator: Generator, done: float) -> Iterator[Callable[[nn.Module], Tensor]]:
        told.append(done)
        return batches(generator, done)

    listener = Course(stage="test", batches=listening, steps=4, pictures=64)
    optimise(small_network(), listener, schedule(epochs=4), 1, Log())
    assert told == [0.0, 0.25, 0.5, 0.75]


@pytest.mark.parametrize("name", sorted(RATES))
def test_every_optimiser_learns(name: str) -> None:
    recipe = schedule(epochs=25, optimiser=name, learning_rate=RATES[name], weight_decay=1e-4, average=None)
    before = error(small_network().eval())
    assert error(learnt(recipe, Log())) < before / 2


def test_an_average_is_kept_unless_none_is_wanted() -> None:
    last, averaged = learnt(schedule(average=None), Log()), learnt(schedule(average=0.9), Log())
    assert not torch.equal(next(last.parameters()), next(averaged.parameters()))


class Tuning:
    """Says losses in order, and remembers the networks it was shown."""

    def __init__(self, *losses: float) -> None:
        self.losses, self.seen = list(losses), list[dict[str, Tensor]]()

    def __call__(self, network: nn.Module) -> Watched:
        assert not network.training
        self.seen.append({name: value.clone() for name, value in network.state_dict().items()})
        return Watched(loss=self.losses[len(self.seen) - 1], accuracy=0.5, auroc=0.75)


def test_patience_stops_early_and_gives_the_best_weights_back() -> None:
    tuning, epochs = Tuning(0.9, 0.5, 0.6, 0.7, 0.1), list[Epoch]()
    network = learnt(schedule(patience=2), Log(journal=epochs.append), tuning)
    assert [epoch.tuning_loss for epoch in epochs] == [0.9, 0.5, 0.6, 0.7]
    assert (epochs[-1].accuracy, epochs[-1].auroc) == (0.5, 0.75)
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, tuning.seen[1][name], rtol=0, atol=0, msg=name)


def test_without_patience_the_last_weights_are_kept_however_the_tuning_loss_went() -> None:
    tuning = Tuning(0.1, 0.2, 0.3)
    network = learnt(schedule(epochs=3), Log(), tuning)
    torch.testing.assert_close(network.state_dict(), tuning.seen[2], rtol=0, atol=0)


def test_what_a_network_keeps_still_stays_as_it_is_with_its_statistics() -> None:
    pictures, wanted = torch.rand(8, 1, 32, 32), torch.rand(8, 1)

    def looked(_: Generator, __: float) -> Iterator[Callable[[Classifier], Tensor]]:
        yield lambda classifier: (classifier(pictures)[0] - wanted).square().mean()

    recipe = {"side": 32, "widths": (8, 8, 8, 8), "blocks": (1, 1, 1, 1), "trainable": "head"}
    network = build_classifier(NetworkRecipe.model_validate(recipe))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    held = Course[Classifier](stage="test", batches=looked, steps=1, pictures=8)
    after = optimise(network, held, schedule(average=None, weight_decay=0.1), 1, Log()).state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == {"pneumonia.weight", "pneumonia.bias"}


def test_an_average_of_nothing_keeps_the_last_weights() -> None:
    last, none = learnt(schedule(average=0.0), Log()), learnt(schedule(average=None), Log())
    torch.testing.assert_close(last.state_dict(), none.state_dict(), rtol=0, atol=0)


def test_every_epoch_says_what_it_calculated_in() -> None:
    epochs = list[Epoch]()
    learnt(schedule(epochs=1, precision="auto"), Log(journal=epochs.append))
    learnt(schedule(epochs=1, precision="bf16"), Log(journal=epochs.append))
    auto = Precision.BF16 if calculates_in_bf16(torch.device("cpu"), Precision.AUTO) else Precision.FP32
    assert [epoch.precision for epoch in epochs] == [auto, Precision.BF16]


def test_a_loss_that_is_no_number_ends_the_training_with_advice() -> None:
    def broken(_: Generator, __: float) -> Iterator[Callable[[nn.Module], Tensor]]:
        yield lambda network: network(INPUTS).mean() * float("nan")

    lost = Course[nn.Module](stage="classifier", batches=broken, steps=1, pictures=64)
    with pytest.raises(
        TrainingError, match=r"classifier: the loss is no number after epoch 1; lower the learning rate"
    ):
        optimise(small_network(), lost, schedule(), 1, Log())


@pytest.mark.parametrize("patience", [2, None])
def test_a_tuning_loss_that_is_no_number_ends_the_training_and_keeps_nothing(
    patience: int | None, tmp_path: Path
) -> None:
    epochs, log = list[Epoch](), tmp_path / "checkpoint"
    with pytest.raises(
        TrainingError, match=r"test: the tuning loss is no number after epoch 2; lower the learning rate"
    ):
        learnt(
            schedule(patience=patience, pace="plateau"),
            Log(journal=epochs.append, checkpoint=log),
            Tuning(0.5, float("nan"), 0.1),
        )
    assert [epoch.epoch for epoch in epochs] == [1]
    assert torch.load(log, weights_only=True)["epoch"] == 1


STUBBORN: dict[str, str | float | None] = {"pace": "plateau", "patience": 4, "epochs": 7, "average": 0.9}


def watch_closely(network: nn.Module) -> Watched:
    """Get worse on purpose now and then, so that patience and plateau have something to remember."""
    loss = error(network)
    return Watched(loss=loss if round(loss * 1e4) % 3 else 1.0)


@pytest.mark.parametrize("optimiser", sorted(RATES))
def test_a_training_that_goes_on_ends_with_the_weights_of_one_that_never_stopped(
    optimiser: str, tmp_path: Path
) -> None:
    recipe = schedule(**STUBBORN, optimiser=optimiser, learning_rate=RATES[optimiser])
    whole = learnt(recipe, Log(), watch_closely)

    def stopped(epoch: Epoch) -> None:
        if epoch.epoch == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learnt(recipe, Log(journal=stopped, checkpoint=tmp_path / "c"), watch_closely)
    epochs: list[Epoch] = []
    resumed = learnt(recipe, Log(journal=epochs.append, checkpoint=tmp_path / "c"), watch_closely)
    assert epochs[0].epoch == 4  # its line was being written when it stopped
    torch.testing.assert_close(resumed.state_dict(), whole.state_dict(), rtol=0, atol=0)


VICTIM = """
import sys, time
from pathlib import Path
sys.path.insert(0, str(Path({here!r}).parent))
import torch
torch.set_num_threads(1)
from test_optimise import STUBBORN, learnt, schedule, watch_closely
from lingula.training.learning.optimise import Log
def slowly(news):
    print(news.epoch, flush=True)
    time.sleep(0.05)
learnt(schedule(**STUBBORN), Log(progress=slowly, checkpoint=Path({checkpoint!r})), watch_closely)
"""


def test_a_training_killed_with_signal_9_goes_on_with_the_same_result(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint"
    script = VICTIM.format(here=__file__, checkpoint=str(checkpoint))
    victim = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert victim.stdout is not None
    with victim.stdout as lines:
        for line in lines:
            if line == "3\n":
                time.sleep(0.06)  # into the next epoch
                os.kill(victim.pid, signal.SIGKILL)
    assert victim.wait() == -signal.SIGKILL
    recipe, epochs = schedule(**STUBBORN), list[Epoch]()
    resumed = learnt(recipe, Log(journal=epochs.append, checkpoint=checkpoint), watch_closely)
    assert 4 <= epochs[0].epoch <= 5
    whole = learnt(recipe, Log(progress=unheard), watch_closely)
    torch.testing.assert_close(resumed.state_dict(), whole.state_dict(), rtol=0, atol=0)


def test_a_checkpoint_of_another_make_is_refused(tmp_path: Path) -> None:
    torch.save({"network": {}, "epoch": 3}, tmp_path / "c")
    with pytest.raises(TrainingError, match="older version"):
        learnt(schedule(), Log(checkpoint=tmp_path / "c"))
