"""What can be known before an epoch runs is said before it: too small a tuning part, and credits that do not fit."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made.labels import made_dataset

from lingula.modelpackage.manifest import DataSource
from lingula.training.data.split import split_dataset
from lingula.training.evidence.foresight import foretold
from lingula.training.recipe import Recipe
from lingula.training.recipe_file import read_recipe

COUNT = 120
DATASET = made_dataset([f"p{number}" for number in range(COUNT)], (np.arange(COUNT) % 2).tolist())
SPLIT = split_dataset(DATASET, tuning=0.5, test=0.0, folds=2, seed=1)  # thirty patients of each label decide
RECIPE = read_recipe(Path(__file__).parents[4] / "recipes" / "default.toml")


def recipe(*instances: int, sensitivity: float = 0.9, specificity: float = 0.9) -> Recipe:
    credited = tuple(DataSource(name="x", citation="y", licence="z", instances=count) for count in instances)
    points = {"rule_out_sensitivity": sensitivity, "rule_in_specificity": specificity}
    return RECIPE.model_copy(
        update={
            "data": RECIPE.data.model_copy(update={"credits": credited}),
            "operating_points": RECIPE.operating_points.model_copy(update=points),
        }
    )


def test_a_tuning_part_too_small_for_what_is_promised_is_told() -> None:
    assert foretold(DATASET, SPLIT, recipe(COUNT)) == []
    (told,) = foretold(DATASET, SPLIT, recipe(COUNT, sensitivity=0.98))
    assert told.startswith(
        "no package can come of this run, however well it learns: 30 pneumonia patients in the tuning"
    )
    assert "at least 50 are needed: enlarge the tuning set or promise less" in told
    (told,) = foretold(DATASET, SPLIT, recipe(COUNT, specificity=0.97))
    assert "30 normal patients" in told


@pytest.mark.parametrize("instances", [(120,), (125,), (130,), (100, 25), (122, 40, 7)])
def test_credits_that_come_to_what_was_read_are_not_spoken_of(instances: tuple[int, ...]) -> None:
    read = replace(DATASET, report=replace(DATASET.report, duplicates=10))
    assert foretold(read, SPLIT, recipe(*instances)) == []


def test_a_drawn_part_is_credited_whole_or_drawn() -> None:
    whole = replace(DATASET, report=replace(DATASET.report, kept=5206, duplicates=26))
    assert foretold(whole, SPLIT, recipe(5232)) == foretold(whole, SPLIT, recipe(COUNT)) == []
    assert len(foretold(whole, SPLIT, recipe(5300))) == 1


def test_credits_that_do_not_fit_are_told() -> None:
    assert foretold(DATASET, SPLIT, recipe(5232, 1070)) == [
        "[[data.credits]] credit 5232, 1070 instances, but 120 radiographs were read; the model card prints both"
    ]
    assert foretold(DATASET, SPLIT, recipe()) == [
        "[[data.credits]] is empty: the model card will name no source of its radiographs"
    ]
