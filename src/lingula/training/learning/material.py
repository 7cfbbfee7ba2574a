"""Gather what a recipe names: radiographs with labels, lung masks, and pictures to be refused."""

import hashlib
from pathlib import Path

import numpy as np

from lingula.errors import TrainingError
from lingula.training.data.dataset import Dataset, load_dataset
from lingula.training.data.decoding import decode_files
from lingula.training.data.labelled import Progress
from lingula.training.learning.augment import Pictures
from lingula.training.learning.lungs import LungMasks, read_lung_masks
from lingula.training.learning.stages import TrainingMaterial
from lingula.training.networks import FRAME
from lingula.training.recipe import DataRecipe
from lingula.training.sources import read_source

_PICTURES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".dcm"}


def gather(
    recipe: DataRecipe, data: Path, *, seed: int, cache: Path, progress: Progress | None = None
) -> TrainingMaterial:
    """Read everything a recipe's `[data]` names, relative to the folder `data`; decoded pictures are cached.

    Where the recipe asks for a sample, the seed and each radiograph's own key decide who is drawn, whatever the order
    of the source.

    Raises
    ------
    TrainingError
        If something is not there or cannot be trusted.
    """
    dataset = load_dataset(read_source(recipe.source, below=data), size=FRAME, cache=cache, progress=progress)
    if recipe.sample is not None:
        dataset = _sampled(dataset, recipe.sample, seed)
    return TrainingMaterial(
        dataset=dataset,
        masks=_masks(recipe, data, dataset),
        strangers=_strangers(recipe, data, cache),
        folder=data,
    )


def _sampled(dataset: Dataset, count: int, seed: int) -> Dataset:
    if count > len(dataset):
        raise TrainingError(f"[data] sample: {count} cannot be drawn of {len(dataset)} radiographs")
    drawn = sorted(range(len(dataset)), key=lambda row: hashlib.sha256(f"{seed}/{dataset.keys[row]}".encode()).digest())
    return dataset.take(np.sort(np.array(drawn[:count], np.intp)))


def _masks(recipe: DataRecipe, data: Path, dataset: Dataset) -> LungMasks:
    if recipe.masks is None:
        return LungMasks(rows=np.zeros(0, np.int64), masks=np.zeros((0, FRAME, FRAME), np.uint8))
    return read_lung_masks(data / recipe.masks, dataset.names, FRAME)


def _strangers(recipe: DataRecipe, data: Path, cache: Path) -> Pictures:
    if recipe.outliers is None:
        return np.zeros((0, FRAME, FRAME), np.uint8)
    folder = data / recipe.outliers
    if not folder.is_dir():
        raise TrainingError(f"[data] outliers: {folder} is no folder; correct the recipe or leave the line out")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in _PICTURES)
    return decode_files(paths, size=FRAME, cache=cache)[0]
