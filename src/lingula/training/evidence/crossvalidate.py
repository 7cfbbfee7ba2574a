"""Every radiograph judged by networks that did not learn from it: the evidence of a run.

With folds, a pair of networks is trained for each and judges the radiographs of its fold, whose patients it never saw.
Without, the networks that are shipped judge the test part; where there is none, the tuning part.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from lingula.errors import TrainingError
from lingula.training.data.dataset import Rows
from lingula.training.data.labelled import Part
from lingula.training.data.split import Split
from lingula.training.evidence.judging import Judged, judge
from lingula.training.evidence.settle import Looker
from lingula.training.learning.stages import Lesson, Listeners, TrainingMaterial, train_networks
from lingula.training.learning.teachers import Teachers
from lingula.training.networks import bare_classifier
from lingula.training.recipe import Recipe

_FILE, _TEACHER = "judged.npz", "classifier.pt"


def cross_validate(
    material: TrainingMaterial, split: Split, recipe: Recipe, *, folder: Path, listeners: Listeners
) -> Judged:
    """Train once for each fold to be judged and judge it; a finished fold is read back, not trained again."""
    judged = recipe.split.judged or split.fold_count
    files: dict[int, tuple[Rows, Path]] = {}
    for number in range(judged):
        rows, held = split.fold(number)
        done = folder / f"fold{number}" / _FILE
        files[number] = (held, done)
        if not done.exists():
            lesson = fold_lesson(material, split, rows, recipe)
            networks = train_networks(
                material, lesson, recipe, folder=done.parent, listeners=listeners.in_fold(number + 1)
            )
            torch.save(networks.classifier.state_dict(), done.with_name(_TEACHER))
            looker = Looker(networks.finder, networks.classifier, material.dataset.pixels)
            judge(looker, lesson.rows, held, recipe=recipe, done=done)
    by = "image" if split.cut.by == "image" else "patient"
    way = f"cross-validation by {by}, {judged} of {split.fold_count} folds"
    return Judged.gather(len(material.dataset), files, way=way)


def fold_lesson(material: TrainingMaterial, split: Split, rows: Rows, recipe: Recipe) -> Lesson:
    """Give what a fold's networks learn from: everything outside the fold, with two exceptions.

    Where the tuning part's loss decides when to stop, nothing of it is learnt. Where the folds' networks go on to teach
    the one that is shipped, they must not pass on the labels that calibrate it; its pictures still show lungs.
    """
    is_tuning = split.parts[rows] == Part.TUNING.value
    if recipe.classifier.schedule.patience is not None:
        return Lesson.of_labels(material, rows[~is_tuning], watched=rows[is_tuning])
    if recipe.classifier.loss.teacher_weight == 0:
        return Lesson.of_labels(material, rows)
    return replace(Lesson.of_labels(material, rows[~is_tuning]), unlabelled=rows[is_tuning])


def teachers(split: Split, rows: Rows, recipe: Recipe, *, folder: Path) -> Teachers | None:
    """Give the folds' networks as teachers of some rows, each of those it never saw; none if the recipe wants none.

    A recipe that wants them judges all of its folds; a split that somebody else wrote into the run may have others.

    Raises
    ------
    TrainingError
        If a radiograph was in no fold that was judged: nobody could teach it.
    """
    if recipe.classifier.loss.teacher_weight == 0:
        return None
    judged = recipe.split.judged or split.fold_count
    if judged < max(split.fold_count, 1):
        raise TrainingError(
            f"[classifier.loss] teacher_weight asks every fold's network, but {judged} of the {split.fold_count} folds "
            "of the run's split.json are trained; remove the file, or set teacher_weight to 0"
        )
    networks = []
    for number in range(split.fold_count):
        network = bare_classifier(recipe.classifier.network)
        network.load_state_dict(torch.load(folder / f"fold{number}" / _TEACHER, weights_only=True))
        networks.append(network.eval())
    return Teachers(networks=tuple(networks), of=split.folds[rows])


def judge_held_part(looker: Looker, split: Split, recipe: Recipe, *, folder: Path) -> Judged:
    """Let the networks that are shipped judge the test part, or the tuning part where there is no test part."""
    part = Part.TEST if len(split.rows(Part.TEST)) else Part.TUNING
    held, done = split.rows(part), folder / _FILE
    if not done.exists():
        judge(looker, split.rows(Part.TRAINING), held, recipe=recipe, done=done)
    return Judged.gather(len(looker.pictures), {0: (held, done)}, way=f"the {part.value} part, split by {split.cut.by}")


def is_own_tuning(judged: Judged, split: Split) -> bool:
    """Tell whether what was judged also chose calibration and operating points."""
    return bool(np.isin(judged.rows, split.rows(Part.TUNING)).all())
