"""A radiograph: pixels with polarity and range settled.

Everything that may differ between files (encoding, bit depth, sign, rescale, VOI LUT, polarity, padding) is settled
before a `Radiograph` exists, so a model and a viewer never ask again.

References
----------
DICOM PS3.3 C.7.6.3.1.2 Photometric Interpretation, C.11.1 Modality LUT, C.11.2 VOI LUT.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""Shape (rows, columns), 0-255, bone bright."""


@dataclass(frozen=True, kw_only=True)
class Radiograph:
    """One picture as a doctor would see it.

    Eight bits are what a display shows and what the model's training pictures have; deeper pixels are windowed to them
    first, with rounding, so that every encoding of the same pixels ends within one grey level.

    Parameters
    ----------
    pixels
        Shape (rows, columns), uint8, bone bright (MONOCHROME2). A picture decoded for a model may be smaller than the
        file's own rows and columns, never smaller than what was asked for.
    rows, columns
        The size of the picture in the file.
    """

    pixels: Pixels
    rows: int
    columns: int
