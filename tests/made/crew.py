"""What the processes of a test train together: the leading one saves what came out, the others help.

``torchrun --nproc-per-node 2 tests/made/crew.py FOLDER``
"""

import sys
from pathlib import Path

import numpy as np
import torch

from lingula.training.learning.devices import gathered, help_lead
from lingula.training.learning.examples import LabelledExamples, LungExamples
from lingula.training.learning.journal import Epoch, unheard
from lingula.training.learning.train import train_classifier, train_lung_finder
from lingula.training.networks import Classifier
from lingula.training.recipe import AugmentRecipe, ClassifierRecipe, FinderRecipe, LossRecipe, NetworkRecipe, Schedule
from made.chests import drawn_chest

CHESTS = [drawn_chest(number, has_opacity=number % 3 == 1) for number in range(24)]
PICTURES = np.stack([chest.pixels for chest in CHESTS])
MASKS = np.stack([chest.mask for chest in CHESTS])
TARGETS = np.array([chest.has_opacity for chest in CHESTS], np.float32)
HEAD = ClassifierRecipe(
    schedule=Schedule(epochs=4, batch=8, learning_rate=0.05, pace="plateau", patience=3, precision="fp32"),
    network=NetworkRecipe(side=64, widths=(8, 8, 8, 8), blocks=(1, 1, 1, 1), trainable="head", head=(16,), l2=1e-3),
    loss=LossRecipe(class_weights="balanced", finding_weight=0.2),
    augment=AugmentRecipe.nothing(),
)


def labelled() -> LabelledExamples:
    masks = torch.nn.functional.avg_pool2d(torch.from_numpy(MASKS)[:, None].float() / 255, 4)
    return LabelledExamples(pictures=PICTURES, targets=TARGETS, findings=TARGETS.astype(np.int64), masks=masks)


def train_head(folder: Path) -> tuple[Classifier, list[Epoch]]:
    """Train dense layers on a frozen base, on pictures as they are: nothing differs from process to process."""
    epochs: list[Epoch] = []
    classifier = train_classifier(
        labelled(),
        HEAD,
        5,
        progress=unheard,
        journal=epochs.append,
        tuning=labelled(),
        checkpoint=folder / "head.checkpoint",
    )
    return classifier, epochs


def main(folder: Path) -> None:
    """Lead or help."""
    torch.set_num_threads(1)
    with gathered() as crew:
        if not crew.leads:
            help_lead()
            return
        classifier, epochs = train_head(folder)
        lungs = LungExamples(pictures=PICTURES, masked=np.arange(24), masks=MASKS, strangers=PICTURES[:0])
        few = FinderRecipe(schedule=Schedule(epochs=1, batch=12, learning_rate=1e-3), widths=(8, 8, 8, 8))
        finder = train_lung_finder(lungs, few, 1, progress=unheard)
        losses = [epoch.training_loss for epoch in epochs]
        tuning = [epoch.tuning_loss for epoch in epochs]
        whole = {"classifier": classifier.state_dict(), "finder": finder.state_dict(), "losses": losses}
        torch.save(whole | {"tuning": tuning, "size": crew.size}, folder / "together.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
