"""The training pictures that have a lung mask, laid over each other by the boxes of their lungs.

Every picture gets a `frame`: row scale, row shift, column scale, column shift, which lead from the common frame (224 x
224, lungs where the median patient has them but a little smaller) to the picture. What lies outside the picture is
marked as such.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from lingula.errors import TrainingError
from lingula.training.synthesis.registration import grid, sample_at

SIDE = 224  # pixels; the data set's pictures were squashed to it
FEWEST_LUNG_PIXELS = 2  # of a row or column that counts as lung
_LUNGS_SHARE = 0.92  # of the median size; leaves room for the shoulders and belly that wider pictures show
_BATCH = 16


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """Pictures with lung masks and who they are of.

    Parameters
    ----------
    pixels
        Shape (N, 224, 224), uint8.
    lungs
        Shape (N, 224, 224), True inside.
    has_pneumonia
        Shape (N,).
    patients
        One name per picture; several pictures may be of one patient.
    frames
        Shape (N, 4), float32: row scale, row shift, column scale, column shift.
    """

    pixels: NDArray[np.uint8]
    lungs: NDArray[np.bool_]
    has_pneumonia: NDArray[np.bool_]
    patients: list[str]
    frames: NDArray[np.float32]


def read_cohort(folder: Path) -> Cohort:
    """Read the pictures of `folder`/manifest.csv whose mask lies in `folder`/lung_masks.

    Raises
    ------
    TrainingError
        If the folder has no such pictures.
    """
    manifest = folder / "manifest.csv"
    if not manifest.is_file():
        raise TrainingError(f"{folder} has no manifest.csv; name the folder chest_xray of the data set")
    with manifest.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if _mask_path(folder, row["image_path"]).is_file()]
    if not rows:
        raise TrainingError(f"{folder}/lung_masks has no mask of a picture in manifest.csv; the generator needs them")
    pixels = np.stack([_read(folder / row["image_path"]) for row in rows])
    lungs = np.stack([_read(_mask_path(folder, row["image_path"])) > 0 for row in rows])
    return Cohort(
        pixels=pixels,
        lungs=lungs,
        has_pneumonia=np.array([row["label"] == "PNEUMONIA" for row in rows]),
        patients=[row["patient_id"] for row in rows],
        frames=lay_over(lungs),
    )


def lay_over(lungs: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Give the frames that bring every lung box onto the median one, made a little smaller.

    Parameters
    ----------
    lungs
        Masks, shape (N, rows, columns).
    """
    boxes = np.array([_box(mask) for mask in lungs], dtype=np.float64)
    top, bottom, left, right = np.median(boxes, axis=0)
    middle = (SIDE - 1) / 2
    top, bottom, left, right = (middle + (end - middle) * _LUNGS_SHARE for end in (top, bottom, left, right))
    tall = (boxes[:, 1] - boxes[:, 0]) / (bottom - top)
    wide = (boxes[:, 3] - boxes[:, 2]) / (right - left)
    return np.stack([tall, boxes[:, 0] - tall * top, wide, boxes[:, 2] - wide * left], 1).astype(np.float32)


def places_in_picture(frames: NDArray[np.float32]) -> Tensor:
    """Give for each pixel of the common frame its place in each picture, shape (N, 2, 224, 224)."""
    scales = torch.from_numpy(frames[:, [0, 2]])[:, :, None, None]
    shifts = torch.from_numpy(frames[:, [1, 3]])[:, :, None, None]
    return grid(SIDE) * scales + shifts


def lung_box_of(cohort: Cohort) -> tuple[float, float, float, float]:
    """Give first and last row and column of the lungs in the common frame."""
    tall, down, wide, aside = (float(end) for end in cohort.frames[0])
    top, bottom, left, right = _box(cohort.lungs[0])
    return (top - down) / tall, (bottom - down) / tall, (left - aside) / wide, (right - aside) / wide


def laid_over(cohort: Cohort, members: NDArray[np.int64]) -> Tensor:
    """Give members in the common frame: (n, 3, 224, 224) of pixels 0-1, lungs, and 1 where the picture has pixels."""
    parts = []
    for first in range(0, len(members), _BATCH):
        some = members[first : first + _BATCH]
        places = places_in_picture(cohort.frames[some])
        planes = np.stack([cohort.pixels[some] / np.float32(255), cohort.lungs[some]], 1).astype(np.float32)
        has_pixels = ((places >= 0) & (places <= SIDE - 1)).all(1, keepdim=True).float()
        parts.append(torch.cat([sample_at(torch.from_numpy(planes), places), has_pixels], 1))
    return torch.cat(parts)


def _box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Give first and last row and column with lung."""
    rows = np.flatnonzero(mask.sum(1) > FEWEST_LUNG_PIXELS)
    columns = np.flatnonzero(mask.sum(0) > FEWEST_LUNG_PIXELS)
    return int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])


def _mask_path(folder: Path, image_path: str) -> Path:
    return folder / "lung_masks" / f"{Path(image_path).stem}.png"


def _read(path: Path) -> NDArray[np.uint8]:
    return np.asarray(Image.open(path).convert("L"))
