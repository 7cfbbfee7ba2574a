"""Every radiograph judged by networks that never saw its patient: the evidence of a run.

For each fold a lung finder and a classifier are trained on the other folds and run on the held-out one: as it is,
under every stress, and with the lungs blanked out. What comes out decides nothing about weights; it says what to
expect, and a recipe is chosen by its worst case.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name everybody knows

from lingula.training.augment import Pictures, lungs_blanked
from lingula.training.dataset import Dataset
from lingula.training.examples import LabelledExamples, LungExamples, as_tensor
from lingula.training.journal import Progress, in_fold
from lingula.training.lungs import LungMasks
from lingula.training.networks import FRAME, Classifier, LungFinder, crop, seen_box
from lingula.training.recipe import Recipe
from lingula.training.settle import observe, settle, strange_logits
from lingula.training.split import Rows, Split
from lingula.training.stress import STRESSES
from lingula.training.train import find_lungs, train_classifier, train_lung_finder

FINDINGS = {"normal": 0, "bacteria": 1, "virus": 2}
_UNKNOWN = -100  # left out of the helper task


@dataclass(frozen=True, kw_only=True)
class TrainingMaterial:
    """Everything a run learns from."""

    dataset: Dataset
    masks: LungMasks
    strangers: Pictures  # (K, 224, 224), outside the intended use; may be empty


@dataclass(frozen=True, kw_only=True)
class Networks:
    """A trained pair."""

    finder: LungFinder
    classifier: Classifier


@dataclass(frozen=True, kw_only=True)
class OutOfFold:
    """Logits (N,) for each radiograph by networks that never saw its patient; NaN where a row was in no fold.

    `stressed` holds one array for each stress, `blanked` the logits with the lungs blanked out, `is_refused` whether
    novelty was above its limit when the limits were settled on the other folds.
    """

    logits: NDArray[np.float64]
    stressed: Mapping[str, NDArray[np.float64]]
    blanked: NDArray[np.float64]
    is_refused: NDArray[np.bool_]


def train_networks(
    material: TrainingMaterial,
    rows: Rows,
    targets: NDArray[np.float32],
    recipe: Recipe,
    *,
    folder: Path,
    progress: Progress,
) -> Networks:
    """Train a lung finder and a classifier on some rows; `targets` has one value for each of them."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = material.dataset.pixels[rows]
    masks = material.masks.among(rows)
    lungs = LungExamples(pictures=pictures, masked=masks.rows, masks=masks.masks, strangers=material.strangers)
    finder = train_lung_finder(
        lungs, recipe.finder, recipe.seed, progress=progress, checkpoint=folder / "lung_finder.checkpoint"
    )
    findings = np.array([FINDINGS.get(name, _UNKNOWN) for name in material.dataset.findings[rows].tolist()], np.int64)
    examples = LabelledExamples(
        pictures=pictures, targets=targets, findings=findings, masks=find_lungs(finder, pictures)[0]
    )
    classifier = train_classifier(
        examples, recipe.classifier, recipe.seed, progress=progress, checkpoint=folder / "classifier.checkpoint"
    )
    return Networks(finder=finder, classifier=classifier)


def cross_validate(
    material: TrainingMaterial, split: Split, recipe: Recipe, *, folder: Path, progress: Progress
) -> OutOfFold:
    """Train once for each fold to be judged and judge it; a finished fold is read back, not trained again."""
    count = len(material.dataset.labels)
    columns = {name: np.full(count, np.nan) for name in ("logits", "blanked", "is_refused", *STRESSES)}
    for number in range(recipe.split.judged or split.fold_count):
        _, held = split.fold(number)
        done = folder / f"fold{number}" / "out_of_fold.npz"
        if not done.exists():
            _judge_fold(material, split, number, recipe, done, progress)
        with np.load(done) as judged:
            for name, column in columns.items():
                column[held] = judged[name]
    return OutOfFold(
        logits=columns.pop("logits"),
        blanked=columns.pop("blanked"),
        is_refused=columns.pop("is_refused") == 1,
        stressed=columns,
    )


def _judge_fold(
    material: TrainingMaterial, split: Split, number: int, recipe: Recipe, done: Path, progress: Progress
) -> None:
    rows, held = split.fold(number)
    targets = material.dataset.labels[rows].astype(np.float32)

    told = in_fold(progress, number + 1)
    networks = train_networks(material, rows, targets, recipe, folder=done.parent, progress=told)
    pictures = material.dataset.pixels[held]
    seen = observe(networks.finder, networks.classifier, pictures)
    learnt = observe(networks.finder, networks.classifier, material.dataset.pixels[rows])
    # The fold's own limits come from what it learnt from: the held-out radiographs must not choose their own refusal.
    strange = strange_logits(networks.finder, material.dataset.pixels[rows], recipe.seed)
    settled = settle(learnt, learnt, strange, recipe.novelty, scale=1.0, bias=0.0)
    judged = {
        "logits": seen.logits,
        "blanked": blanked_logits(networks, pictures),
        "is_refused": seen.novelty(settled) > 1.0,
    }
    for name, stress in STRESSES.items():
        judged[name] = observe(networks.finder, networks.classifier, stress(pictures)).logits
    partial = done.with_name("partial.npz")
    np.savez(partial, allow_pickle=False, **judged)
    partial.replace(done)


@torch.no_grad()
def blanked_logits(networks: Networks, pictures: Pictures) -> NDArray[np.float64]:
    """Judge pictures whose lungs are blanked, in the box of the lungs they had; an honest network cannot tell."""
    masks = find_lungs(networks.finder, pictures)[0]
    classifier = networks.classifier.eval()
    boxes = seen_box(masks, classifier.recipe.sees)
    out: list[Tensor] = []
    for at in range(0, len(pictures), 64):
        wide = F.interpolate(masks[at : at + 64], size=(FRAME, FRAME), mode="bilinear")
        blank = lungs_blanked(as_tensor(pictures[at : at + 64]), wide)
        out.append(classifier(crop(blank, boxes[at : at + 64], classifier.recipe.side))[0][:, 0])
    return torch.cat(out).double().numpy()
