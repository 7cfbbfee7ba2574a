"""The only way from a radiograph to a model's input; training and triage both call it.

A different resize operator costs points of sensitivity, so the operator is named in the manifest and carried out here
and nowhere else.

References
----------
Pillow, `Image.resize` with `Resampling.BILINEAR`: the filter's support grows with the shrinking factor.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lingula.errors import NotEligible
from lingula.modelpackage.manifest import Preprocessing
from lingula.radiology.radiograph import Pixels, Radiograph

ModelInput = NDArray[np.float32]
"""Shape (1, 1, height, width), 0-1, bone bright."""

DEFAULT_PREPROCESSING = Preprocessing(
    height=224,
    width=224,
    resize="pillow-bilinear-antialiased",
    scale_divisor=255.0,
    shortest_side=100,
    decode_at_least=448,
)


def resize_pixels(pixels: Pixels, preprocessing: Preprocessing) -> Pixels:
    """Shrink or enlarge to the manifest's height and width; the aspect ratio is not kept.

    Parameters
    ----------
    pixels
        Shape (rows, columns), uint8.

    Returns
    -------
    Pixels
        Shape (height, width), uint8; the same array if the size is right already.
    """
    size = (preprocessing.width, preprocessing.height)
    if pixels.shape == (preprocessing.height, preprocessing.width):
        return pixels
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))


def prepare(radiograph: Radiograph, preprocessing: Preprocessing) -> ModelInput:
    """Turn a radiograph into what the model was trained on.

    Parameters
    ----------
    radiograph
        Pixels of any size, uint8, bone bright.

    Returns
    -------
    ModelInput
        float32 of shape (1, 1, height, width), 0-1.

    Raises
    ------
    NotEligible
        If a side is shorter than `shortest_side` pixels or the pixels are constant.
    """
    shortest = min(radiograph.rows, radiograph.columns)
    if shortest < preprocessing.shortest_side:
        raise NotEligible(
            f"the picture's shortest side has {shortest} pixels; at least {preprocessing.shortest_side} are needed: "
            "send the original, not a thumbnail"
        )
    resized = resize_pixels(radiograph.pixels, preprocessing)
    if resized.min() == resized.max():
        raise NotEligible(f"every pixel has the same grey level {int(resized.min())}: there is no picture")
    scaled = resized.astype(np.float32) / np.float32(preprocessing.scale_divisor)
    return scaled[np.newaxis, np.newaxis]
