"""``make bench-training``: images a second of training, ours beside Keras/TensorFlow on the same machine in turns.

Two sizes: ResNet-50 at 224 pixels, and the default recipe's classifier at its own. Ours is the whole step of
`lingula train` (pictures from memory, every augmentation of the recipe, bfloat16 where the processor calculates in it,
average of the weights). Keras gets random pictures that are ready in memory and no augmentation, everything trainable,
as `train_on_batch` runs it out of the box. It lives in an environment of its own under ``build/``, made the first time.

Images a second are by the clock and depend on what else the machine does. In brackets they are counted in processor
time, as if every core worked alone for it; on a busy machine threads also burn time waiting for each other, so ask for
`--threads 1` there. Beside ours stands what the processor's own matrix products would allow: no exact step is faster.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.environments import KERAS, ROOT
from benchmarks.ground import LeftOut
from benchmarks.limits import cores, spin_rate
from lingula.training.learning.devices import calculates_in_bf16, keep_freed_memory, said_of_arithmetic
from lingula.training.learning.examples import LabelledExamples
from lingula.training.learning.journal import Epoch, Underway
from lingula.training.learning.train import train_classifier
from lingula.training.networks import build_classifier
from lingula.training.recipe import AugmentRecipe, ClassifierRecipe, NetworkRecipe, Precision, Schedule, Sight
from lingula.training.recipe_file import read_recipe

_PRODUCT_SIDE = 2048  # of square matrices: large enough to be near the processor's best
LARGE_ASKED, DEFAULT_ASKED = 4.0, 35.0  # times Keras's ResNet-50, what this project set itself


@dataclass(frozen=True, kw_only=True)
class Speed:
    """How fast one side trained, each value one step."""

    made_by: str
    batch: int
    seconds: list[float]
    processor_seconds: list[float]

    @property
    def by_clock(self) -> float:
        """Images a second, by the median step."""
        return self.batch / median(self.seconds)

    @property
    def by_processor(self) -> float:
        """Images a second if every core worked for it alone and without waiting."""
        return self.batch / median(self.processor_seconds) * cores()

    def joined(self, other: "Speed") -> "Speed":
        """Add another round."""
        seconds, processor = self.seconds + other.seconds, self.processor_seconds + other.processor_seconds
        return replace(self, seconds=seconds, processor_seconds=processor)

    def over(self, other: "Speed") -> str:
        """Give how many times as fast this is."""
        return f"{self.by_clock / other.by_clock:.1f} ({self.by_processor / other.by_processor:.1f})"


@dataclass(frozen=True, kw_only=True)
class Size:
    """A network and its batch."""

    name: str
    recipe: ClassifierRecipe
    steps: int  # in a round of ours

    @property
    def batch(self) -> int:
        """Pictures in a step."""
        return self.recipe.schedule.batch


def sizes() -> tuple[Size, Size]:
    """Give ResNet-50 and the default recipe's classifier."""
    large = ClassifierRecipe(
        schedule=Schedule(epochs=2, batch=50, learning_rate=1e-4, optimiser="adam"),
        network=NetworkRecipe(name="resnet50", sees=Sight.FRAME, side=224),
        augment=AugmentRecipe(),
    )
    default = read_recipe(ROOT / "recipes" / "default.toml").classifier
    schedule = default.schedule.model_copy(update={"epochs": 2, "patience": None})
    small = default.model_copy(update={"schedule": schedule})
    return Size(name="ResNet-50", recipe=large, steps=1), Size(name="default", recipe=small, steps=16)


def ours(size: Size) -> Speed:
    """Train two epochs and time the second; in the first memory is fetched and kernels are chosen."""
    count = size.batch * size.steps
    rng = np.random.default_rng(0)
    examples = LabelledExamples(
        pictures=rng.integers(0, 256, (count, 224, 224), dtype=np.uint8),
        targets=rng.integers(0, 2, count).astype(np.float32),
        findings=rng.integers(0, 3, count),
        masks=torch.from_numpy(rng.random((count, 1, 56, 56), dtype=np.float32)),
    )
    ends: list[tuple[float, float]] = []

    def heard(news: Epoch | Underway) -> None:
        if isinstance(news, Epoch):
            ends.append((time.perf_counter(), time.process_time()))

    train_classifier(examples, size.recipe, 0, progress=heard)
    (began, used), (ended, spent) = ends
    return Speed(
        made_by=f"PyTorch {torch.__version__}",
        batch=size.batch,
        seconds=[(ended - began) / size.steps],
        processor_seconds=[(spent - used) / size.steps],
    )


