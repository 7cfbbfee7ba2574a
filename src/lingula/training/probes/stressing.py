"""What a package says of the same radiographs changed in ways that leave the disease as it was, or take it away.

Ranking can hold while a threshold breaks, so each change is measured at the package's rule-out point too, and by how
many radiographs it would now refuse. A change of the lungs' surroundings should change little; without lungs nothing
should be left to rank by.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lingula.errors import TrainingError
from lingula.modelpackage.manifest import Estimate, Manifest
from lingula.radiology.radiograph import Pixels
from lingula.training.probes.sample import LUNG, Judge, Sample, Told, enlarged
from lingula.training.probes.stress import STRESSES, blank_lungs, blank_outside
from lingula.training.statistics.intervals import Scores
from lingula.training.statistics.metrics import auroc_interval, decide, weighted_auroc
from lingula.training.statistics.paired import clustered_difference

_UNCHANGED = "as they are"
_WITHOUT_LUNGS, _LUNGS_ONLY = "lungs blanked", "all but the lungs blanked"


@dataclass(frozen=True, kw_only=True)
class Stressed:
    """One change of the radiographs and what became of the package's answers.

    Parameters
    ----------
    auroc, difference
        Ranking of the changed radiographs, and that minus the ranking of the same ones unchanged; None where a set
        has too few patients of one label.
    sensitivity, specificity
        Of the changed radiographs at the package's rule-out threshold.
    same_band
        Share that a doctor would see in the same band.
    refused
        Share whose novelty is beyond the package's limit.
    moved
        Mean absolute change of the probability.
    """

    name: str
    auroc: Estimate | None
    difference: Estimate | None
    sensitivity: float
    specificity: float
    same_band: float
    refused: float
    moved: float


@dataclass(frozen=True, kw_only=True)
class StressProbe:
    """Everything that was changed: nothing, the picture, the lungs, all but the lungs."""

    unchanged: Stressed
    stressed: tuple[Stressed, ...]
    lungs_blanked: Stressed
    surroundings_blanked: Stressed

    @property
    def worst(self) -> Stressed:
        """The stress under which ranking suffers most; the unchanged where ranking could not be measured."""
        ranked = [entry for entry in self.stressed if entry.auroc is not None]
        return min(ranked, key=lambda entry: 1.0 if entry.auroc is None else entry.auroc.value, default=self.unchanged)


def probe_stress(judge: Judge, sample: Sample, manifest: Manifest, told: Told) -> StressProbe:
    """Change the radiographs in every way and judge them again.

    The lungs that are blanked are those the package itself finds on the unchanged radiograph.
    """
    measured = {}
    before: Scores | None = None
    for name, pictures in _changed(judge, sample):
        told(name)
        after = judge(pictures, "probability", "novelty")
        probabilities = after["probability"][:, 0].astype(np.float64)
        before = probabilities if before is None else before
        refused = float((after["novelty"][:, 0] > manifest.novelty.limit).mean())
        measured[name] = _measure(name, sample, (before, probabilities), refused, manifest)
    return StressProbe(
        unchanged=measured.pop(_UNCHANGED),
        lungs_blanked=measured.pop(_WITHOUT_LUNGS),
        surroundings_blanked=measured.pop(_LUNGS_ONLY),
        stressed=tuple(measured.values()),
    )


def _changed(judge: Judge, sample: Sample) -> Iterator[tuple[str, Pixels]]:
    yield _UNCHANGED, sample.pictures
    for name, stress in STRESSES.items():
        yield name, stress(sample.pictures)
    lungs = found_lungs(judge, sample.pictures)
    yield _WITHOUT_LUNGS, blank_lungs(sample.pictures, lungs)
    yield _LUNGS_ONLY, blank_outside(sample.pictures, lungs)


def found_lungs(judge: Judge, pictures: Pixels) -> NDArray[np.bool_]:
    """Give the lungs that the graph finds, shape (N, height, width) like the pictures."""
    masks = judge(pictures, "lung_mask")["lung_mask"][:, 0]
    return enlarged(masks, (pictures.shape[1], pictures.shape[2])) > LUNG


def _measure(
    name: str, sample: Sample, probabilities: tuple[Scores, Scores], refused: float, manifest: Manifest
) -> Stressed:
    before, after = probabilities
    points = manifest.operating_points
    decided = decide(sample.labels, after, points.rule_out.threshold)
    bands = [[points.band(float(each)) for each in side] for side in probabilities]
    return Stressed(
        name=name,
        auroc=auroc_interval(sample.labels, after, sample.patients),
        difference=_difference(sample, before, after),
        sensitivity=decided.sensitivity,
        specificity=decided.specificity,
        same_band=float(np.mean([one is other for one, other in zip(*bands, strict=True)])),
        refused=refused,
        moved=float(np.abs(after - before).mean()),
    )


def _difference(sample: Sample, before: Scores, after: Scores) -> Estimate | None:
    try:
        return clustered_difference(weighted_auroc, sample.labels, (after, before), sample.patients).difference
    except TrainingError:  # too few patients of one label
        return None
