"""What networks say of radiographs they did not learn from: as they are, under every stress, and without lungs.

Stress and missing lungs multiply the work by fifteen; of a large network a recipe asks them for a part (`probed`).
What comes out decides nothing about weights; it says what to expect, and a recipe is chosen by its worst case.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name everybody knows

from lingula.errors import TrainingError
from lingula.radiology.study import Status
from lingula.training.data.dataset import Dataset, Rows
from lingula.training.data.outcomes import Outcome
from lingula.training.evidence.settle import Looker, observe, settle, strange_logits
from lingula.training.learning.augment import Pictures, lungs_blanked
from lingula.training.learning.examples import as_tensor
from lingula.training.learning.train import find_lungs
from lingula.training.networks import FRAME, crop, seen_box
from lingula.training.probes.stress import STRESSES
from lingula.training.recipe import Recipe
from lingula.training.statistics.calibrate import Calibration

_AT_ONCE = 64  # pictures
NOWHERE = -1  # fold of a radiograph that nobody judged


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What was said of each radiograph (N,) by networks that did not learn from it; NaN where it was not asked.

    Parameters
    ----------
    way
        Who judged whom, for people.
    logits, blanked
        Of pneumonia, as the radiograph is and with its lungs blanked out.
    stressed
        One array of logits for each stress.
    is_probed
        Which were judged under stress and without lungs as well.
    novelty
        1 at limits that were settled on what the networks learnt from: nobody chooses his own refusal.
    fills_frame
        Where the box that the classifier saw was the whole frame, or nearly; False where nobody wrote it down.
    folds
        Which pair of networks judged, counted from 0; `NOWHERE` for those that were not judged.
    """

    way: str
    logits: NDArray[np.float64]
    stressed: Mapping[str, NDArray[np.float64]]
    blanked: NDArray[np.float64]
    is_probed: NDArray[np.bool_]
    novelty: NDArray[np.float64]
    fills_frame: NDArray[np.bool_]
    folds: NDArray[np.int64]

    @property
    def rows(self) -> Rows:
        """Those that were judged."""
        return np.flatnonzero(self.folds != NOWHERE)

    @property
    def probed(self) -> Rows:
        """Those of them that were judged under stress and without lungs as well."""
        return np.flatnonzero(self.is_probed)

    @classmethod
    def gather(cls, count: int, files: Mapping[int, tuple[Rows, Path]], *, way: str) -> "Judged":
        """Put together what `judge` wrote down: for each fold its rows and its file, of `count` radiographs in all."""
        columns = {name: np.full(count, np.nan) for name in ("logits", "blanked", "novelty", *STRESSES)}
        folds = np.full(count, NOWHERE, np.int64)
        is_probed, fills_frame = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
        for number, (held, path) in files.items():
            folds[held] = number
            with np.load(path) as judged:
                if "is_probed" not in judged:
                    raise TrainingError(f"{path} is of an older version of this program; remove it to judge again")
                is_probed[held] = judged["is_probed"]
                fills_frame[held] = judged.get("fills_frame", False)
                for name, column in columns.items():
                    column[held] = judged[name]
        logits, blanked, novelty = (columns.pop(name) for name in ("logits", "blanked", "novelty"))
        return cls(
            way=way,
            logits=logits,
            blanked=blanked,
            is_probed=is_probed,
            novelty=novelty,
            fills_frame=fills_frame,
            stressed=columns,
            folds=folds,
        )

    def outcomes(self, dataset: Dataset, calibration: Calibration) -> list[Outcome]:
        """Give one line for each judged radiograph, with the probability that `calibration` makes of its logit.

        Bands are left out: they belong to the package, and the networks that judged may be others than its own.
        """
        probabilities, known = calibration.probability(self.logits), dataset.circumstances
        return [
            Outcome(
                name=str(dataset.names[row]),
                label=int(dataset.labels[row]),
                finding=str(dataset.findings[row]),
                status=Status.ASSESSED if self.novelty[row] <= 1.0 else Status.NOT_ELIGIBLE,
                reason=None if self.novelty[row] <= 1.0 else "does not look like the radiographs it was trained on",
                probability=float(probabilities[row]),
                novelty=float(self.novelty[row]),
                patient=str(dataset.patients[row]),
                site=str(known.sites[row]) or None,
                age_years=float(known.ages_years[row]) if np.isfinite(known.ages_years[row]) else None,
                sex=str(known.sexes[row]) or None,
                view=str(known.views[row]) or None,
                rows=int(known.rows[row]),
                columns=int(known.columns[row]),
            )
            for row in self.rows.tolist()
        ]


def judge(looker: Looker, learnt: Rows, held: Rows, *, recipe: Recipe, done: Path) -> None:
    """Judge rows `held` by networks that learnt from rows `learnt`, and write it to `done`, whole or not at all."""
    seen, before = looker.at(held), looker.at(learnt)
    strange = strange_logits(looker.finder, looker.pictures[learnt], recipe.seed)
    settled = settle(before, before, strange, recipe.novelty, scale=1.0, bias=0.0)
    is_probed = _drawn(len(held), recipe)
    pictures = looker.pictures[held[is_probed]]
    judged = {"logits": seen.logits, "novelty": seen.novelty(settled), "is_probed": is_probed}
    judged["fills_frame"] = seen.fills_frame
    judged["blanked"] = _among(is_probed, blanked_logits(looker, pictures))
    for name, stress in STRESSES.items():
        stressed = observe(looker.finder, looker.classifier, stress(pictures))
        judged[name] = _among(is_probed, stressed.logits)
    partial = done.with_name("partial.npz")
    np.savez(partial, allow_pickle=False, **judged)
    partial.replace(done)


def _drawn(count: int, recipe: Recipe) -> NDArray[np.bool_]:
    """Draw which of some radiographs (N,) are probed."""
    order = np.random.default_rng(recipe.seed).permutation(count)
    return order < (recipe.split.probed or count)


def _among(is_probed: NDArray[np.bool_], logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give (N,) with the logits of those that were probed, NaN for the others."""
    wide = np.full(len(is_probed), np.nan)
    wide[is_probed] = logits
    return wide


@torch.no_grad()
def blanked_logits(looker: Looker, pictures: Pictures) -> NDArray[np.float64]:
    """Judge pictures whose lungs are blanked, in the box they had with lungs; an honest network cannot tell."""
    masks = find_lungs(looker.finder, pictures)[0]
    classifier = looker.classifier.eval()
    boxes = seen_box(masks, classifier.recipe.sees)
    out: list[Tensor] = []
    for at in range(0, len(pictures), _AT_ONCE):
        some = slice(at, at + _AT_ONCE)
        wide = F.interpolate(masks[some], size=(FRAME, FRAME), mode="bilinear")
        blank = lungs_blanked(as_tensor(pictures[some]), wide)
        out.append(classifier(crop(blank, boxes[some], classifier.recipe.side))[0][:, 0])
    return torch.cat(out).double().numpy()
