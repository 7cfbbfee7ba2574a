"""Which radiographs train, tune and test: every patient on one side, written down as a file with its digest.

Patients are put in an order that a seed and their own key decide, then dealt to the parts within each label and
finding, always to the part that lags furthest behind its share. So the cut does not depend on the order of rows,
machine or library version, and every part has its share of every finding.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from lingula.errors import TrainingError
from lingula.training.dataset import Dataset
from lingula.training.labelled import LABEL_NAMES, Part

_FORMAT = 1
Rows = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True)
class Split:
    """The part and the fold of every radiograph of one data set, in the data set's order.

    Parameters
    ----------
    keys
        Shape (N,), text; the data set's keys.
    parts
        Shape (N,), text; a `Part` each.
    folds
        Shape (N,); 0 to `fold_count` - 1 for the radiographs outside the test set, `fold_count` for those inside.
    digest
        sha256 over keys, parts and folds, whatever their order.
    """

    keys: NDArray[np.str_]
    parts: NDArray[np.str_]
    folds: NDArray[np.int64]
    fold_count: int
    seed: int
    dataset_digest: str
    digest: str

    def rows(self, part: Part) -> Rows:
        """Give the rows of one part."""
        return np.flatnonzero(self.parts == part.value)

    def fold(self, number: int) -> tuple[Rows, Rows]:
        """Give the rows to learn from and the rows held out in one fold; the test set is in neither.

        Raises
        ------
        TrainingError
            If there is no such fold.
        """
        if not 0 <= number < self.fold_count:
            raise TrainingError(f"fold {number} is not one of the {self.fold_count} folds 0-{self.fold_count - 1}")
        return np.flatnonzero((self.folds != number) & (self.folds < self.fold_count)), np.flatnonzero(
            self.folds == number
        )

    @classmethod
    def of(cls, dataset: Dataset, parts: Sequence[str], folds: Sequence[int], *, fold_count: int, seed: int) -> Self:
        """Make a split after seeing that no patient is on two sides."""
        _refuse_shared_patients(dataset.patients, parts, folds)
        return cls(
            keys=dataset.keys,
            parts=np.array(parts, dtype=np.str_),
            folds=np.array(folds, dtype=np.int64),
            fold_count=fold_count,
            seed=seed,
            dataset_digest=dataset.digest,
            digest=_digest(dataset.keys.tolist(), parts, folds),
        )


def split_dataset(dataset: Dataset, *, tuning: float, test: float, folds: int, seed: int) -> Split:
    """Cut a data set into training, tuning and test, and what is not test into folds.

    Parameters
    ----------
    tuning, test
        Shares of the radiographs, 0-1; what remains is for training.
    folds
        Number of folds for cross-validation over everything outside the test set; 0 for none.

    Raises
    ------
    TrainingError
        If the shares leave nothing to train on, or a part or fold would lack one of the labels.
    """
    if min(tuning, test) < 0 or tuning + test >= 1:
        raise TrainingError(f"tuning {tuning} and test {test} must be shares of 0 or more that leave some for training")
    if folds == 1 or folds < 0:
        raise TrainingError(f"{folds} folds cannot be held out in turn; ask for 2 or more, or 0 for none")
    strata = _strata(dataset)
    shares = {Part.TRAINING: 1 - tuning - test, Part.TUNING: tuning, Part.TEST: test}
    wanted = {part.value: share for part, share in shares.items() if share > 0}
    part_of = _deal(strata, wanted, salt=f"{seed}/part")
    parts = [part_of[patient] for patient in dataset.patients.tolist()]
    held = [[entry for entry in stratum if part_of[entry[0]] != Part.TEST] for stratum in strata]
    fold_of = _deal(held, {str(number): 1 / folds for number in range(folds)}, salt=f"{seed}/fold") if folds else {}
    fold_numbers = [int(fold_of.get(patient, folds)) for patient in dataset.patients.tolist()]
    _refuse_missing_labels(dataset.labels, parts, list(wanted), "part")
    _refuse_missing_labels(dataset.labels, [str(n) for n in fold_numbers], [str(n) for n in range(folds)], "fold")
    return Split.of(dataset, parts, fold_numbers, fold_count=folds, seed=seed)


def write_split(split: Split, path: Path) -> None:
    """Write a split as JSON, one radiograph a line in the order of keys; it names no patient."""
    rows = sorted(zip(split.keys.tolist(), split.parts.tolist(), split.folds.tolist(), strict=True))
    head = {
        "format": _FORMAT,
        "digest": split.digest,
        "dataset_digest": split.dataset_digest,
        "seed": split.seed,
        "fold_count": split.fold_count,
    }
    lines = ",\n".join(json.dumps(row) for row in rows)
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(f'{json.dumps(head)[:-1]}, "rows": [\n{lines}\n]}}\n')
    partial.replace(path)


def read_split(path: Path, dataset: Dataset) -> Split:
    """Read a split back for the data set it was made for.

    Raises
    ------
    TrainingError
        If the file is no split, was changed, or belongs to another data set.
    """
    try:
        stored = json.loads(path.read_text())
        by_key = {str(key): (Part(part).value, int(fold)) for key, part, fold in stored["rows"]}
        digest, count, seed = str(stored["digest"]), int(stored["fold_count"]), int(stored["seed"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{path.name} is no split file ({type(error).__name__}); make it again") from error
    keys = dataset.keys.tolist()
    if set(keys) != set(by_key):
        missing, surplus = len(set(keys) - set(by_key)), len(set(by_key) - set(keys))
        raise TrainingError(
            f"{path.name} belongs to another data set: {missing} radiographs here are not in it and {surplus} of its "
            "own are not here; split again"
        )
    parts, folds = [by_key[key][0] for key in keys], [by_key[key][1] for key in keys]
    if _digest(keys, parts, folds) != digest:
        raise TrainingError(f"{path.name} was changed after it was written: its digest does not match; split again")
    return Split.of(dataset, parts, folds, fold_count=count, seed=seed)


def _strata(dataset: Dataset) -> list[list[tuple[str, int]]]:
    """Give, for each label and finding, its patients and their numbers of radiographs; a patient is in one stratum."""
    seen: dict[str, Counter[tuple[int, str]]] = {}
    rows = zip(dataset.patients.tolist(), dataset.labels.tolist(), dataset.findings.tolist(), strict=True)
    for patient, label, finding in rows:
        seen.setdefault(patient, Counter())[(label, finding)] += 1
    strata: dict[tuple[int, str], list[tuple[str, int]]] = {}
    for patient, counts in seen.items():
        commonest = min(counts, key=lambda stratum: (-counts[stratum], stratum))
        strata.setdefault(commonest, []).append((patient, counts.total()))
    return [strata[key] for key in sorted(strata)]


def _deal(strata: Sequence[Sequence[tuple[str, int]]], shares: dict[str, float], *, salt: str) -> dict[str, str]:
    """Deal each stratum's patients to the named shares, in an order that only salt and patient decide."""
    dealt: dict[str, str] = {}
    for stratum in strata:
        have = dict.fromkeys(shares, 0)
        total = 0
        for patient, size in sorted(stratum, key=lambda entry: hashlib.sha256(f"{salt}/{entry[0]}".encode()).digest()):
            total += size
            lagging = max(shares, key=lambda name: shares[name] * total - have[name])
            dealt[patient] = lagging
            have[lagging] += size
    return dealt


def _refuse_missing_labels(labels: NDArray[np.int64], sides: Sequence[str], wanted: Sequence[str], kind: str) -> None:
    found = set(zip(sides, labels.tolist(), strict=True))
    for side in wanted:
        for label, name in enumerate(LABEL_NAMES):
            if (side, label) not in found:
                raise TrainingError(f"{kind} {side} would have no {name} radiograph; make it larger or add patients")


def _refuse_shared_patients(patients: NDArray[np.str_], parts: Sequence[str], folds: Sequence[int]) -> None:
    side_of: dict[str, tuple[str, int]] = {}
    for patient, side in zip(patients.tolist(), zip(parts, folds, strict=True), strict=True):
        if side_of.setdefault(patient, side) != side:
            raise TrainingError("a patient's radiographs are in two parts or folds; split again by patient")


def _digest(keys: Sequence[str], parts: Sequence[str], folds: Sequence[int]) -> str:
    lines = sorted(f"{key} {part} {fold}" for key, part, fold in zip(keys, parts, folds, strict=True))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
