"""From a chest in the atlas' frame to a film of full size: sharpened, grainy, collimated, marked SYNTHETIC.

Size, framing and grain are drawn alike for both classes: they must not tell which is which.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn import functional

from lingula.training.synthesis.cohort import SIDE
from lingula.training.synthesis.drawing import Chest
from lingula.training.synthesis.registration import invert_field, sample_at, smooth

Film = NDArray[np.float32]
"""Shape (rows, columns), 0-1, bone bright."""

MARK = "SYNTHETIC"
_FINER = 4  # times the atlas' pixels, before sharpening
_SMOOTHING = 2.2  # finer pixels; hides the coarse lattice
_SHARPENING = ((5.0, 1.3), (12.0, 0.4))  # standard deviation in finer pixels, strength: what averaging has blurred
_TILT_DEGREES = 2.0  # standard deviation; real films are about as crooked
_NARROWEST, _WIDEST = 1000, 1320  # columns
_SHAPE = (1.12, 1.42)  # columns by rows
_CURVE = 0.1  # standard deviation of the logarithm of gamma: atlases vary less in exposure than films
_UNCOLLIMATED = 0.6  # share of films without an unexposed border


@dataclass(frozen=True, kw_only=True)
class FilmSize:
    """Rows and columns of a film."""

    rows: int
    columns: int


def draw_size(random: np.random.Generator) -> FilmSize:
    """Draw a size like those that hospitals send; multiples of eight waste nothing in JPEG."""
    columns = int(random.integers(_NARROWEST // 8, _WIDEST // 8 + 1)) * 8
    return FilmSize(columns=columns, rows=round(columns / random.uniform(*_SHAPE) / 8) * 8)


def inside_frame(frame: NDArray[np.float32]) -> NDArray[np.float32]:
    """Narrow a frame until the film shows nothing that the atlas does not.

    Parameters
    ----------
    frame
        Row scale, row shift, column scale, column shift.
    """
    narrowed = []
    for scale, shift in (frame[:2], frame[2:]):
        first, last = max(-shift / scale, 0.0), min((SIDE - 1 - shift) / scale, SIDE - 1.0)
        wider = (SIDE - 1) / (last - first)
        narrowed += [wider, -first * wider]
    return np.array(narrowed, dtype=np.float32)


def develop(chest: Chest, size: FilmSize, random: np.random.Generator) -> Film:
    """Give the film of a chest, without marks.

    Parameters
    ----------
    chest
        Its frame should have been narrowed by `inside_frame`.
    size
        Rows and columns of the film.
    random
        Tilt, exposure, grain and collimation.
    """
    texture = _sharpened(chest.texture)
    places = sample_at(invert_field(chest.field), _places(chest.frame, size, random))
    picture = sample_at(texture, (places + 0.5) * _FINER - 0.5, mode="bicubic")
    picture = _exposed(picture.clamp(0, 1), random)
    picture = picture + _grain(picture, random)
    return (picture * _collimation(size, random)).clamp(0, 1)[0, 0].numpy()


def marked(film: Film, random: np.random.Generator) -> Film:
    """Write SYNTHETIC into the upper right corner and R beside the right shoulder, as technicians do."""
    rows, columns = film.shape
    overlay = Image.new("L", (columns, rows), 0)
    pen = ImageDraw.Draw(overlay)
    small, large = ImageFont.load_default(columns / 62), ImageFont.load_default(columns / random.uniform(24, 34))
    pen.text((columns * 0.985, rows * 0.015), MARK, fill=215, font=small, anchor="ra")
    pen.text((columns * 0.018, rows * random.uniform(0.12, 0.4)), "R", fill=250, font=large)
    written: Film = np.asarray(overlay, dtype=np.float32) / np.float32(255)
    return np.where(written > film, written, film)


def _sharpened(texture: Tensor) -> Tensor:
    """Enlarge the texture and bring back edges, shape (1, 1, 224 * _FINER, 224 * _FINER)."""
    side = SIDE * _FINER
    finer = functional.interpolate(texture[None, None], size=(side, side), mode="bicubic", align_corners=False)
    finer = smooth(finer, _SMOOTHING)
    for sigma, strength in _SHARPENING:
        detail = finer - smooth(finer, sigma)
        finer = finer + strength * detail * torch.exp(-((detail / 0.12) ** 2))  # strong edges get no halo
    return finer


def _places(frame: NDArray[np.float32], size: FilmSize, random: np.random.Generator) -> Tensor:
    """Give for each pixel of the film its place in the chest's own shape, shape (1, 2, rows, columns)."""
    angle = float(np.radians(random.normal() * _TILT_DEGREES).clip(-0.07, 0.07))
    down = (torch.arange(size.rows, dtype=torch.float32) + 0.5) / size.rows - 0.5
    right = (torch.arange(size.columns, dtype=torch.float32) + 0.5) / size.columns - 0.5
    rows, columns = torch.meshgrid(down, right, indexing="ij")
    shape = size.columns / size.rows
    turned_rows = rows * np.cos(angle) + columns * np.sin(angle) * shape
    turned_columns = columns * np.cos(angle) - rows * np.sin(angle) / shape
    squashed = (torch.stack([turned_rows, turned_columns])[None] + 0.5) * SIDE - 0.5
    scales = torch.from_numpy(frame[[0, 2]])[None, :, None, None]
    shifts = torch.from_numpy(frame[[1, 3]])[None, :, None, None]
    return (squashed - shifts) / scales


def _exposed(picture: Tensor, random: np.random.Generator) -> Tensor:
    """Vary gamma and contrast a little, and let the rim fall off."""
    rows, columns = picture.shape[-2:]
    curved = picture ** float(np.exp(random.normal() * _CURVE))
    contrasted = 0.5 + (curved - 0.5) * float(random.uniform(1.0, 1.15))
    down, right = torch.linspace(-1, 1, rows)[:, None], torch.linspace(-1, 1, columns)[None]
    return contrasted.clamp(0, 1) * (1 - 0.05 * (down**2 + right**2))


def _grain(picture: Tensor, random: np.random.Generator) -> Tensor:
    """Draw quantum mottle and the finest lung markings: noise of three sizes that grows with brightness."""
    total = torch.zeros_like(picture)
    for sigma, strength in ((0.8, 0.011), (2.2, 0.007), (5.0, 0.006)):
        noise = smooth(torch.from_numpy(random.standard_normal(picture.shape, dtype=np.float32)), sigma)
        total = total + noise / noise.std() * strength
    return total * picture.clamp(0, 1).sqrt()


def _collimation(size: FilmSize, random: np.random.Generator) -> Tensor:
    """Give 1 where the beam was open; on some films a border stays unexposed."""
    if random.uniform() < _UNCOLLIMATED:
        return torch.ones(1, 1, 1, 1)
    shadow = torch.ones(size.rows, size.columns)
    for axis, length in enumerate((size.rows, size.columns)):
        near, far = (random.uniform(0, 0.02, size=2) * length).astype(int)
        along = torch.arange(length)
        open_here = ((along >= int(near)) & (along < length - int(far))).float()
        shadow = shadow * (open_here[:, None] if axis == 0 else open_here[None])
    return smooth(shadow[None, None], 1.2)


def squashed_to_common_size(film: Film) -> NDArray[np.uint8]:
    """Shrink a film to the data set's 224 x 224, as its pictures were."""
    eight_bit = (film * 255).round().astype(np.uint8)
    return np.asarray(Image.fromarray(eight_bit).resize((SIDE, SIDE), Image.Resampling.BILINEAR))
