"""The two stages of every training: a lung finder, trained or taken from a package, then a classifier."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lingula.errors import TrainingError
from lingula.training.data.dataset import Dataset, Rows
from lingula.training.learning.augment import Pictures
from lingula.training.learning.examples import LabelledExamples, LungExamples
from lingula.training.learning.journal import EpochProgress, Follower, in_fold
from lingula.training.learning.losses import UNKNOWN_FINDING
from lingula.training.learning.lungs import LungMasks
from lingula.training.learning.teachers import Teachers
from lingula.training.learning.train import find_lungs, train_classifier, train_lung_finder
from lingula.training.networks import Classifier, LungFinder, finder_from_package, open_package
from lingula.training.recipe import Recipe

_FINDINGS = {"normal": 0, "bacteria": 1, "virus": 2}


@dataclass(frozen=True, kw_only=True)
class TrainingMaterial:
    """Everything a run learns from.

    Parameters
    ----------
    strangers
        (K, 224, 224), pictures outside the intended use; may be empty.
    folder
        What weights and packages named by the recipe are relative to.
    """

    dataset: Dataset
    masks: LungMasks
    strangers: Pictures
    folder: Path


@dataclass(frozen=True, kw_only=True)
class Networks:
    """A trained pair."""

    finder: LungFinder
    classifier: Classifier


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """Whom a pair of networks learns from.

    Parameters
    ----------
    rows, targets
        Rows of the data set (N,), and for each the label as 0 or 1, or a doubt between them.
    watched
        Rows whose loss is looked at after each epoch; none are learnt from.
    unlabelled
        More rows whose pictures and lung masks the finder learns from; their labels stay unseen.
    teachers
        Networks whose word counts beside the targets, by the recipe's `teacher_weight`.
    """

    rows: Rows
    targets: NDArray[np.float32]
    watched: Rows | None = None
    unlabelled: Rows | None = None
    teachers: Teachers | None = None

    @property
    def pictured(self) -> Rows:
        """All rows whose pictures are learnt from, in order."""
        return self.rows if self.unlabelled is None else np.union1d(self.rows, self.unlabelled)

    @classmethod
    def of_labels(
        cls,
        material: TrainingMaterial,
        rows: Rows,
        *,
        watched: Rows | None = None,
        teachers: Teachers | None = None,
    ) -> "Lesson":
        """Give the lesson that the labels themselves teach."""
        return cls(rows=rows, targets=_labels(material, rows), watched=watched, teachers=teachers)


@dataclass(frozen=True, kw_only=True)
class Listeners:
    """Who hears of a training's epochs: people through `progress`, the run's file through `journal`."""

    progress: EpochProgress
    journal: Follower

    def in_fold(self, number: int) -> "Listeners":
        """Give listeners that are told the fold, counted from 1."""
        return Listeners(progress=in_fold(self.progress, number), journal=in_fold(self.journal, number))


def train_networks(
    material: TrainingMaterial, lesson: Lesson, recipe: Recipe, *, folder: Path, listeners: Listeners
) -> Networks:
    """Train a lung finder, unless a package gives it, and a classifier; checkpoints lie in `folder`.

    Raises
    ------
    TrainingError
        If there are no lung masks to train a finder on, or the recipe's weights cannot be had.
    """
    folder.mkdir(parents=True, exist_ok=True)
    finder = _find_or_train(material, lesson.pictured, recipe, folder, listeners)
    classifier = train_classifier(
        replace(_examples(material, lesson.rows, lesson.targets, finder), teachers=lesson.teachers),
        recipe.classifier,
        recipe.seed,
        progress=listeners.progress,
        checkpoint=folder / "classifier.checkpoint",
        journal=listeners.journal,
        tuning=_watched(material, lesson, finder),
        data=material.folder,
    )
    return Networks(finder=finder, classifier=classifier)


def _find_or_train(
    material: TrainingMaterial, rows: Rows, recipe: Recipe, folder: Path, listeners: Listeners
) -> LungFinder:
    if recipe.finder.package is not None:
        return finder_from_package(open_package(recipe.finder.package, material.folder))
    masks = material.masks.among(rows)
    if not len(masks.rows):
        raise TrainingError(
            "no lung mask belongs to these radiographs: name their folder as `masks` in [data], or take a trained lung "
            'finder with `package = "shipped"` in [finder]'
        )
    lungs = LungExamples(
        pictures=material.dataset.pixels[rows], masked=masks.rows, masks=masks.masks, strangers=material.strangers
    )
    return train_lung_finder(
        lungs,
        recipe.finder,
        recipe.seed,
        progress=listeners.progress,
        checkpoint=folder / "lung_finder.checkpoint",
        journal=listeners.journal,
    )


def _watched(material: TrainingMaterial, lesson: Lesson, finder: LungFinder) -> LabelledExamples | None:
    if lesson.watched is None or not len(lesson.watched):
        return None
    return _examples(material, lesson.watched, _labels(material, lesson.watched), finder)


def _examples(
    material: TrainingMaterial, rows: Rows, targets: NDArray[np.float32], finder: LungFinder
) -> LabelledExamples:
    pictures = material.dataset.pixels[rows]
    names = material.dataset.findings[rows].tolist()
    return LabelledExamples(
        pictures=pictures,
        targets=targets,
        findings=np.array([_FINDINGS.get(name, UNKNOWN_FINDING) for name in names], np.int64),
        masks=find_lungs(finder, pictures)[0],
    )


def _labels(material: TrainingMaterial, rows: Rows) -> NDArray[np.float32]:
    return material.dataset.labels[rows].astype(np.float32)
