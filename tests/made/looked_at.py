"""Data sets drawn so that what gives their label away is known, to see whether looking at them finds it."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from lingula.radiology.radiograph import Pixels
from lingula.training.data.dataset import Dataset, load_dataset
from lingula.training.data.labelled import Source
from lingula.training.sources import read_source

SIDE = 224

Mark = Callable[[Pixels, int], Pixels]
"""Changes a picture according to its label."""


def grainy_picture(seed: int, *, side: int = SIDE) -> Pixels:
    """Draw a picture of its own for every seed: smooth shapes of several sizes and some grain, no label in it."""
    rng = np.random.default_rng(seed)
    total = np.zeros((side, side))
    for cells, strength in ((6, 28.0), (14, 16.0), (40, 8.0)):
        coarse = Image.fromarray(rng.normal(0, strength, (cells, cells)).astype(np.float32))
        total += np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC))
    return np.clip(128 + total + rng.normal(0, 4, total.shape), 0, 255).astype(np.uint8)


def unmarked(picture: Pixels, label: int) -> Pixels:  # noqa: ARG001  nothing tells the label
    """Leave a picture as it is."""
    return picture


def bright_border(picture: Pixels, label: int) -> Pixels:
    """Make the outermost pixels brighter where there is pneumonia."""
    marked = picture.astype(np.int64)
    inside = marked[20:-20, 20:-20].copy()
    marked += 45 * label
    marked[20:-20, 20:-20] = inside
    return np.clip(marked, 0, 255).astype(np.uint8)


def drawn_set(folder: Path, count: int, mark: Mark = unmarked, *, side: int = SIDE) -> tuple[Source, Dataset]:
    """Write and load `count` pictures, two of each patient, every second patient with pneumonia."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "rows.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image_path", "label", "patient_id"])
        for number in range(count):
            patient = number // 2
            label = patient % 2
            Image.fromarray(mark(grainy_picture(number, side=side), label)).save(folder / f"{number:04}.png")
            table.writerow([f"{number:04}.png", label, f"patient{patient}"])
    source = read_source(folder / "rows.csv")
    return source, load_dataset(source)
