"""What can be known to go wrong before an epoch runs: a tuning part too small, credits that do not fit the data.

Neither ends a run: what it measures is worth having without a package. But whoever starts it should know.
"""

import numpy as np

from lingula.errors import TrainingError
from lingula.training.data.dataset import Dataset
from lingula.training.data.labelled import Part
from lingula.training.data.split import Split
from lingula.training.recipe import DataRecipe, Recipe
from lingula.training.statistics.operating_point import choose_operating_points

_SURE = (0.1, 0.9)  # what a network without a fault says of normal and of pneumonia


def foretold(dataset: Dataset, split: Split, recipe: Recipe) -> list[str]:
    """Say what will keep a run from becoming a package, or its card from being true; nothing if all is well."""
    return [*_no_points(dataset, split, recipe), *_wrong_credits(dataset, recipe.data)]


def _no_points(dataset: Dataset, split: Split, recipe: Recipe) -> list[str]:
    """Ask for the operating points of a network without a fault: what they cannot have, no network can."""
    rows = split.rows(Part.TUNING)
    labels, patients = dataset.labels[rows], dataset.patients[rows]
    try:
        choose_operating_points(
            labels, np.choose(labels, _SURE), patients, **recipe.operating_points.model_dump(), seed=recipe.seed
        )
    except TrainingError as error:
        return [f"no package can come of this run, however well it learns: {error}"]
    return []


def _wrong_credits(dataset: Dataset, recipe: DataRecipe) -> list[str]:
    """Compare credited radiographs, of one source or of several, with those that were read.

    Repeated and unreadable ones may be counted or not; masks and outliers are credited beside the radiographs.
    """
    if not recipe.credits:
        return ["[[data.credits]] is empty: the model card will name no source of its radiographs"]
    report, credited = dataset.report, [credit.instances for credit in recipe.credits]
    read = report.kept + report.duplicates + len(report.left_out)
    sums = {0}
    for one in credited:
        sums |= {before + one for before in sums if before + one <= read}
    if any(report.kept <= together <= read or together == len(dataset) for together in sums):
        return []
    counts = ", ".join(str(one) for one in credited)
    return [f"[[data.credits]] credit {counts} instances, but {read} radiographs were read; the model card prints both"]
