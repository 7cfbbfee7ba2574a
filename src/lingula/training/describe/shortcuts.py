"""The shortcut audit: how well numbers that show no lungs tell the label, beside what lungs alone tell.

If the label can be told from image sizes, borders or sharpness, a network will tell it from them too: its numbers in
the data set will be splendid and worth nothing in another hospital. So every clue is measured alone, by the weakest
reader there is (`linear`), on patients it has not seen.

References
----------
DeGrave AJ et al., Nature Machine Intelligence 2021; Zech JR et al., PLoS Medicine 2018 (networks that learned the
hospital instead of the disease); Maguolo G, Nanni L, Information Fusion 2021 (the lungs blacked out).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lingula.modelpackage.manifest import Estimate
from lingula.training.data.dataset import Dataset
from lingula.training.data.labelled import LABEL_NAMES
from lingula.training.describe.files import file_numbers
from lingula.training.describe.linear import FOLDS, Features, patient_folds, predict_held_out
from lingula.training.describe.lungs import Seen, crop_lungs, lung_boxes, paint_over
from lingula.training.describe.properties import Properties, border_pixels, radial_spectrum, thumbnails
from lingula.training.describe.result import Audit, Clue, Shows
from lingula.training.describe.sayings import conclude, mean_of, too_few, unvaried
from lingula.training.statistics.intervals import Scores
from lingula.training.statistics.metrics import auroc_interval

MOST = 10_000
"""Radiographs looked at; more would take long and change nothing."""
_FEWEST = 10  # patients of each label; below, held-out patients say nothing
_LIVELY = 1e-6  # a column that varies less is the same for all


@dataclass(frozen=True, kw_only=True)
class _Numbers:
    """What one clue is told from; `features` is None if all radiographs share it."""

    name: str
    shows: Shows
    features: Features


def draw_rows(dataset: Dataset, *, most: int = MOST, seed: int = 0) -> NDArray[np.intp]:
    """Draw whole patients until there are at most so many radiographs; all of them where there are fewer."""
    if len(dataset) <= most:
        return np.arange(len(dataset), dtype=np.intp)
    names, number = np.unique(dataset.patients, return_inverse=True)
    place = np.random.default_rng(seed).permutation(len(names))[number]
    counts = np.bincount(place, minlength=len(names)).cumsum()
    return np.flatnonzero(counts[place] <= most)


def audit_shortcuts(
    dataset: Dataset, properties: Properties, *, paths: list[Path], seen: Seen | None, package: str | None
) -> Audit:
    """Measure every clue of a data set.

    Parameters
    ----------
    properties
        Of the same radiographs, in the same order.
    paths
        Where each radiograph's file lies.
    seen
        Where a package finds the lungs and what it says; None leaves out what needs them.
    package
        The package's name and version.
    """
    patients = [len(np.unique(dataset.patients[dataset.labels == label])) for label in range(len(LABEL_NAMES))]
    if min(patients) < _FEWEST:
        return Audit(
            radiographs=len(dataset),
            patients=len(np.unique(dataset.patients)),
            package=package,
            clues=(),
            conclusion=too_few(_FEWEST),
        )
    folds = patient_folds(dataset.labels, dataset.patients, folds=FOLDS)
    clues = [_clue(numbers, dataset, folds) for numbers in _all_numbers(dataset, properties, paths, seen)]
    if seen is not None and package is not None:
        clues.append(_package_clue(dataset, seen, package))
    return Audit(
        radiographs=len(dataset),
        patients=len(np.unique(dataset.patients)),
        package=package,
        clues=tuple(clues),
        conclusion=conclude(clues),
    )


def _all_numbers(dataset: Dataset, properties: Properties, paths: list[Path], seen: Seen | None) -> Iterator[_Numbers]:
    small = thumbnails(dataset.pixels)
    yield _Numbers(name="image size", shows=Shows.NO_PIXELS, features=_sizes(dataset))
    yield _Numbers(name="file", shows=Shows.NO_PIXELS, features=file_numbers(paths))
    yield _Numbers(name="what the source says", shows=Shows.NO_PIXELS, features=_said(dataset))
    borders = properties.columns("top", "bottom", "left", "right")
    yield _Numbers(name="dark borders", shows=Shows.NO_LUNGS, features=borders)
    light = properties.columns("brightness", "contrast", "black", "white")
    yield _Numbers(name="brightness and contrast", shows=Shows.NO_SHAPES, features=light)
    yield _Numbers(name="power spectrum", shows=Shows.NO_SHAPES, features=radial_spectrum(dataset.pixels))
    yield _Numbers(name="outermost pixels", shows=Shows.NO_LUNGS, features=border_pixels(small))
    boxes = None if seen is None else lung_boxes(seen.masks)
    if boxes is not None:
        around = thumbnails(paint_over(dataset.pixels, boxes))
        yield _Numbers(name="lungs painted over", shows=Shows.NO_LUNGS, features=_flat(around))
    yield _Numbers(name="whole frame", shows=Shows.EVERYTHING, features=_flat(small))
    if boxes is not None:
        yield _Numbers(name="lungs alone", shows=Shows.LUNGS, features=_flat(crop_lungs(dataset.pixels, boxes)))


def _flat(small: NDArray[np.float32]) -> Features:
    return small.reshape(len(small), -1)


def _sizes(dataset: Dataset) -> Features:
    """Give height, width, area and shape, and their squares, since a label may prefer a middle size."""
    rows, columns = np.log(dataset.circumstances.rows), np.log(dataset.circumstances.columns)
    plain = np.stack([rows, columns, columns - rows], axis=1)
    plain = plain - plain.mean(axis=0)
    return np.concatenate([plain, plain**2], axis=1).astype(np.float32)


def _said(dataset: Dataset) -> Features:
    """Give a column for each site, sex and view, and the age; what is not said is a value of its own."""
    known = dataset.circumstances
    columns: list[NDArray[np.float64]] = []
    for values in (known.sites, known.sexes, known.views):
        columns += [(values == value).astype(np.float64) for value in np.unique(values)]
    unknown = np.isnan(known.ages_years)
    typical = 0.0 if unknown.all() else float(np.nanmedian(known.ages_years))
    columns += [unknown.astype(np.float64), np.where(unknown, typical, known.ages_years)]
    return np.stack(columns, axis=1).astype(np.float32)


def _clue(numbers: _Numbers, dataset: Dataset, folds: NDArray[np.int64]) -> Clue:
    if (numbers.features.std(axis=0) <= _LIVELY).all():
        return Clue(
            name=numbers.name,
            shows=numbers.shows,
            numbers=numbers.features.shape[1],
            auroc=None,
            meaning=unvaried(numbers.name),
        )
    auroc = _measured(predict_held_out(numbers.features, dataset.labels, folds), dataset)
    meaning = mean_of(numbers.name, auroc)
    return Clue(name=numbers.name, shows=numbers.shows, numbers=numbers.features.shape[1], auroc=auroc, meaning=meaning)


def _package_clue(dataset: Dataset, seen: Seen, package: str) -> Clue:
    auroc = _measured(seen.probabilities, dataset)
    meaning = (
        f"What {package} says of the same radiographs. If it was trained on them this number flatters it; all others "
        "come from patients that were held out."
    )
    return Clue(name="package, not held out", shows=Shows.LUNGS, numbers=1, auroc=auroc, meaning=meaning)


def _measured(scores: Scores, dataset: Dataset) -> Estimate | None:
    return auroc_interval(dataset.labels, scores, dataset.patients)
