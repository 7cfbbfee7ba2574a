"""Chests drawn with a few ellipses: to try every step without a single radiograph, in seconds.

They look like no patient and teach nothing about pneumonia; the tests and the notebooks train on them because networks
learn to find their lungs and their opacities at once.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lingula.radiology.radiograph import Pixels

SIDE = 224
PLAIN = 0.35  # of the grey levels 0-1: how much brighter than a lung an opacity is that nobody overlooks
TABLE = "data.csv"


@dataclass(frozen=True, kw_only=True)
class DrawnChest:
    """A chest, its lungs' mask and whether an opacity was drawn."""

    pixels: Pixels
    mask: Pixels
    has_opacity: bool


def drawn_chest(seed: int, *, has_opacity: bool, faintest: float = PLAIN) -> DrawnChest:
    """Draw bright tissue, two dark lungs that differ from chest to chest, ribs, grain, and perhaps a bright patch.

    The patch is as bright as any number from `faintest` to `PLAIN`.
    """
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE

    def ellipse(centre: tuple[float, float], radii: tuple[float, float]) -> NDArray[np.bool_]:
        return np.asarray(((x - centre[0]) / radii[0]) ** 2 + ((y - centre[1]) / radii[1]) ** 2 < 1)

    shift = rng.uniform(-0.04, 0.04, 2)
    height, width = rng.uniform(0.24, 0.32), rng.uniform(0.12, 0.16)
    lungs = ellipse((0.32 + shift[0], 0.45 + shift[1]), (width, height))
    lungs |= ellipse((0.68 + shift[0], 0.45 + shift[1]), (width, height))
    picture = np.where(ellipse((0.5, 0.5), (0.48, 0.6)), 0.7, 0.05)
    picture = np.where(lungs, 0.25, picture) + 0.06 * np.sin(40 * y + 4 * (x - 0.5) ** 2)
    opacity = np.zeros_like(lungs)
    if has_opacity:
        side = 0.32 if rng.random() < 0.5 else 0.68  # noqa: PLR2004  left or right, as likely as not
        spot = ellipse((side + shift[0], rng.uniform(0.35, 0.6)), (0.09, 0.1))
        opacity = spot & lungs
    grain = rng.normal(0, 0.02, picture.shape)
    picture = np.where(opacity, picture + rng.uniform(faintest, PLAIN), picture) + grain
    return DrawnChest(
        pixels=(picture.clip(0, 1) * 255).astype(np.uint8),
        mask=np.where(lungs, 255, 0).astype(np.uint8),
        has_opacity=has_opacity,
    )


def write_drawn_chests(folder: Path, count: int, *, first: int = 0, faintest: float = PLAIN) -> Path:
    """Write `count` chests of count / 2 patients with masks and a table ``data.csv``, and give the table.

    Parameters
    ----------
    first
        The number of the first chest; chests of one number are always the same, of two numbers never.
    faintest
        How little brighter than a lung an opacity may be, in grey levels 0-1: some below 0.1 are hard to find, so that
        networks err, as they do on radiographs.
    """
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    (folder / "masks").mkdir(exist_ok=True)
    with (folder / TABLE).open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image_path", "label", "patient_id", "finding"])
        for number in range(first, first + count):
            patient = number // 2
            chest = drawn_chest(number, has_opacity=patient % 2 == 1, faintest=faintest)
            Image.fromarray(chest.pixels).save(folder / "pictures" / f"chest{number}.png")
            Image.fromarray(chest.mask).save(folder / "masks" / f"chest{number}.png")
            finding = "bacteria" if chest.has_opacity else "normal"
            table.writerow([f"pictures/chest{number}.png", int(chest.has_opacity), f"patient{patient}", finding])
    return folder / TABLE
