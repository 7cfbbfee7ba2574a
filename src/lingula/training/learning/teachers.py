"""Distillation: the folds' networks, each asked about the patients it never saw, teach the network that is shipped.

A teacher judges the very picture the student sees, changed as it is, and its word is mixed into the target. So a wrong
label is corrected by a network that could not have learnt it by heart.

References
----------
Hinton et al. 2015, distillation. Beyer et al. 2022, "Knowledge distillation: a good teacher is patient and consistent".
Dao et al. 2021, "Knowledge distillation as semiparametric inference": why teachers must be cross-fitted.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name everybody knows

from lingula.training.learning.devices import precisely
from lingula.training.networks import Classifier
from lingula.training.networks.classifier import FINDING_COUNT
from lingula.training.recipe import Precision


@dataclass(frozen=True, kw_only=True)
class Teachers:
    """Networks, and which of them judges each example.

    Parameters
    ----------
    networks
        At least one.
    of
        (N,): for each example the network that never saw its patient.
    """

    networks: tuple[Classifier, ...]
    of: NDArray[np.int64]

    @torch.no_grad()
    def judge(self, pictures: Tensor, rows: Tensor, precision: Precision) -> tuple[Tensor, Tensor]:
        """Give what the examples in `rows` (n,) look like to their teachers.

        Parameters
        ----------
        pictures
            (n, 1, side, side) in 0-1, as the student sees them; a teacher gets them at its own side.
        precision
            In which the student learns.

        Returns
        -------
        tuple[Tensor, Tensor]
            Probability of pneumonia (n, 1), and of each finding (n, 3).
        """
        teacher_of = torch.from_numpy(self.of)[rows]
        pneumonia, findings = torch.zeros(len(rows), 1), torch.zeros(len(rows), FINDING_COUNT)
        for number, network in enumerate(self.networks):
            own = torch.nonzero(teacher_of == number)[:, 0]
            if len(own):
                device = network.pneumonia.weight.device
                seen = _at_side(pictures[own], network.recipe.side).to(device, memory_format=torch.channels_last)
                with precisely(device, precision):
                    answer, finding = network.eval()(seen)
                pneumonia[own] = answer.float().sigmoid().cpu()
                findings[own] = finding.float().softmax(dim=1).cpu()
        return pneumonia, findings


def _at_side(pictures: Tensor, side: int) -> Tensor:
    if pictures.shape[2] == side:
        return pictures
    return F.interpolate(pictures, size=(side, side), mode="bilinear")
