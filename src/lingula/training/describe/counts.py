"""Counting a data set: groups, what is missing, how properties are spread in each label."""

from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lingula.training.data.dataset import Dataset
from lingula.training.data.labelled import LABEL_NAMES
from lingula.training.describe.properties import Properties
from lingula.training.describe.result import Group, Spread
from lingula.training.statistics.metrics import auroc

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_BINS = 40
_TAILS = 0.002  # of all radiographs beyond each end of a histogram: one odd picture must not squeeze the rest
_AGES = (0, 1, 2, 6, 13, 18, 40, 65, 200)  # years; newborns, toddlers, children and adults ill in different ways
_SIZES = 3  # groups by size, if there are more sizes than these
UNKNOWN = "unknown"


def count_groups(dataset: Dataset, parts: NDArray[np.str_]) -> tuple[Group, ...]:
    """Count radiographs, patients and labels in each group that the source names; groups of one value are left out."""
    known = dataset.circumstances
    columns = {
        "finding": dataset.findings,
        "part": parts,
        "site": known.sites,
        "view": known.views,
        "sex": known.sexes,
        "age": _age_bands(known.ages_years),
        "size": _size_groups(dataset),
    }
    return tuple(group for column, values in columns.items() for group in _groups(dataset, column, values))


def _groups(dataset: Dataset, column: str, values: NDArray[np.str_]) -> Iterator[Group]:
    present = np.unique(values).tolist()
    if present == [""] or (len(present) == 1 and column != "finding"):
        return
    for value in sorted(present, key=_in_order):
        rows = values == value
        yield Group(
            column=column,
            value=value or UNKNOWN,
            radiographs=int(rows.sum()),
            patients=len(np.unique(dataset.patients[rows])),
            by_label=_by_label(dataset.labels[rows]),
        )


def _in_order(value: str) -> tuple[bool, int, str]:
    """Numbers by size, words by letter, what is unknown last."""
    digits = value.split("-", maxsplit=1)[0].split(" ", maxsplit=1)[0]
    return value == "", int(digits) if digits.isdigit() else 0, value


def _by_label(labels: NDArray[np.int64]) -> dict[str, int]:
    return {name: int((labels == label).sum()) for label, name in enumerate(LABEL_NAMES)}


def _age_bands(ages: NDArray[np.float64]) -> NDArray[np.str_]:
    names = [_years(low, high) for low, high in pairwise(_AGES)]
    names[-1] = f"{_AGES[-2]} years and more"
    places = np.clip(np.digitize(np.nan_to_num(ages), _AGES) - 1, 0, len(names) - 1)
    return np.array([("" if np.isnan(age) else names[place]) for age, place in zip(ages, places, strict=True)], np.str_)


def _years(low: int, high: int) -> str:
    return f"{low}-{high - 1} years" if high - low > 1 else f"{low} year" if low == 1 else f"{low} years"


def _size_groups(dataset: Dataset) -> NDArray[np.str_]:
    """Name the exact sizes if they are few, thirds by area if they are many."""
    rows, columns = dataset.circumstances.rows, dataset.circumstances.columns
    exact = np.array([f"{wide} x {high}" for high, wide in zip(rows.tolist(), columns.tolist(), strict=True)], np.str_)
    if len(np.unique(exact)) <= _SIZES:
        return exact
    area = rows * columns
    bounds = np.quantile(area, [1 / _SIZES, 2 / _SIZES])
    names = np.array(["smallest third", "middle third", "largest third"], np.str_)
    return names[np.searchsorted(bounds, area, side="left")]


def count_sizes(dataset: Dataset) -> int:
    """Count how many different sizes the files' pictures have."""
    return len(np.unique(np.stack([dataset.circumstances.rows, dataset.circumstances.columns], axis=1), axis=0))


def count_missing(dataset: Dataset) -> Mapping[str, int]:
    """Count for each thing that a source may say, of how many radiographs it says nothing."""
    known = dataset.circumstances
    named = [str(patient) for patient in dataset.patients.tolist()]
    return {
        "patient": sum(patient.startswith("unknown-") for patient in named),
        "finding": sum(name in LABEL_NAMES[1:] for name in dataset.findings.tolist()),
        "part": int((known.parts == "").sum()),
        "site": int((known.sites == "").sum()),
        "view": int((known.views == "").sum()),
        "sex": int((known.sexes == "").sum()),
        "age": int(np.isnan(known.ages_years).sum()),
    }


def count_both_labels(dataset: Dataset) -> int:
    """Count the patients who have radiographs of both labels."""
    ill, well = (set(dataset.patients[dataset.labels == label].tolist()) for label in (1, 0))
    return len(ill & well)


def spread_properties(dataset: Dataset, properties: Properties) -> tuple[Spread, ...]:
    """Say how sizes, light, sharpness and borders are spread in each label; what all share is left out."""
    known = dataset.circumstances
    border = properties.columns("top", "bottom", "left", "right").mean(axis=1)
    measured = (
        ("width", "pixels", known.columns.astype(np.float64)),
        ("height", "pixels", known.rows.astype(np.float64)),
        ("aspect ratio", "width / height", known.columns / known.rows),
        ("brightness", "mean grey level, 0-255", properties.brightness),
        ("contrast", "standard deviation of grey levels", properties.contrast),
        ("sharpness", "standard deviation of the Laplacian", properties.sharpness),
        ("black", "share of pixels at the dark end", properties.black),
        ("white", "share of pixels at the bright end", properties.white),
        ("dark border", "share of the frame's sides", border),
    )
    made = (_spread(name, unit, np.asarray(values, np.float64), dataset.labels) for name, unit, values in measured)
    return tuple(spread for spread in made if spread is not None)


def _spread(name: str, unit: str, values: NDArray[np.float64], labels: NDArray[np.int64]) -> Spread | None:
    low, high = np.quantile(values, [_TAILS, 1 - _TAILS])
    if low == high:
        low, high = values.min(), values.max()
    if low == high:
        return None
    edges = np.linspace(low, high, _BINS + 1)
    quantiles: dict[str, tuple[float, ...]] = {}
    shares: dict[str, tuple[float, ...]] = {}
    for label, label_name in enumerate(LABEL_NAMES):
        own = values[labels == label]
        quantiles[label_name] = tuple(np.quantile(own, _QUANTILES).tolist())
        shares[label_name] = tuple((np.histogram(np.clip(own, low, high), edges)[0] / len(own)).tolist())
    area = auroc(labels, values)
    return Spread(
        name=name, unit=unit, quantiles=quantiles, edges=tuple(edges.tolist()), shares=shares, auroc=max(area, 1 - area)
    )
