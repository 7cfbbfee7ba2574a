"""Pictures of a data set as PNG: the mean radiograph of each label, and samples if they may be shown."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lingula.training.data.dataset import Dataset
from lingula.training.data.labelled import LABEL_NAMES

_FEWEST = 50  # patients; a mean of fewer could show one of them
_SAMPLES, _COLUMNS, _SIDE, _GAP = 24, 8, 112, 4
_MIDDLE, _STRENGTH = 128.0, 2.0  # grey that stands for no difference, and how much a difference is raised


def mean_pictures(dataset: Dataset) -> dict[str, bytes]:
    """Give the mean radiograph of each label and their difference, none if a label has too few patients to hide one."""
    means: list[NDArray[np.float64]] = []
    for label in range(len(LABEL_NAMES)):
        rows = np.flatnonzero(dataset.labels == label)
        if len(np.unique(dataset.patients[rows])) < _FEWEST:
            return {}
        total = np.zeros(dataset.pixels.shape[1:], np.float64)
        for row in rows:  # one at a time: a copy of the label's pixels would be as large as the data set
            total += dataset.pixels[row]
        means.append(total / len(rows))
    difference = _MIDDLE + _STRENGTH * (means[1] - means[0])
    made = {f"mean of {name}": _png(mean) for name, mean in zip(LABEL_NAMES, means, strict=True)}
    return {**made, f"{LABEL_NAMES[1]} minus {LABEL_NAMES[0]}, twice as strong, grey where equal": _png(difference)}


def sample_sheets(dataset: Dataset, *, seed: int = 0) -> dict[str, bytes]:
    """Draw some patients of each finding and lay one radiograph of each on a sheet."""
    rng = np.random.default_rng(seed)
    sheets: dict[str, bytes] = {}
    for finding in sorted(set(dataset.findings.tolist())):
        rows = np.flatnonzero(dataset.findings == finding)
        _, first = np.unique(dataset.patients[rows], return_index=True)
        rows = rows[first]
        drawn = np.sort(rng.choice(rows, size=min(_SAMPLES, len(rows)), replace=False))
        sheets[f"{finding}: {len(drawn)} of {len(rows)} patients, drawn at random"] = _sheet(dataset, drawn)
    return sheets


def _sheet(dataset: Dataset, rows: NDArray[np.intp]) -> bytes:
    columns = min(_COLUMNS, len(rows))
    lines = -(-len(rows) // columns)
    step = _SIDE + _GAP
    sheet = Image.new("L", (columns * step - _GAP, lines * step - _GAP), 128)
    for place, row in enumerate(rows.tolist()):
        small = Image.fromarray(dataset.pixels[row]).resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)
        sheet.paste(small, (place % columns * step, place // columns * step))
    return _encoded(sheet)


def _png(picture: NDArray[np.float64]) -> bytes:
    return _encoded(Image.fromarray(np.rint(np.clip(picture, 0, 255)).astype(np.uint8)))


def _encoded(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()
