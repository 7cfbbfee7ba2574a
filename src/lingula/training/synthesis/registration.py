"""Dense registration of chest radiographs: demons on locally normalised pixels and lung masks.

Ribs are thin and periodic: averaging patients keeps them only if each is warped onto the others first. Fields
are displacements (N, 2, rows, columns) in pixels of their own size: the aligned picture at p is the moving one at
p + field.

References
----------
Thirion, "Image matching as a diffusion process: an analogy with Maxwell's demons", Med Image Anal 2 (1998) 243-260.
"""

import torch
from torch import Tensor
from torch.nn import functional

_INVERSION_STEPS = 12  # fixed-point steps; the fields are smooth, six already settle to a tenth of a pixel
_FLUID, _BATCH = 1.2, 8  # smoothing of each step in pixels; pictures at once (stays in the processor's cache)
_CLIP = 2.5  # local standard deviations; markers and wires must not pull


def smooth(stack: Tensor, sigma: float) -> Tensor:
    """Blur with a Gaussian of `sigma` pixels; edges are repeated. Shape (N, C, rows, columns)."""
    radius = max(1, round(3 * sigma))
    steps = torch.arange(-radius, radius + 1, dtype=torch.float32)
    kernel = torch.exp(-(steps**2) / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    planes = stack.reshape(-1, 1, stack.shape[2], stack.shape[3])
    planes = functional.pad(planes, (radius, radius, 0, 0), mode="replicate")
    planes = functional.conv2d(planes, kernel[None, None, None, :])
    planes = functional.pad(planes, (0, 0, radius, radius), mode="replicate")
    return functional.conv2d(planes, kernel[None, None, :, None]).reshape(stack.shape)


def local_contrast(stack: Tensor, sigma: float) -> Tensor:
    """Give each pixel's distance from its surroundings in local standard deviations, clipped."""
    deviation = stack - smooth(stack, sigma)
    spread = torch.sqrt(smooth(deviation**2, sigma) + 1e-4)
    return (deviation / spread).clamp(-_CLIP, _CLIP)


def grid(size: int) -> Tensor:
    """Give row and column of every pixel, shape (1, 2, size, size)."""
    steps = torch.arange(size, dtype=torch.float32)
    return torch.stack(torch.meshgrid(steps, steps, indexing="ij"))[None]


def sample_at(stack: Tensor, places: Tensor, mode: str = "bilinear") -> Tensor:
    """Read a stack at places (N, 2, rows, columns) in its own pixels; beyond the edge its last pixel is repeated."""
    rows, columns = stack.shape[-2:]
    where = torch.stack([(places[:, 1] + 0.5) / columns * 2 - 1, (places[:, 0] + 0.5) / rows * 2 - 1], -1)
    return functional.grid_sample(stack, where, mode=mode, padding_mode="border", align_corners=False)


def enlarge_field(field: Tensor, size: int) -> Tensor:
    """Bring a field to another size; displacements grow with it."""
    larger = functional.interpolate(field, size=(size, size), mode="bilinear", align_corners=False)
    return larger * (size / field.shape[-1])


def invert_field(field: Tensor) -> Tensor:
    """Give the places in the aligned frame that land on each pixel of the deformed one, shape as `field`."""
    here = grid(field.shape[-1])
    places = here.expand(field.shape)
    for _ in range(_INVERSION_STEPS):
        places = here - sample_at(field, places)
    return places


def register(moving: Tensor, fixed: Tensor, start: Tensor, steps: int, stiffness: float) -> Tensor:
    """Warp each moving stack of features onto one fixed stack.

    Parameters
    ----------
    moving
        Shape (N, C, size, size).
    fixed
        Shape (1, C, size, size).
    start
        Fields to begin with, shape (N, 2, size, size).
    steps
        Steps of at most one pixel each.
    stiffness
        Standard deviation in pixels of the smoothing of the field after each step.

    Returns
    -------
    Tensor
        Fields, shape (N, 2, size, size).
    """
    here, slopes = grid(fixed.shape[-1]), _slopes(fixed)
    done = []
    for first in range(0, len(moving), _BATCH):
        features, field = moving[first : first + _BATCH], start[first : first + _BATCH]
        for _ in range(steps):
            push = _push(sample_at(features, here + field), fixed, slopes)
            field = smooth(field + smooth(push, _FLUID), stiffness)
        done.append(field)
    return torch.cat(done)


def _push(warped: Tensor, fixed: Tensor, slopes: tuple[Tensor, Tensor]) -> Tensor:
    """Give the demons' force of one step, at most one pixel long."""
    difference = fixed - warped
    down, right = ((ours + theirs) / 2 for ours, theirs in zip(slopes, _slopes(warped), strict=True))
    steepness = (down**2 + right**2).sum(1, keepdim=True) + 0.15 * (difference**2).sum(1, keepdim=True) + 1e-3
    force = torch.cat(
        [(difference * down).sum(1, keepdim=True) / steepness, (difference * right).sum(1, keepdim=True) / steepness], 1
    )
    return force * torch.clamp(1.0 / (force.norm(dim=1, keepdim=True) + 1e-6), max=1.0)


def _slopes(stack: Tensor) -> tuple[Tensor, Tensor]:
    """Give central differences down and right."""
    tall = functional.pad(stack, (0, 0, 1, 1), mode="replicate")
    wide = functional.pad(stack, (1, 1, 0, 0), mode="replicate")
    return (tall[..., 2:, :] - tall[..., :-2, :]) / 2, (wide[..., 2:] - wide[..., :-2]) / 2