def operations(size: Size) -> float:
    """Count the floating-point operations of a picture's way through the network and back."""
    side = size.recipe.network.side
    network = build_classifier(size.recipe.network).train()
    with FlopCounterMode(display=False) as counted:
        network(torch.zeros(2, 1, side, side))[0].sum().backward()  # batch normalisation wants two
    return float(counted.get_total_flops()) / 2


def product_rate(tries: int = 10) -> float:
    """Give the operations a second of a large matrix product in our arithmetic here, the best of some tries."""
    arithmetic = torch.bfloat16 if calculates_in_bf16(torch.device("cpu"), Precision.AUTO) else torch.float32
    left, right = (torch.randn(_PRODUCT_SIDE, _PRODUCT_SIDE, dtype=arithmetic) for _ in range(2))
    seconds = []
    for _ in range(tries):
        began = time.perf_counter()
        torch.mm(left, right)
        seconds.append(time.perf_counter() - began)
    return 2.0 * _PRODUCT_SIDE**3 / min(seconds)


def keras(size: Size, python: Path, steps: int) -> Speed:
    """Let Keras train some steps of a network of the same size."""
    network = size.recipe.network
    command = [str(python), str(Path(__file__).with_name("keras_speed.py")), network.name]
    command += ["--side", str(network.side), "--batch", str(size.batch), "--steps", str(steps)]
    command += ["--threads", str(torch.get_num_threads())]
    for name, values in (("--widths", network.widths), ("--blocks", network.blocks)):
        command += [name, *map(str, values)]
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    run = subprocess.run(command, env=quiet, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
    if run.returncode:
        sys.exit(run.stderr)
    told = json.loads(run.stdout.splitlines()[-1])
    return Speed(
        made_by=told["versions"],
        batch=size.batch,
        seconds=told["seconds"],
        processor_seconds=told["processor_seconds"],
    )


def in_turns(size: Size, python: Path, rounds: int, steps: int) -> tuple[Speed, Speed]:
    """Measure ours and Keras's in turns, so that whatever else the machine does meets both."""
    mine, theirs = ours(size), keras(size, python, steps)
    for _ in range(rounds - 1):
        mine, theirs = mine.joined(ours(size)), theirs.joined(keras(size, python, steps))
    return mine, theirs


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side")
    parser.add_argument("--keras-steps", type=int, default=3, help="timed steps of Keras in each turn")
    parser.add_argument("--python", type=Path, help="a Python that has TensorFlow; none makes an environment")
    parser.add_argument("--threads", type=int, default=cores(), help="threads each side may use")
    words = parser.parse_args()
    python = words.python or KERAS.python()
    torch.set_num_threads(words.threads)
    keep_freed_memory()  # as `lingula train` does
    print(f"{processor_name()}, {cores()} cores, {words.threads} used, of which one thread now gets {spin_rate():.0%}")
    print("ours: " + said_of_arithmetic(torch.device("cpu"), Precision.AUTO))
    print("images a second by the clock, in brackets by processor time", flush=True)
    measured = {}
    for size in sizes():
        mine, theirs = measured[size.name] = in_turns(size, python, words.rounds, words.keras_steps)
        print(f"{size.name}, side {size.recipe.network.side}, batch {size.batch}, {words.rounds} rounds")
        for speed in (mine, theirs):
            print(f"  {speed.made_by:<36} {speed.by_clock:8.1f} ({speed.by_processor:.1f})")
        print(f"  {'ratio':<36} {mine.over(theirs):>8}")
        print(f"  {'matrix products alone would allow':<36} {product_rate() / operations(size):8.1f}", flush=True)
    (large, keras_large), (default, _) = measured["ResNet-50"], measured["default"]
    print(f"ResNet-50 trains {large.over(keras_large)} times as fast as Keras's; asked: {LARGE_ASKED:.0f}")
    print(
        f"the default trains {default.over(keras_large)} times as fast as Keras's ResNet-50; asked: {DEFAULT_ASKED:.0f}"
    )


def processor_name() -> str:
    """Give what the system calls the processor."""
    told = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.split(":", 1)[1].strip() for line in told.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    try:
        main()
    except LeftOut as reason:
        sys.exit(str(reason))
