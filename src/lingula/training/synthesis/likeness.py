"""How close a picture comes to any training picture: the check that a sample shows no patient.

Compared is what identifies somebody, fine detail (ribs, vessels, borders) in the chest after the lungs were laid over
each other; brightness and framing play no part. 1 is the same picture. The yardstick is how alike the two most alike
pictures of different patients are.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from lingula.training.synthesis.cohort import Cohort, laid_over
from lingula.training.synthesis.registration import local_contrast

_SIDE = 112  # pixels of the comparison
_DETAIL = 3.0  # pixels; structures wider than about twice this play no part
_BATCH = 64


def details(pictures: Tensor) -> Tensor:
    """Give normalised fine detail of laid-over pictures.

    Parameters
    ----------
    pictures
        Shape (n, at least 1, 224, 224), pixels 0-1 first.

    Returns
    -------
    Tensor
        Shape (n, d), each of length 1.
    """
    smaller = functional.avg_pool2d(pictures[:, :1], pictures.shape[-1] // _SIDE)
    contrast = local_contrast(smaller, _DETAIL)
    chest = contrast[:, 0, _SIDE // 10 : -_SIDE // 10, _SIDE // 10 : -_SIDE // 10].flatten(1)
    return functional.normalize(chest - chest.mean(1, keepdim=True))


def details_of_all(cohort: Cohort) -> Tensor:
    """Give the details of every picture of a cohort."""
    everyone = np.arange(len(cohort.pixels))
    parts = [details(laid_over(cohort, everyone[first : first + _BATCH])) for first in range(0, len(everyone), _BATCH)]
    return torch.cat(parts)


def nearest(some: Tensor, others: Tensor) -> NDArray[np.float32]:
    """Give each one's greatest likeness to any of the others, shape (n,)."""
    return (some @ others.T).max(1).values.numpy()


def nearest_other_patient(everyone: Tensor, patients: list[str]) -> NDArray[np.float32]:
    """Give each picture's greatest likeness to one of another patient, shape (n,)."""
    _, person = np.unique(patients, return_inverse=True)
    likeness = everyone @ everyone.T
    same = torch.from_numpy(person[:, None] == person[None])
    return likeness.masked_fill(same, -1.0).max(1).values.numpy()
