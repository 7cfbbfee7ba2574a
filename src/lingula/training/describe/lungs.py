"""Where the lungs are and what a package makes of the radiographs: one run of its graph, no PyTorch needed."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lingula.modelpackage.archive import ModelPackage
from lingula.modelpackage.session import open_session
from lingula.radiology.radiograph import Pixels
from lingula.training.data.labelled import Progress
from lingula.training.describe.properties import THUMBNAIL

_BATCH = 8
_INSIDE = 0.5  # of a cell's lung probability
_OUTER = 0.02  # of the lungs' area left outside each edge of the box; robust against specks
_MARGIN = 0.05  # of the box's extent, added at each edge
_GREY = 128  # what stands for lungs that are painted over


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a package sees of N radiographs.

    Parameters
    ----------
    masks
        Shape (N, cells, cells), true inside the lungs.
    probabilities
        Shape (N,), of pneumonia, calibrated.
    """

    masks: NDArray[np.bool_]
    probabilities: NDArray[np.float64]


def see_lungs(pixels: Pixels, package: ModelPackage, *, progress: Progress | None = None) -> Seen:
    """Run a package's graph on pictures of the size it takes, (N, side, side), on all cores.

    Raises
    ------
    PackageDamaged
        If the graph does not keep the contract.
    """
    session = open_session(package.graph, threads=1)
    divisor = np.float32(package.manifest.preprocessing.scale_divisor)

    def run(start: int) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        batch = pixels[start : start + _BATCH, np.newaxis].astype(np.float32) / divisor
        found = session.run(batch, ("lung_mask", "probability"))
        return found["lung_mask"][:, 0] > _INSIDE, found["probability"][:, 0]

    masks, probabilities = [], []
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        for mask, probability in pool.map(run, range(0, len(pixels), _BATCH)):
            masks.append(mask)
            probabilities.append(probability)
            if progress is not None:
                progress(min(len(masks) * _BATCH, len(pixels)), len(pixels))
    return Seen(masks=np.concatenate(masks), probabilities=np.concatenate(probabilities).astype(np.float64))


def lung_boxes(masks: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Give the box around each mask (N, cells, cells) as left, top, right, bottom in 0-1; the whole frame if empty."""
    top, bottom = _extent(masks.sum(axis=2))
    left, right = _extent(masks.sum(axis=1))
    return np.stack([left, top, right, bottom], axis=1)


def _extent(profile: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Find where a profile (N, cells) begins and ends, widened by the margin; each (N,)."""
    cells = profile.shape[1]
    total = profile.sum(axis=1)
    share = np.cumsum(profile, axis=1) / np.maximum(total, 1)[:, np.newaxis]
    low = (share < _OUTER).sum(axis=1) / cells
    high = np.minimum((share < 1 - _OUTER).sum(axis=1) + 1, cells) / cells
    widened = _MARGIN * (high - low)
    empty = total == 0
    return np.where(empty, 0.0, np.maximum(low - widened, 0.0)), np.where(empty, 1.0, np.minimum(high + widened, 1.0))


def crop_lungs(pixels: Pixels, boxes: NDArray[np.float64], side: int = THUMBNAIL) -> NDArray[np.float32]:
    """Give what lies in each box as (N, side, side), grey levels 0-255."""
    frame = pixels.shape[1]
    made = np.empty((len(pixels), side, side), np.float32)
    for place, (picture, box) in enumerate(zip(pixels, boxes * frame, strict=True)):
        left, top, right, bottom = (float(edge) for edge in box)
        whole = Image.fromarray(picture)
        made[place] = np.asarray(whole.resize((side, side), Image.Resampling.BILINEAR, box=(left, top, right, bottom)))
    return made


def paint_over(pixels: Pixels, boxes: NDArray[np.float64]) -> Pixels:
    """Paint everything in each box one grey: not the lungs' outline, which would tell where an opacity hides it."""
    edges = np.rint(boxes * pixels.shape[1]).astype(np.intp)
    painted = pixels.copy()
    for picture, (left, top, right, bottom) in zip(painted, edges.tolist(), strict=True):
        picture[top:bottom, left:right] = _GREY
    return painted
