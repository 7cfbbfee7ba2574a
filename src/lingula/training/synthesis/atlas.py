"""A local atlas: two dozen look-alikes of different patients warped onto each other.

One mean over everybody has no ribs; a mean over look-alikes that were registered to one of them, and then to their own
mean, keeps ribs, clavicles, heart border and diaphragm sharp, while what belongs to one patient alone goes into the
residuals. `drawing` mixes the residuals and deformations anew.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from lingula.training.synthesis.cohort import SIDE, Cohort, laid_over
from lingula.training.synthesis.registration import (
    enlarge_field,
    grid,
    local_contrast,
    register,
    sample_at,
    smooth,
)

NEIGHBOURS = 24  # look-alikes that are registered
KEPT = 18  # of them, those that fit best
_COARSE, _FINE = 56, 112  # sides in pixels of the two levels of registration
_LUNG_WEIGHT = 3.0  # of a mask's edge against local standard deviations of pixels
_STIFFNESS = 1.8  # pixels; less bends ribs, more leaves them double
_THUMBNAIL_WEIGHT = 2.0  # of overall brightness against rib pattern in the likeness of two pictures
_EDGE = 8  # pixels from a picture's own edge over which its share falls to 0
_MOST_INSIDE, _MOST_OUTSIDE = 0.3, 0.07  # greatest residual near the lungs and far: markers and wires go
_MOST = 0.5  # of the patients have lung here


@dataclass(frozen=True, kw_only=True)
class Atlas:
    """Pictures of different patients in one frame.

    Parameters
    ----------
    mean
        Shape (224, 224), 0-1.
    residuals
        Each picture less the mean, 0 where it has no pixels; shape (n, 224, 224).
    lungs
        Share of pictures with lung here; shape (224, 224), 0-1.
    fields
        From this frame to each picture's own shape; shape (n, 2, 224, 224).
    frames
        Shape (n, 4), see `cohort`.
    """

    mean: Tensor
    residuals: Tensor
    lungs: Tensor
    fields: Tensor
    frames: NDArray[np.float32]


def features_of(pictures: Tensor, side: int) -> Tensor:
    """Give what registration compares: locally normalised pixels and weighted soft lungs, (n, 2, side, side)."""
    smaller = functional.avg_pool2d(pictures[:, :2], pictures.shape[-1] // side)
    contrast = local_contrast(smaller[:, :1], side / 15)
    return torch.cat([contrast, smooth(smaller[:, 1:], 1.5 * side / _FINE) * _LUNG_WEIGHT], 1)


def likeness_between(cohort: Cohort, members: NDArray[np.int64]) -> Tensor:
    """Compare members pair by pair by rib pattern and overall brightness; (n, n), higher is more alike."""
    patterns, thumbnails = [], []
    for first in range(0, len(members), 64):
        pictures = laid_over(cohort, members[first : first + 64])
        patterns.append(features_of(pictures, _COARSE))
        thumbnails.append(functional.avg_pool2d(pictures[:, :1], 8).flatten(1))
    pattern, thumbnail = torch.cat(patterns), torch.cat(thumbnails)
    inside = (pattern[:, 1].mean(0) > _LUNG_WEIGHT / 3).flatten()
    ribs = functional.normalize(pattern[:, 0].flatten(1)[:, inside])
    brightness = functional.normalize(thumbnail - thumbnail.mean(1, keepdim=True))
    return ribs @ ribs.T + _THUMBNAIL_WEIGHT * brightness @ brightness.T


def look_alikes(likeness: Tensor, patients: list[str], reference: int, count: int) -> NDArray[np.int64]:
    """Give the reference and the `count` pictures most like it, no patient twice."""
    chosen: list[int] = []
    for other in likeness[reference].argsort(descending=True).tolist():
        if patients[other] not in {patients[one] for one in chosen}:
            chosen.append(other)
        if len(chosen) > count:
            break
    return np.array(chosen, dtype=np.int64)


def build_atlas(cohort: Cohort, members: NDArray[np.int64]) -> Atlas:
    """Warp members onto the first of them, then twice onto their mean, and keep those that fit best."""
    pictures = laid_over(cohort, members)
    coarse, fine = features_of(pictures, _COARSE), features_of(pictures, _FINE)
    field = register(coarse, coarse[:1], torch.zeros(len(members), 2, _COARSE, _COARSE), 15, _STIFFNESS)
    field = enlarge_field(field, _FINE)
    target = fine[:1]
    for own_share in (0.3, 0.0):
        target = own_share * fine[:1] + (1 - own_share) * _warp(fine, field).mean(0, keepdim=True)
        target = torch.cat([local_contrast(target[:, :1], _FINE / 15), target[:, 1:]], 1)
        field = register(fine, target, field, 8, _STIFFNESS)
    kept = _agreement(_warp(fine, field), target).argsort(descending=True)[:KEPT]
    fields = enlarge_field(field[kept], SIDE)
    return _summarised(_warp(pictures[kept], fields), fields, cohort.frames[members[kept.numpy()]])


def _warp(stack: Tensor, field: Tensor) -> Tensor:
    return sample_at(stack, grid(stack.shape[-1]) + field)


def _agreement(warped: Tensor, target: Tensor) -> Tensor:
    """Correlate each with the target inside the lungs, shape (n,)."""
    inside = target[:, 1:] > _LUNG_WEIGHT / 10
    ours = functional.normalize((warped[:, :1] * inside).flatten(1))
    return ours @ functional.normalize((target[:, :1] * inside).flatten(1))[0]


def _summarised(warped: Tensor, fields: Tensor, frames: NDArray[np.float32]) -> Atlas:
    """Bring all to one exposure, then part mean and residuals."""
    pixels, lungs, has_pixels = warped[:, 0], warped[:, 1], _well_within(warped[:, 2:])
    chest = pixels[:, SIDE // 8 : -SIDE // 16, SIDE // 6 : -SIDE // 6]
    middle, spread = chest.mean((1, 2), keepdim=True), chest.std((1, 2), keepdim=True)
    pixels = (pixels - middle) / spread * spread.mean() + middle.mean()
    weight = has_pixels + 1e-3
    mean = (pixels * weight).sum(0) / weight.sum(0)
    chests, around = lungs.mean(0), _around(lungs.mean(0))
    usual = pixels.median(0).values
    near_lungs = smooth(functional.max_pool2d(chests[None, None], 17, stride=1, padding=8), 4.0)[0, 0]
    mean = near_lungs * mean + (1 - near_lungs) * usual
    mean = around * mean + (1 - around) * smooth(usual[None, None], 4.0)[0, 0]
    most = _MOST_OUTSIDE + (_MOST_INSIDE - _MOST_OUTSIDE) * near_lungs
    residuals = torch.minimum(torch.maximum(pixels - mean, -most), most) * has_pixels * around
    return Atlas(mean=mean, residuals=residuals, lungs=chests, fields=fields, frames=frames)


def _well_within(has_pixels: Tensor) -> Tensor:
    """Let each picture's share fall softly to 0 towards its own edge, shape (n, 224, 224)."""
    reach = 2 * _EDGE + 1
    shrunk = -functional.max_pool2d(-has_pixels, reach, stride=1, padding=_EDGE)
    return smooth(shrunk, _EDGE / 2)[:, 0] * has_pixels[:, 0]


def _around(lungs: Tensor) -> Tensor:
    """Give 1 on the chest and a little beyond, softly falling to 0: side markers and wires stay out."""
    filled = torch.zeros_like(lungs)
    inside = lungs > _MOST
    rows = torch.where(inside.any(1))[0]
    top, bottom = int(rows[0]), int(rows[-1])
    for row in range(SIDE):
        across = torch.where(inside[min(max(row, top + SIDE // 9), bottom)])[0]
        margin = SIDE // 14 if row > top else SIDE // 6
        filled[row, max(int(across[0]) - margin, 0) : int(across[-1]) + margin] = 1.0
    return smooth(filled[None, None], 6.0)[0, 0]
