"""What may differ between two pictures of the same lungs: pose, exposure, sharpness, compression, background.

A hospital's habits of framing, sharpening and compressing tell the label of a data set as well as the lungs do; a
network that is to travel must not be able to use them. So every training picture is reframed, resharpened, recompressed
and re-exposed at random, and some get the surroundings of another patient: only what lies inside the lungs keeps
agreeing with the label. Everything works on batches and draws from one generator, so a seed repeats it.

References
----------
Zhang et al. 2018, mixup; Zhong et al. 2020, random erasing; Xiao et al. 2021, background challenge (background swap).
"""

import math
from collections.abc import Callable

import numpy as np
import simplejpeg  # type: ignore[import-untyped]  # the package carries no types
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.nn import functional as F  # noqa: N812 - the name everybody knows

from lingula.training.recipe import AugmentRecipe

Pictures = NDArray[np.uint8]
"""Shape (N, 224, 224), grey levels."""
LungsOf = Callable[[Tensor], Tensor]
"""Gives the lungs' masks (M, 1, side, side) of some rows (M,) of a batch."""


def uniform(count: int, low: float, high: float, generator: Generator) -> Tensor:
    """Draw (count,) values between `low` and `high`."""
    return low + (high - low) * torch.rand(count, generator=generator)


def chance(count: int, probability: float, generator: Generator) -> Tensor:
    """Draw (count,) booleans."""
    return torch.rand(count, generator=generator) < probability


def recompressed(pictures: Pictures, probability: float, generator: Generator) -> Pictures:
    """Encode some pictures as JPEG of random quality 25-90 and decode them again."""
    out = pictures.copy()
    quality = uniform(len(pictures), 25, 90, generator).tolist()
    for number in torch.nonzero(chance(len(pictures), probability, generator))[:, 0].tolist():
        encoded = simplejpeg.encode_jpeg(
            np.ascontiguousarray(pictures[number][..., None]), quality=int(quality[number]), colorspace="GRAY"
        )
        out[number] = simplejpeg.decode_jpeg(encoded, colorspace="GRAY")[..., 0]
    return out


def pose(box: Tensor, generator: Generator, recipe: AugmentRecipe) -> Tensor:
    """Draw how boxes (N, 4) are turned, zoomed, shifted, sheared and mirrored.

    Returns
    -------
    Tensor
        (N, 2, 3): from places in the new picture to places in the frame, both -1 to 1, as `sampled` takes it.
    """
    count, zoom = len(box), recipe.zoom
    turn = uniform(count, -recipe.rotation, recipe.rotation, generator) * (math.pi / 180)
    stretch_x = (uniform(count, -zoom, zoom, generator)).exp()
    stretch_y = stretch_x * uniform(count, -zoom / 2, zoom / 2, generator).exp()
    mirror = 1.0 - 2.0 * chance(count, recipe.flip, generator).float()
    shear = uniform(count, -recipe.shear, recipe.shear, generator)
    width, height = (box[:, 2] - box[:, 0]), (box[:, 3] - box[:, 1])
    # output (-1..1) -> mirrored, turned, stretched within the box -> frame (-1..1)
    a, b = turn.cos() * stretch_x * mirror, (shear - turn.sin()) * stretch_y
    c, d = turn.sin() * stretch_x * mirror, turn.cos() * stretch_y
    x = box[:, 0] + box[:, 2] - 1.0 + 2.0 * width * uniform(count, -recipe.shift, recipe.shift, generator)
    y = box[:, 1] + box[:, 3] - 1.0 + 2.0 * height * uniform(count, -recipe.shift, recipe.shift, generator)
    return torch.stack(
        [torch.stack([a * width, b * width, x], dim=1), torch.stack([c * height, d * height, y], dim=1)], dim=1
    )


