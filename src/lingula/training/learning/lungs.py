"""Lung masks drawn by people, matched to radiographs by name."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lingula.errors import TrainingError
from lingula.training.learning.augment import Pictures

_FEWEST = 50  # below this a segmenter learns nothing worth trusting


@dataclass(frozen=True, kw_only=True)
class LungMasks:
    """Masks (M, side, side), 0 or 255, and the rows (M,) of the data set they belong to."""

    rows: NDArray[np.int64]
    masks: Pictures

    def among(self, rows: NDArray[np.intp]) -> "LungMasks":
        """Keep the masks of some rows, and number them within those rows."""
        place = {int(row): number for number, row in enumerate(rows)}
        kept = [number for number, row in enumerate(self.rows.tolist()) if row in place]
        return LungMasks(rows=np.array([place[int(self.rows[k])] for k in kept], np.int64), masks=self.masks[kept])


def read_lung_masks(folder: Path, names: NDArray[np.str_], side: int) -> LungMasks:
    """Read ``NAME.png`` for each radiograph whose file name without ending is NAME.

    Parameters
    ----------
    names
        Shape (N,); paths or file names of the radiographs, in the data set's order.

    Raises
    ------
    TrainingError
        If the folder has too few masks for these radiographs, or one cannot be read.
    """
    rows, masks = [], []
    for row, name in enumerate(names.tolist()):
        path = folder / f"{Path(name).stem}.png"
        if not path.is_file():
            continue
        try:
            mask = Image.open(path).convert("L").resize((side, side), Image.Resampling.BILINEAR)
        except OSError as error:
            raise TrainingError(f"lung mask {path.name} cannot be read: {error}; remove or replace it") from error
        rows.append(row)
        masks.append(np.where(np.asarray(mask) > 127, np.uint8(255), np.uint8(0)))  # noqa: PLR2004 - half of the range
    if len(rows) < _FEWEST:
        raise TrainingError(f"{len(rows)} lung masks in {folder} belong to these radiographs; {_FEWEST} are needed")
    return LungMasks(rows=np.array(rows, np.int64), masks=np.stack(masks))
