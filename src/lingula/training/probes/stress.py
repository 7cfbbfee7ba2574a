"""The same radiographs as another hospital might send them: reframed, softer, sharper, recompressed, re-exposed.

None of this changes whether there is pneumonia, so none should change what a model says; what falls most tells what a
model has leant on. The probes at the end take the lungs away, or everything else.

References
----------
Hendrycks D, Dietterich T, ICLR 2019 (corruptions as a measure); DeGrave AJ et al., Nature Machine Intelligence 2021
(shortcuts in chest radiographs).
"""

import io
import math
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from lingula.radiology.radiograph import Pixels

Stress = Callable[[Pixels], Pixels]
"""Takes and gives uint8 of shape (N, height, width)."""

_BLANK_GREY = 128  # the same for every radiograph, so that it tells nothing of the one it stands for
_LEVELS = np.arange(256, dtype=np.float64)


def _each(pixels: Pixels, change: Callable[[Image.Image], Image.Image]) -> Pixels:
    changed = np.empty_like(pixels)
    for place, picture in enumerate(pixels):
        changed[place] = np.asarray(change(Image.fromarray(picture)))
    return changed


def _table(pixels: Pixels, levels: NDArray[np.float64]) -> Pixels:
    """Replace each of the 256 grey levels."""
    table: Pixels = np.rint(np.clip(levels, 0, 255)).astype(np.uint8)
    return table[pixels]


def cropped(pixels: Pixels, *, share: float) -> Pixels:
    """Cut `share` of each side off every edge and enlarge what is left."""

    def change(picture: Image.Image) -> Image.Image:
        width, height = picture.size
        box = (share * width, share * height, (1 - share) * width, (1 - share) * height)
        return picture.resize(picture.size, Image.Resampling.BILINEAR, box=box)

    return _each(pixels, change)


def bordered(pixels: Pixels, *, share: float) -> Pixels:
    """Shrink the picture and put black around it, `share` of each side on every edge."""

    def change(picture: Image.Image) -> Image.Image:
        width, height = picture.size
        left, top = round(share * width), round(share * height)
        inside = picture.resize((width - 2 * left, height - 2 * top), Image.Resampling.BILINEAR)
        around = Image.new("L", picture.size, 0)
        around.paste(inside, (left, top))
        return around

    return _each(pixels, change)


def rotated(pixels: Pixels, *, degrees: float) -> Pixels:
    """Turn counter-clockwise; the corners become black."""
    return _each(pixels, lambda picture: picture.rotate(degrees, Image.Resampling.BILINEAR))


def blurred(pixels: Pixels, *, radius: float) -> Pixels:
    """Blur with a Gaussian of `radius` pixels."""
    return _each(pixels, lambda picture: picture.filter(ImageFilter.GaussianBlur(radius)))


def sharpened(pixels: Pixels, *, percent: int) -> Pixels:
    """Sharpen by an unsharp mask of two pixels."""
    return _each(pixels, lambda picture: picture.filter(ImageFilter.UnsharpMask(2, percent, 0)))


def coarsened(pixels: Pixels, *, factor: float) -> Pixels:
    """Shrink by `factor` and enlarge again: a detector with larger pixels."""

    def change(picture: Image.Image) -> Image.Image:
        width, height = picture.size
        small = picture.resize((round(width / factor), round(height / factor)), Image.Resampling.BILINEAR)
        return small.resize(picture.size, Image.Resampling.BICUBIC)

    return _each(pixels, change)


def recompressed(pixels: Pixels, *, quality: int) -> Pixels:
    """Write and read again as JPEG."""

    def change(picture: Image.Image) -> Image.Image:
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality)
        return Image.open(file)

    return _each(pixels, change)


def contrast_changed(pixels: Pixels, *, factor: float) -> Pixels:
    """Stretch or squeeze grey levels around the middle of the scale."""
    return _table(pixels, (_LEVELS - 127.5) * factor + 127.5)


def gamma_changed(pixels: Pixels, *, gamma: float) -> Pixels:
    """Bend the grey scale; a gamma above 1 darkens."""
    return _table(pixels, 255.0 * np.power(_LEVELS / 255.0, gamma))


def noisy(pixels: Pixels, *, deviation: float) -> Pixels:
    """Add noise of `deviation` grey levels, the same for the same place in the set."""
    rng = np.random.default_rng(0)
    changed = np.empty_like(pixels)
    for place, picture in enumerate(pixels):
        drawn = rng.normal(0, deviation, size=picture.shape)
        changed[place] = np.rint(np.clip(picture + drawn, 0, 255)).astype(np.uint8)
    return changed


STRESSES: dict[str, Stress] = {
    "cropped 4 %": partial(cropped, share=0.04),
    "cropped 8 %": partial(cropped, share=0.08),
    "bordered 6 %": partial(bordered, share=0.06),
    "rotated 6 degrees": partial(rotated, degrees=6.0),
    "rotated -6 degrees": partial(rotated, degrees=-6.0),
    "blurred": partial(blurred, radius=1.2),
    "sharpened": partial(sharpened, percent=150),
    "coarsened": partial(coarsened, factor=2.0),
    "recompressed": partial(recompressed, quality=30),
    "contrast up": partial(contrast_changed, factor=1.4),
    "contrast down": partial(contrast_changed, factor=0.6),
    "darkened": partial(gamma_changed, gamma=1.5),
    "brightened": partial(gamma_changed, gamma=1 / 1.5),
    "noisy": partial(noisy, deviation=8.0),
}
"""By name; each gives a new array and the same one every time."""


def blank_lungs(pixels: Pixels, masks: NDArray[np.bool_], *, margin: float = 0.02) -> Pixels:
    """Paint the lungs, and a margin that hides their edge, one grey; a model that still ranks is not looking at lungs.

    Parameters
    ----------
    masks
        Shape (N, height, width), true inside the lungs.
    margin
        Share of the picture's side by which the lungs are widened.
    """
    return np.where(widened(masks, reach=_reach(masks, margin)), np.uint8(_BLANK_GREY), pixels)


def blank_outside(pixels: Pixels, masks: NDArray[np.bool_], *, margin: float = 0.02) -> Pixels:
    """Paint everything but the lungs and a margin one grey; a model that reads lungs should hold."""
    return np.where(widened(masks, reach=_reach(masks, margin)), pixels, np.uint8(_BLANK_GREY))


def _reach(masks: NDArray[np.bool_], margin: float) -> int:
    return math.ceil(margin * int(masks.shape[1]))


def widened(masks: NDArray[np.bool_], *, reach: int) -> NDArray[np.bool_]:
    """Widen masks (N, height, width) by `reach` pixels in every direction, corners square."""
    along_rows = _reached(masks, reach)
    return _reached(along_rows.transpose(0, 2, 1), reach).transpose(0, 2, 1)


def _reached(masks: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """Widen along the last axis."""
    grown = masks.copy()
    for step in range(1, reach + 1):
        grown[..., step:] |= masks[..., :-step]
        grown[..., :-step] |= masks[..., step:]
    return grown