def sampled(pictures: Tensor, theta: Tensor, side: int) -> Tensor:
    """Resample pictures (N, channels, h, w) to (N, channels, side, side) in poses (N, 2, 3); nothing is black."""
    grid = F.affine_grid(theta, [len(pictures), 1, side, side], align_corners=False)
    return F.grid_sample(pictures, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def exposed(pictures: Tensor, generator: Generator, *, exposure: float = 1.0, sharpness: float = 1.0) -> Tensor:
    """Change gamma, contrast, brightness, sharpness and noise of pictures (N, 1, h, w) in 0-1."""
    count = len(pictures)

    def each(values: Tensor) -> Tensor:
        return values[:, None, None, None]

    out = pictures.clamp(0.0, 1.0).pow_(each((torch.randn(count, generator=generator) * 0.25 * exposure).exp()))
    _resharpen(out, generator, sharpness)
    contrast = each(uniform(count, -0.35 * exposure, 0.35 * exposure, generator).exp())
    brightness = each(uniform(count, -0.15 * exposure, 0.15 * exposure, generator))
    out.sub_(0.5).mul_(contrast).add_(0.5).add_(brightness)
    grain = each(uniform(count, 0.0, 0.04 * exposure, generator) * chance(count, 0.5, generator))
    return out.add_(torch.randn(out.shape, generator=generator).mul_(grain)).clamp_(0.0, 1.0)


def _resharpen(pictures: Tensor, generator: Generator, strength: float) -> None:
    """Blur (amount -1) to unsharp masking (amount 1.5) at random radii, in place; a third stay as they are."""
    count, side = len(pictures), pictures.shape[2]
    radius = uniform(count, 0.5, 2.0, generator)  # pixels
    amount = uniform(count, -1.0, 1.5, generator) * strength * chance(count, 0.67, generator)
    some = torch.nonzero(amount)[:, 0]
    blur, before = _gaussian(radius[some], side), pictures[some]
    blurred = (blur @ before[:, 0] @ blur.transpose(1, 2))[:, None]
    pictures[some] = before + amount[some, None, None, None] * (before - blurred)


def _gaussian(radius: Tensor, side: int) -> Tensor:
    """Give blurs of one axis as matrices (N, side, side), one for each radius (N,); rows sum to 1 at the edges too.

    The blur is separable, so it is two matrix products: ten times as fast here as convolving one channel.
    """
    cells = torch.arange(side, dtype=torch.float32)
    apart = (cells[:, None] - cells[None, :]).square()  # (side, side)
    weights = torch.exp(-0.5 * apart[None] / radius[:, None, None].square())
    return weights / weights.sum(dim=2, keepdim=True)


def erased(pictures: Tensor, probability: float, generator: Generator) -> Tensor:
    """Cover a random rectangle (up to a third of each side) of some pictures (N, 1, h, w) with their mean."""
    out = pictures.clone()
    side = pictures.shape[2]
    for number in torch.nonzero(chance(len(pictures), probability, generator))[:, 0].tolist():
        height, width = (int(value) for value in uniform(2, side * 0.1, side * 0.33, generator))
        top, left = int(uniform(1, 0, side - height, generator)), int(uniform(1, 0, side - width, generator))
        out[number, :, top : top + height, left : left + width] = pictures[number].mean()
    return out


def swap_partners(count: int, probability: float, generator: Generator) -> tuple[Tensor, Tensor]:
    """Draw which pictures of a batch get other surroundings (M,), and whose (M,)."""
    order = torch.randperm(count, generator=generator)
    chosen = torch.nonzero(chance(count, probability, generator))[:, 0]
    return chosen, order[chosen]


def surroundings_swapped(pictures: Tensor, lungs: LungsOf, chosen: Tensor, partners: Tensor) -> Tensor:
    """Put some lungs into the surroundings of other patients of the batch.

    Parameters
    ----------
    pictures
        (N, 1, side, side).
    lungs
        Gives masks (M, 1, side, side), 1 inside the lungs; edges are softened so that no seam tells.
    chosen, partners
        Row numbers (M,): whose lungs, and whose surroundings.
    """
    if len(chosen) == 0:
        return pictures
    soft = widened(lungs(chosen))
    out = pictures.clone()
    out[chosen] = pictures[chosen] * soft + pictures[partners] * (1.0 - soft)
    return out


def blanked_some(pictures: Tensor, lungs: LungsOf, is_blank: Tensor) -> Tensor:
    """Blank the lungs of some pictures (N, 1, side, side); `is_blank` is (N,)."""
    some = torch.nonzero(is_blank)[:, 0]
    if len(some) == 0:
        return pictures
    out = pictures.clone()
    out[some] = lungs_blanked(pictures[some], lungs(some))
    return out


def widened(masks: Tensor) -> Tensor:
    """Give masks (N, 1, side, side) grown by about six pixels with a soft edge; worked out at a quarter of the side."""
    coarse = F.max_pool2d(F.max_pool2d(masks, 4, 4), 3, 1, 1)
    return F.interpolate(coarse, size=masks.shape[2:], mode="bilinear")


def lungs_blanked(pictures: Tensor, masks: Tensor) -> Tensor:
    """Fill the lungs of pictures (N, 1, side, side) with the mean grey level of what lies around them."""
    outside = (widened(masks) < 0.3).float()  # noqa: PLR2004 - includes the mask's soft edge
    mean = (pictures * outside).sum(dim=(2, 3), keepdim=True) / outside.sum(dim=(2, 3), keepdim=True).clamp_min(1.0)
    return pictures * outside + mean * (1.0 - outside)
