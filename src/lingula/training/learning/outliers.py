"""Pictures that are no upright frontal chest radiographs, made from those that are and from nothing.

The lung finder learns to tell them apart, so that a knee, a photograph, a CT slice or a picture lying on its side is
refused instead of assessed. None of them is a picture somebody took; real photographs and CT slices are kept for tests.

References
----------
"A knee cannot have lung disease" (Calli et al. 2019): in-distribution voting with outliers. Lee et al. 2001, dead
leaves as a model of natural images.
"""

import torch
from torch import Generator, Tensor
from torch.nn import functional as F  # noqa: N812 - the name everybody knows

KINDS = 11


def outliers(pictures: Tensor, generator: Generator) -> Tensor:
    """Turn each of (N, 1, h, w) chest radiographs in 0-1 into something else, the kinds in equal shares."""
    kinds = torch.randint(KINDS, (len(pictures),), generator=generator).tolist()
    return torch.stack([_outlier(picture, kind, generator) for picture, kind in zip(pictures, kinds, strict=True)])


def _outlier(picture: Tensor, kind: int, generator: Generator) -> Tensor:  # noqa: PLR0911 - a table of kinds
    """Give one outlier (1, h, w)."""
    match kind:
        case 0 | 1:  # lying on its side or upside down
            return torch.rot90(picture, int(torch.randint(1, 4, (1,), generator=generator)), dims=(1, 2))
        case 2:
            return picture.flip(1)
        case 3 | 4:  # polarity inverted
            return 1.0 - picture
        case 5:
            return _noise(picture.shape[-1], generator)
        case 6 | 7:
            return _leaves(picture.shape[-1], generator)
        case 8:
            return _phantom(picture.shape[-1], generator)
        case 9:
            return _shuffled(picture, generator)
        case _:
            return _detail(picture, generator)


def _number(low: float, high: float, generator: Generator) -> float:
    return low + (high - low) * float(torch.rand(1, generator=generator))


def _noise(side: int, generator: Generator) -> Tensor:
    """Make white to cloudy noise, from fine to nearly blank."""
    cells = int(2 ** _number(1.0, 7.5, generator))
    field = F.interpolate(torch.rand((1, 1, cells, cells), generator=generator), size=(side, side), mode="bicubic")[0]
    grain = torch.rand((1, side, side), generator=generator)
    return (field * _number(0.05, 1.0, generator) + grain * _number(0.0, 0.3, generator)).clamp(0.0, 1.0)


def _ellipse(side: int, centre: tuple[float, float], radii: tuple[float, float], turn: float) -> Tensor:
    """Give a (side, side) boolean ellipse; places and radii in 0-1 of the side."""
    along = (torch.arange(side) + 0.5) / side
    x, y = along[None, :] - centre[0], along[:, None] - centre[1]
    cos, sin = torch.cos(torch.tensor(turn)), torch.sin(torch.tensor(turn))
    return ((x * cos + y * sin) / radii[0]) ** 2 + ((y * cos - x * sin) / radii[1]) ** 2 < 1.0


def _leaves(side: int, generator: Generator) -> Tensor:
    """Make dead leaves, opaque shapes of all sizes one on another: what photographs look like to a small network."""
    out = torch.full((side, side), _number(0, 1, generator))
    along = torch.arange(side)
    for _ in range(int(_number(6, 60, generator))):
        size = min(0.45, 0.04 / max(_number(0, 1, generator), 0.02))
        level, x, y = (_number(0, 1, generator) for _ in range(3))
        if _number(0, 1, generator) < 0.5:  # noqa: PLR2004 - half ellipses, half boxes
            shape = _ellipse(side, (x, y), (size, size * _number(0.3, 1.0, generator)), _number(0, 3.14, generator))
        else:
            near_x, near_y = (along - x * side).abs() < size * side, (along - y * side).abs() < size * side
            shape = near_x[None, :] & near_y[:, None]
        shade = level + _number(-0.3, 0.3, generator) * (along[None, :] / side - x)
        out = torch.where(shape, shade.expand(side, side), out)
    grain = torch.rand((side, side), generator=generator) - 0.5
    return (out + grain * _number(0, 0.25, generator)).clamp(0.0, 1.0)[None]


def _phantom(side: int, generator: Generator) -> Tensor:
    """Make a bright body with organs on black: what CT and MR slices look like."""
    out = torch.zeros((side, side))
    half = (_number(0.25, 0.48, generator), _number(0.2, 0.45, generator))
    body = _ellipse(side, (0.5, 0.5), half, _number(-0.3, 0.3, generator))
    out = torch.where(body, torch.tensor(_number(0.3, 0.7, generator)), out)
    for _ in range(int(_number(3, 25, generator))):
        x, y = (0.5 + half[axis] * _number(-0.8, 0.8, generator) for axis in (0, 1))
        radii = (_number(0.01, 0.18, generator), _number(0.01, 0.18, generator))
        organ = _ellipse(side, (x, y), radii, _number(0, 3.14, generator)) & body
        out = torch.where(organ, torch.tensor(_number(0.0, 1.0, generator)), out)
    out = F.avg_pool2d(F.pad(out[None, None], (2, 2, 2, 2), mode="replicate"), 5, 1)[0, 0]
    grain = torch.rand((side, side), generator=generator) - 0.5
    return (out + grain * _number(0, 0.15, generator)).clamp(0.0, 1.0)[None]


def _shuffled(picture: Tensor, generator: Generator) -> Tensor:
    """Lay the picture's own tiles in another order: right texture, no anatomy."""
    tiles = (2, 4, 7)[int(torch.randint(3, (1,), generator=generator))]
    size = picture.shape[-1] // tiles
    cut = picture[0, : size * tiles, : size * tiles].reshape(tiles, size, tiles, size).permute(0, 2, 1, 3)
    order = torch.randperm(tiles * tiles, generator=generator).roll(1)
    mixed = cut.reshape(tiles * tiles, size, size)[order].reshape(tiles, tiles, size, size)
    whole = mixed.permute(0, 2, 1, 3).reshape(1, 1, size * tiles, size * tiles)
    return F.interpolate(whole, size=picture.shape[1:], mode="bilinear")[0]


def _detail(picture: Tensor, generator: Generator) -> Tensor:
    """Enlarge a small part: bones and soft tissue without a chest, as other body parts show."""
    side = picture.shape[-1]
    part = int(side * _number(0.15, 0.35, generator))
    top, left = (int(_number(0, side - part, generator)) for _ in range(2))
    cut = picture[None, :, top : top + part, left : left + part]
    return F.interpolate(cut, size=(side, side), mode="bicubic")[0].clamp(0.0, 1.0)
