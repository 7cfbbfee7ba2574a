"""What is decided on the tuning set once the weights stand: calibration and the limits of novelty.

The numbers become constants of the graph (`networks.Settlement`), so a package cannot be used without them.

References
----------
Platt 1999, logistic calibration. Lee et al. 2018, Mahalanobis distance; Ledoit & Wolf 2004, why to shrink a covariance.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lingula.training.learning.augment import Pictures
from lingula.training.learning.examples import as_tensor
from lingula.training.learning.outliers import outliers
from lingula.training.learning.train import find_lungs
from lingula.training.networks import Classifier, LungFinder, Settlement, crop, fills_frame, seen_box
from lingula.training.recipe import NoveltyRecipe

_SHRINKAGE = 0.1  # share of the mean variance mixed into the covariance
_AXES = 128  # of the embedding, at most
_CEILING_SHARE = 0.9  # of the tuning set's radiographs have no cell above full activation
_OUTLIERS = 1000  # made to find the gap
_OUTLIER_SHARE = 0.03  # of the outliers may lie below the gap's upper edge
_LEAST_LUNG_SHARE = 0.5  # of the smallest lung area seen


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What two networks say of pictures before anything is settled.

    Parameters
    ----------
    logits, outlier
        (N,): of pneumonia, and of being something else than a chest radiograph.
    embeddings
        (N, E).
    lung
        (N,): the lungs' share of the frame, 0-1.
    peaks
        (N,): the greatest pneumonia logit of a single cell.
    fills_frame
        (N,): whether what the classifier sees is the whole frame, or nearly.
    """

    logits: NDArray[np.float64]
    peaks: NDArray[np.float64]
    outlier: NDArray[np.float64]
    embeddings: Tensor
    lung: NDArray[np.float64]
    fills_frame: NDArray[np.bool_]

    def novelty(self, settled: Settlement) -> NDArray[np.float64]:
        """Give the novelty (N,), 1 at the limit."""
        lung, outlier = (torch.from_numpy(values).float()[:, None] for values in (self.lung, self.outlier))
        return settled.novelty(lung, outlier, self.embeddings)[:, 0].double().numpy()


class Looker:
    """Runs two networks over rows of a data set's pictures (N, 224, 224); rows asked for before are not run again."""

    def __init__(self, finder: LungFinder, classifier: Classifier, pictures: Pictures) -> None:
        self.finder, self.classifier, self.pictures = finder, classifier, pictures
        self._seen: dict[bytes, Observed] = {}

    def at(self, rows: NDArray[np.intp]) -> Observed:
        """Give what the networks say of some rows as they are."""
        key = rows.tobytes()
        if key not in self._seen:
            self._seen[key] = observe(self.finder, self.classifier, self.pictures[rows])
        return self._seen[key]


@torch.no_grad()
def observe(finder: LungFinder, classifier: Classifier, pictures: Pictures) -> Observed:
    """Run both networks over pictures (N, 224, 224)."""
    masks, outlier = find_lungs(finder, pictures)
    seen = classifier.eval().recipe
    boxes = seen_box(masks, seen.sees)
    embeddings, peaks = [], []
    for at in range(0, len(pictures), 64):
        features = classifier.features(crop(as_tensor(pictures[at : at + 64]), boxes[at : at + 64], seen.side))
        embeddings.append(classifier.embed(features))
        peaks.append(classifier.evidence(features).amax(dim=(1, 2, 3)))
    embedding = torch.cat(embeddings)
    logits: Tensor = classifier.pneumonia(embedding)[:, 0]
    return Observed(
        logits=logits.double().numpy(),
        peaks=torch.cat(peaks).double().numpy(),
        outlier=outlier.double().numpy(),
        embeddings=embedding,
        lung=masks.mean(dim=(1, 2, 3)).double().numpy(),
        fills_frame=fills_frame(boxes).numpy(),
    )


@torch.no_grad()
def strange_logits(finder: LungFinder, pictures: Pictures, seed: int) -> NDArray[np.float64]:
    """Give the outlier logits of outliers made from pictures, a thousand at most."""
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(len(pictures), generator=generator)[:_OUTLIERS].numpy()
    made = outliers(as_tensor(pictures[chosen]), generator)
    return np.concatenate(
        [finder.eval()(made[at : at + 64])[1][:, 0].double().numpy() for at in range(0, len(made), 64)]
    )


def settle(
    training: Observed,
    tuning: Observed,
    strange: NDArray[np.float64],
    recipe: NoveltyRecipe,
    *,
    scale: float,
    bias: float,
) -> Settlement:
    """Choose the limits.

    The distance is measured from the training set. Each limit lets through all but the recipe's share of the tuning
    set; the outlier limit moves up to the middle of the gap between that and the outliers, where there is one, because
    another hospital's radiographs will lie a little closer to the outliers than these.

    Parameters
    ----------
    training, tuning
        What the networks say of the radiographs they learnt from, and of those that decide.
    strange
        (K,), the outlier logits of outliers made from the training set; float64.
    scale, bias
        The calibration, ``probability = sigmoid(scale * logit + bias)``: no units, `scale` above 0.

    Returns
    -------
    Settlement
        With a centre of shape (E,) and a whitening of (E, at most 128), where E is the width of the embedding.
    """
    known = float(np.quantile(tuning.outlier, 1.0 - recipe.outlier_share))
    gap = float(np.quantile(strange, _OUTLIER_SHARE)) - known
    centre = training.embeddings.mean(dim=0)
    whitening = _whitening(training.embeddings - centre)
    distances = ((tuning.embeddings - centre) @ whitening).square().mean(dim=1).sqrt().double().numpy()
    return Settlement(
        scale=scale,
        bias=bias,
        ceiling=max(1.0, scale * float(np.quantile(tuning.peaks, _CEILING_SHARE)) + bias),
        outlier_limit=known + max(gap, 0.0) / 2.0,
        distance_limit=recipe.distance_slack * float(np.quantile(distances, 1.0 - recipe.distance_share)),
        centre=centre,
        whitening=whitening,
        least_lung=_LEAST_LUNG_SHARE * float(np.quantile(tuning.lung, 0.001)),
    )


def _whitening(centred: Tensor) -> Tensor:
    """Give (E, kept): the shrunk covariance's main axes, at most `_AXES`, each divided by its spread.

    A wide embedding has more axes than radiographs to measure them on: distances along the small ones would be noise.
    """
    covariance = (centred.T @ centred / len(centred)).double()
    mean_variance = covariance.diagonal().mean()
    covariance = (1 - _SHRINKAGE) * covariance + _SHRINKAGE * mean_variance * torch.eye(len(covariance)).double()
    values, vectors = torch.linalg.eigh(covariance)
    whitening: Tensor = (vectors / values.sqrt())[:, -_AXES:].float()  # ascending: the last vary most
    return whitening
