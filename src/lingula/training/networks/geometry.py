"""Where a network looks: the box around the lungs, what lies in it resampled, and a map laid back into the frame.

Everything is differentiable, works on batches and is made of sums and matrix products, which every runtime does well.
"""

import torch
from torch import Tensor

from lingula.training.recipe import Sight

FRAME = 224  # pixels: side of the prepared picture
FINDER_SIDE = 112  # pixels: what the lung finder looks at
MAP_SIDE = 56  # cells: side of the lung mask and the activation map
BOX_MASS = 0.02  # share of the lungs' area left outside each edge before the margin is added; robust against specks
BOX_MARGIN = 0.10  # of the box's extent, added at each edge
_NEARLY = 0.02  # of the frame: a box whose every edge is as near to the frame's tells nothing from the whole
WHOLE_FRAME = (0.0, 0.0, 1.0, 1.0)  # left, top, right, bottom


def standardised(pictures: Tensor) -> Tensor:
    """Give each picture (N, 1, h, w) mean 0 and standard deviation 1, so that exposure and window do not matter."""
    mean = pictures.mean(dim=(1, 2, 3), keepdim=True)
    variance = (pictures - mean).square().mean(dim=(1, 2, 3), keepdim=True)
    return (pictures - mean) / (variance + 1e-4).sqrt()


def seen_box(masks: Tensor, sees: Sight) -> Tensor:
    """Give the boxes (N, 4) that a classifier sees of frames with lung masks (N, 1, 56, 56)."""
    if sees is Sight.LUNGS:
        return lung_box(masks)
    return torch.tensor([WHOLE_FRAME], device=masks.device).expand(masks.shape[0], 4)


def fills_frame(box: Tensor) -> Tensor:
    """Tell which boxes (N, 4) are the whole frame, or nearly: (N,), as where the lung finder found no lungs."""
    return (box - torch.tensor([WHOLE_FRAME], device=box.device)).abs().amax(dim=1) <= _NEARLY


def lung_box(mask: Tensor) -> Tensor:
    """Give the box around the lungs as (N, 4): left, top, right, bottom in 0-1 of the frame.

    An edge lies where the lungs' area beyond it is `BOX_MASS` of the whole, moved outwards by `BOX_MARGIN`; it moves
    smoothly with the mask and a speck far away cannot drag it along.
    """
    mass = mask.clamp_min(1e-4)  # an empty mask gives the whole frame, not a division by zero
    left, right = _span(mass.sum(dim=(1, 2)))  # columns
    top, bottom = _span(mass.sum(dim=(1, 3)))  # rows
    return torch.cat([left, top, right, bottom], dim=1)


def _span(profile: Tensor) -> tuple[Tensor, Tensor]:
    """Find where `BOX_MASS` and ``1 - BOX_MASS`` of a profile (N, cells) lie, widened by the margin; each (N, 1)."""
    before = profile.cumsum(dim=1) - profile
    total = profile.sum(dim=1, keepdim=True)

    def quantile(share: float) -> Tensor:
        filled = ((share * total - before) / profile).clamp(0.0, 1.0)  # how much of each cell lies before the quantile
        return filled.sum(dim=1, keepdim=True) / profile.shape[1]

    low, high = quantile(BOX_MASS), quantile(1.0 - BOX_MASS)
    margin = BOX_MARGIN * (high - low)
    return (low - margin).clamp(0.0, 1.0), (high + margin).clamp(0.0, 1.0)


def crop(pictures: Tensor, box: Tensor, side: int) -> Tensor:
    """Resample what lies in the box to (N, 1, side, side) with a triangle filter that widens when it shrinks.

    The filter is separable, so both directions are matrix products, which every runtime does well.
    """
    rows = _sampling(box[:, 1:2], box[:, 3:4], side, pictures.shape[2])  # (N, side, height)
    columns = _sampling(box[:, 0:1], box[:, 2:3], side, pictures.shape[3])  # (N, side, width)
    return (rows @ pictures[:, 0] @ columns.transpose(1, 2))[:, None]


def _sampling(low: Tensor, high: Tensor, outputs: int, inputs: int) -> Tensor:
    """Give the weights (N, outputs, inputs) that resample an axis of `inputs` cells between two places in 0-1."""
    along = (torch.arange(outputs, dtype=torch.float32, device=low.device) + 0.5) / outputs
    wanted = (low + (high - low) * along) * inputs - 0.5  # (N, outputs), in input cells
    support = ((high - low) * inputs / outputs).clamp_min(1.0)  # (N, 1), input cells per output cell
    cells = torch.arange(inputs, dtype=torch.float32, device=low.device)
    weights = (1.0 - (wanted[:, :, None] - cells).abs() / support[:, :, None]).clamp_min(0.0)
    return weights / weights.sum(dim=2, keepdim=True).clamp_min(1e-6)


def pasted(local: Tensor, box: Tensor) -> Tensor:
    """Lay a map of the box (N, 1, h, w) back into the frame as (N, 1, 56, 56), nothing outside the box."""
    rows = _laying(box[:, 1:2], box[:, 3:4], local.shape[2])  # (N, 56, h)
    columns = _laying(box[:, 0:1], box[:, 2:3], local.shape[3])
    return (rows @ local[:, 0] @ columns.transpose(1, 2))[:, None]


def _laying(low: Tensor, high: Tensor, inputs: int) -> Tensor:
    """Give the weights (N, 56, inputs) that lay `inputs` cells between two places of the frame; 0 outside."""
    along = (torch.arange(MAP_SIDE, dtype=torch.float32, device=low.device) + 0.5) / MAP_SIDE
    within = (along - low) / (high - low).clamp_min(1e-3)  # (N, 56), 0-1 inside the box
    wanted = (within * inputs - 0.5).clamp(0.0, inputs - 1.0)
    cells = torch.arange(inputs, dtype=torch.float32, device=low.device)
    weights = (1.0 - (wanted[:, :, None] - cells).abs()).clamp_min(0.0)
    inside = ((within >= 0.0) & (within <= 1.0)).to(weights.dtype)
    return weights * inside[:, :, None]
