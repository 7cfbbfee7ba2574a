"""What a fold's networks may learn depends on what they are for."""

from pathlib import Path

import numpy as np
import pytest
import torch
from made.chests import drawn_data

from lingula.errors import TrainingError
from lingula.training.data.dataset import load_dataset
from lingula.training.data.labelled import Part
from lingula.training.data.split import Split, split_dataset
from lingula.training.evidence.crossvalidate import fold_lesson, teachers
from lingula.training.evidence.judging import Judged
from lingula.training.learning.lungs import LungMasks
from lingula.training.learning.stages import TrainingMaterial
from lingula.training.networks import FRAME, bare_classifier
from lingula.training.recipe import Recipe
from lingula.training.recipe_file import read_recipe
from lingula.training.sources import read_source

RECIPES = Path(__file__).parents[4] / "recipes"


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> TrainingMaterial:
    folder = tmp_path_factory.mktemp("drawn")
    drawn_data(folder, 40)
    dataset = load_dataset(read_source(folder / "data.csv"), size=FRAME, cache=folder / "cache")
    nothing = np.zeros((0, FRAME, FRAME), np.uint8)
    masks = LungMasks(rows=np.zeros(0, np.int64), masks=nothing)
    return TrainingMaterial(dataset=dataset, masks=masks, strangers=nothing, folder=folder)


@pytest.fixture(scope="module")
def split(material: TrainingMaterial) -> Split:
    return split_dataset(material.dataset, tuning=0.3, test=0.0, folds=2, seed=1)


def recipe(*, teacher_weight: float, patience: int | None = None) -> Recipe:
    read = read_recipe(RECIPES / "default.toml")
    loss = read.classifier.loss.model_copy(update={"teacher_weight": teacher_weight})
    schedule = read.classifier.schedule.model_copy(update={"patience": patience})
    classifier = read.classifier.model_copy(update={"loss": loss, "schedule": schedule})
    return read.model_copy(update={"classifier": classifier})


def test_a_network_that_only_judges_learns_all_outside_its_fold(material: TrainingMaterial, split: Split) -> None:
    rows, _ = split.fold(0)
    lesson = fold_lesson(material, split, rows, recipe(teacher_weight=0.0))
    assert lesson.rows.tolist() == lesson.pictured.tolist() == rows.tolist()


def test_a_teacher_never_learns_the_labels_that_calibrate_its_student(material: TrainingMaterial, split: Split) -> None:
    rows, _ = split.fold(0)
    lesson = fold_lesson(material, split, rows, recipe(teacher_weight=0.5))
    assert set(lesson.rows) == set(rows) - set(split.rows(Part.TUNING))
    assert lesson.pictured.tolist() == rows.tolist()
    assert len(lesson.targets) == len(lesson.rows)


def test_what_decides_when_to_stop_is_watched_and_not_learnt(material: TrainingMaterial, split: Split) -> None:
    rows, _ = split.fold(1)
    lesson = fold_lesson(material, split, rows, recipe(teacher_weight=0.0, patience=3))
    assert lesson.watched is not None
    assert not set(lesson.watched) & set(lesson.rows)
    assert set(lesson.watched) | set(lesson.rows) == set(rows)


def test_every_folds_network_teaches_those_it_never_saw(split: Split, tmp_path: Path) -> None:
    rows, asked = split.rows(Part.TRAINING), recipe(teacher_weight=0.5)
    assert teachers(split, rows, recipe(teacher_weight=0.0), folder=tmp_path) is None
    for number in range(split.fold_count):
        network = bare_classifier(asked.classifier.network)
        torch.nn.init.constant_(network.pneumonia.bias, number)
        (tmp_path / f"fold{number}").mkdir()
        torch.save(network.state_dict(), tmp_path / f"fold{number}" / "classifier.pt")
    found = teachers(split, rows, asked, folder=tmp_path)
    assert found is not None
    assert [network.pneumonia.bias.item() for network in found.networks] == [0, 1]
    assert found.of.tolist() == split.folds[rows].tolist()


def test_teachers_are_missed_where_the_runs_split_has_other_folds_than_its_recipe(
    material: TrainingMaterial, tmp_path: Path
) -> None:
    without = split_dataset(material.dataset, tuning=0.3, test=0.0, folds=0, seed=1)
    with pytest.raises(TrainingError, match=r"0 of the 0 folds of the run's split\.json"):
        teachers(without, without.rows(Part.TRAINING), recipe(teacher_weight=0.5), folder=tmp_path)


def test_what_an_older_version_judged_is_said_to_be_too_old(tmp_path: Path) -> None:
    np.savez(tmp_path / "judged.npz", logits=np.zeros(2), novelty=np.zeros(2))
    with pytest.raises(TrainingError, match=r"judged\.npz is of an older version of this program; remove it"):
        Judged.gather(2, {0: (np.arange(2), tmp_path / "judged.npz")}, way="cross-validation")
