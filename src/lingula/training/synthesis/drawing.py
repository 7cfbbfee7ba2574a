"""Sampling a new chest from an atlas, and opacities into its lungs.

The texture is the mean plus a random combination of the residuals whose weights sum to zero, which is a sample of the
Gaussian with the atlas' own covariance, shrunk; the shape is drawn likewise from the deformations, with other weights,
so that texture and shape of one patient do not come together. No patient's weight exceeds `MOST_OF_ONE`.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lingula.training.synthesis.atlas import Atlas
from lingula.training.synthesis.cohort import SIDE
from lingula.training.synthesis.registration import smooth

MOST_OF_ONE = 0.35  # of the residuals' weights, whose squares sum to one
_SHRUNK = (0.65, 0.9)  # of the residuals' standard deviation; all of it looks like several patients at once
_SHAPE_SPREAD = 0.8  # of the deformations' own standard deviation
_BRIGHTEST_LUNG = 0.74  # of an opacity, 0-1: as bright as the heart
_WELL_INSIDE = 0.8  # share of lung, smoothed, where an opacity may have its centre


@dataclass(frozen=True, kw_only=True)
class Chest:
    """A synthetic chest before it becomes a film.

    Parameters
    ----------
    texture
        In the atlas' frame, shape (224, 224), about 0-1.
    field
        From the atlas' frame to the chest's own shape, shape (1, 2, 224, 224).
    frame
        Row scale, row shift, column scale, column shift.
    """

    texture: Tensor
    field: Tensor
    frame: NDArray[np.float32]


def draw_chest(atlas: Atlas, random: np.random.Generator, *, with_opacities: bool) -> Chest:
    """Draw a new chest.

    Parameters
    ----------
    atlas
        Look-alikes to learn from.
    random
        Decides everything.
    with_opacities
        Whether to add opacities to those of the atlas.
    """
    weights = residual_weights(len(atlas.residuals), random)
    texture = atlas.mean + random.uniform(*_SHRUNK) * torch.einsum(
        "n,nhw->hw", torch.from_numpy(weights), atlas.residuals
    )
    if with_opacities:
        for _ in range(int(random.integers(1, 4))):
            texture = with_opacity(texture, atlas.lungs, random)
    bends = torch.from_numpy(residual_weights(len(atlas.fields), random)) * _SHAPE_SPREAD
    field = (atlas.fields.mean(0) + torch.einsum("n,nchw->chw", bends, atlas.fields))[None]
    return Chest(texture=texture, field=field, frame=_frame(atlas.frames, random))


def residual_weights(count: int, random: np.random.Generator) -> NDArray[np.float32]:
    """Draw weights that sum to zero, with squares that sum to one, none above `MOST_OF_ONE`.

    Parameters
    ----------
    count
        At least 12, or the limit could not be kept.
    """
    while True:
        weights = random.normal(size=count)
        weights -= weights.mean()
        weights /= np.linalg.norm(weights)
        if np.abs(weights).max() <= MOST_OF_ONE:
            return weights.astype(np.float32)


def with_opacity(texture: Tensor, lungs: Tensor, random: np.random.Generator) -> Tensor:
    """Add one air-space opacity: a soft patch with ragged edges inside the lungs that veils ribs and vessels.

    Parameters
    ----------
    texture
        Shape (224, 224), 0-1.
    lungs
        Share of lung, shape (224, 224), 0-1.
    """
    soft = smooth(lungs[None, None], 2.0)[0, 0]
    inside = torch.nonzero(soft > _WELL_INSIDE)
    row, column = inside[int(random.integers(len(inside)))].tolist()
    tall, wide = random.uniform(0.06, 0.15, size=2) * SIDE
    rows, columns = torch.meshgrid(torch.arange(SIDE) - row, torch.arange(SIDE) - column, indexing="ij")
    distance = (rows / tall) ** 2 + (columns / wide) ** 2
    ragged = 0.55 * cloud(random, 9.0) + 0.35 * cloud(random, 4.0) + 0.2 * cloud(random, 1.6)
    patch = torch.sigmoid(2.2 * (1.2 - distance + 0.8 * ragged)) * soft
    strength = random.uniform(0.2, 0.6) * patch * (1 + 0.12 * ragged)
    return texture + strength.clamp(0, 0.9) * (_BRIGHTEST_LUNG - texture).clamp(min=0)


def cloud(random: np.random.Generator, sigma: float) -> Tensor:
    """Draw smooth noise of mean 0 and standard deviation 1, shape (224, 224)."""
    noise = smooth(torch.from_numpy(random.normal(size=(1, 1, SIDE, SIDE)).astype(np.float32)), sigma)[0, 0]
    return (noise - noise.mean()) / noise.std()


def _frame(frames: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """Mix the patients' frames, and keep the chest inside what most of them show."""
    mixture = random.dirichlet(np.full(len(frames), 0.5)).astype(np.float32)
    return mixture @ frames
