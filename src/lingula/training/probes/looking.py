"""Where the activation map lies: how much of it inside the lungs, by label, against the share that chance would give.

The map of a network that pools at the end is coarse, so what lies just outside the lungs is counted a second way, with
the lungs widened. Lungs drawn by people answer the question even where the package's own lung finder errs.

References
----------
Saporta A et al., Nature Machine Intelligence 2022 (saliency of chest radiographs against radiologists' drawings).
"""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lingula.errors import TrainingError
from lingula.modelpackage.manifest import Estimate
from lingula.training.data.labelled import LABEL_NAMES
from lingula.training.probes.sample import LUNG, Judge, Sample, enlarged
from lingula.training.probes.stress import widened
from lingula.training.statistics.intervals import Labels, Scores, Weights, clustered_bootstraps

_NEAR = 0.05  # of the side by which lungs are widened
_SILENT = 1e-3  # mean activation below which a map shows nothing
OWN, DRAWN = "the package's own lung mask", "masks drawn by people"

Maps = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Looking:
    """The activation maps of one label's radiographs.

    Parameters
    ----------
    lungs
        Whose lungs: the package's own mask, or masks drawn by people.
    silent
        How many maps show nothing at all; they are in none of the shares.
    inside, near
        Mean share of the map's mass inside the lungs, and inside the lungs widened by a twentieth of the side; None
        where every map is silent.
    peak_inside
        Share of the maps whose highest cell lies inside the lungs.
    lungs_share
        The lungs' mean share of the frame: what a map spread evenly over the picture would have inside.
    """

    lungs: str
    label: str
    radiographs: int
    silent: int
    inside: Estimate | None
    near: Estimate | None
    peak_inside: float | None
    lungs_share: float


@dataclass(frozen=True, kw_only=True)
class LookingProbe:
    """Every label's maps, and how well the package's lungs agree with drawn ones (Dice), if there are any."""

    by_label: tuple[Looking, ...]
    dice: float | None


def probe_looking(judge: Judge, sample: Sample, masks: Path | None) -> LookingProbe:
    """Measure how much of the activation maps lies inside the lungs.

    Parameters
    ----------
    masks
        A folder of lung masks NAME.png, white inside, for radiographs of the same NAME; those without one are left out.

    Raises
    ------
    TrainingError
        If the folder holds a mask for none of the radiographs.
    """
    found = judge(sample.pictures, "activation_map", "lung_mask")
    maps, own = found["activation_map"][:, 0], found["lung_mask"][:, 0] > LUNG
    looked = _by_label(OWN, maps, own, sample)
    if masks is None:
        return LookingProbe(by_label=tuple(looked), dice=None)
    has, drawn = _drawn_masks(sample, masks, (maps.shape[1], maps.shape[2]))
    overlap = (
        2 * (drawn & own[has]).sum(axis=(1, 2)) / np.maximum(1, drawn.sum(axis=(1, 2)) + own[has].sum(axis=(1, 2)))
    )
    looked += _by_label(DRAWN, maps[has], drawn, sample.take(has))
    return LookingProbe(by_label=tuple(looked), dice=float(overlap.mean()))


def _drawn_masks(sample: Sample, masks: Path, shape: tuple[int, int]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    paths = [masks / f"{PurePosixPath(name).stem}.png" for name in sample.names.tolist()]
    has = np.flatnonzero([path.exists() for path in paths])
    if len(has) == 0:
        raise TrainingError(
            f"{masks} has a mask for none of the {len(sample)} radiographs probed; call them NAME.png like the pictures"
        )
    drawn = [np.asarray(Image.open(paths[place]).convert("L"), np.float32) / np.float32(255) for place in has.tolist()]
    return has, np.concatenate([enlarged(each[np.newaxis], shape) for each in drawn]) > LUNG


def _by_label(lungs: str, maps: Maps, masks: NDArray[np.bool_], sample: Sample) -> list[Looking]:
    made = []
    for label in (1, 0):
        rows = np.flatnonzero(sample.labels == label)
        if len(rows) > 0:
            made.append(_looking(lungs, label, maps[rows], masks[rows], sample.take(rows)))
    return made


def _looking(lungs: str, label: int, maps: Maps, masks: NDArray[np.bool_], sample: Sample) -> Looking:
    speaks = maps.mean(axis=(1, 2)) > _SILENT
    seen, inside = maps[speaks], masks[speaks]
    shares = {
        "inside": mass_inside(seen, inside),
        "near": mass_inside(seen, widened(inside, reach=max(1, round(_NEAR * maps.shape[2])))),
    }
    kept = sample.take(speaks)
    cells = maps.shape[1] * maps.shape[2]
    peaks = inside.reshape(-1, cells)[np.arange(len(seen)), seen.reshape(-1, cells).argmax(axis=1)]
    return Looking(
        lungs=lungs,
        label=LABEL_NAMES[label],
        radiographs=len(maps),
        silent=int((~speaks).sum()),
        inside=_mean(kept, shares["inside"]),
        near=_mean(kept, shares["near"]),
        peak_inside=float(peaks.mean()) if len(seen) else None,
        lungs_share=float(masks.mean()),
    )


def mass_inside(maps: Maps, masks: NDArray[np.bool_]) -> Scores:
    """Give for each map (N, h, w) the share of its mass where the mask is true; a map without mass has none inside."""
    total = maps.sum(axis=(1, 2), dtype=np.float64)
    inside = (maps * masks).sum(axis=(1, 2), dtype=np.float64)
    return np.asarray(inside / np.maximum(total, np.finfo(np.float64).tiny))


def _mean(sample: Sample, values: Scores) -> Estimate | None:
    """Give the mean with its interval over resampled patients."""
    if len(values) == 0:
        return None
    return clustered_bootstraps({"mean": weighted_mean}, sample.labels, values, sample.patients)["mean"]


def weighted_mean(labels: Labels, values: Scores, weights: Weights) -> NDArray[np.float64]:
    """Give the mean for each row of weights, whatever the labels."""
    del labels
    return np.asarray((weights @ values) / weights.sum(axis=1))
