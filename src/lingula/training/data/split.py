"""Which radiographs train, tune and test: every patient on one side, written down as a file with its digest.

Patients are put in an order that a seed and their own key decide, then dealt to the parts within each label and
finding, always to the part that lags furthest behind its share. So the cut does not depend on the order of rows,
machine or library version, and every part has its share of every finding.

Two other cuts exist to repeat published numbers. By image the radiographs are dealt one by one, a patient's may stand
on both sides, and the split says so wherever it is read. By source the source's own parts are taken; they are refused
if a patient stands in two of them, since nobody would then know which number to believe.
"""

import hashlib
import json
from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from lingula.errors import TrainingError
from lingula.training.data.dataset import Dataset, Rows
from lingula.training.data.dealing import Strata, deal, group_strata
from lingula.training.data.labelled import LABEL_NAMES, Part
from lingula.training.data.split_file import FORMAT, SplitBy, read_stored


@dataclass(frozen=True, kw_only=True)
class Cut:
    """How a split was made, and how many patients stand on more than one of its sides (parts or folds).

    >>> Cut(by="image", patients=40, on_two_sides=12).warning
    'split by image: 12 of 40 patients are on both sides, so what is measured here flatters: the network knew them'
    """

    by: SplitBy
    patients: int
    on_two_sides: int

    @property
    def leaks_patients(self) -> bool:
        """Whether the sides know each other's patients."""
        return self.on_two_sides > 0

    @property
    def warning(self) -> str | None:
        """What every report must say of this split; None if there is nothing to warn of."""
        if not self.leaks_patients:
            return "split by image: patients may be on both sides unnoticed" if self.by == "image" else None
        return (
            f"split by {self.by}: {self.on_two_sides} of {self.patients} patients are on both sides, so what is "
            "measured here flatters: the network knew them"
        )


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
    cut
        How it was made, and whether it tears patients apart.
    digest
        sha256 over keys, parts and folds, whatever their order, and over how it was made unless that is by patient.
    """

    keys: NDArray[np.str_]
    parts: NDArray[np.str_]
    folds: NDArray[np.int64]
    fold_count: int
    seed: int
    dataset_digest: str
    cut: Cut
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
    def of(
        cls,
        dataset: Dataset,
        parts: Sequence[str],
        folds: Sequence[int],
        *,
        fold_count: int,
        seed: int,
        by: SplitBy = "patient",
    ) -> Self:
        """Make a split after seeing that no patient is on two sides, unless it was made by image."""
        patients, torn = count_torn(dataset.patients, list(zip(parts, folds, strict=True)))
        if torn and by != "image":
            raise TrainingError(f"{torn} patients' radiographs are in two parts or folds; split again by patient")
        return cls(
            keys=dataset.keys,
            parts=np.array(parts, dtype=np.str_),
            folds=np.array(folds, dtype=np.int64),
            fold_count=fold_count,
            seed=seed,
            dataset_digest=dataset.digest,
            cut=Cut(by=by, patients=patients, on_two_sides=torn),
            digest=_digest(dataset.keys.tolist(), parts, folds, by),
        )


def split_dataset(
    dataset: Dataset, *, by: SplitBy = "patient", tuning: float, test: float, folds: int, seed: int
) -> Split:
    """Cut a data set into training, tuning and test, and what is not test into folds.

    Parameters
    ----------
    by
        ``patient`` keeps every patient on one side. ``image`` deals radiographs one by one: the split then leaks, and
        says so. ``source`` takes the parts that the source names; where it names no tuning part, the share `tuning` of
        its training part is cut off by patient. Folds are by patient in both.
    tuning, test
        Shares of the radiographs, 0-1; what remains is for training. By source `test` must be 0.
    folds
        Number of folds for cross-validation over everything outside the test set; 0 for none.

    Raises
    ------
    TrainingError
        If the shares leave nothing to train on, or a part or fold would lack one of the labels; by source also if it
        puts a radiograph in no part or a patient in two.
    """
    if min(tuning, test) < 0 or tuning + test >= 1:
        raise TrainingError(f"tuning {tuning} and test {test} must be shares of 0 or more that leave some for training")
    if folds == 1 or folds < 0:
        raise TrainingError(f"{folds} folds cannot be held out in turn; ask for 2 or more, or 0 for none")
    groups = (dataset.keys if by == "image" else dataset.patients).tolist()
    strata = group_strata(zip(groups, dataset.labels.tolist(), dataset.findings.tolist(), strict=True))
    if by == "source":
        part_of = _parts_of_source(dataset, strata, tuning=tuning, test=test, seed=seed)
        wanted = sorted(set(part_of.values()))
    else:
        shares = {Part.TRAINING: 1 - tuning - test, Part.TUNING: tuning, Part.TEST: test}
        wanted = [part.value for part, share in shares.items() if share > 0]
        part_of = deal(strata, {name: shares[Part(name)] for name in wanted}, salt=f"{seed}/part")
    parts = [part_of[group] for group in groups]
    held = [[entry for entry in stratum if part_of[entry[0]] != Part.TEST] for stratum in strata]
    fold_of = deal(held, {str(number): 1 / folds for number in range(folds)}, salt=f"{seed}/fold") if folds else {}
    fold_numbers = [int(fold_of.get(group, folds)) for group in groups]
    _refuse_missing_labels(dataset.labels, parts, wanted, "part")
    _refuse_missing_labels(dataset.labels, [str(n) for n in fold_numbers], [str(n) for n in range(folds)], "fold")
    return Split.of(dataset, parts, fold_numbers, fold_count=folds, seed=seed, by=by)


def _parts_of_source(dataset: Dataset, strata: Strata, *, tuning: float, test: float, seed: int) -> dict[str, str]:
    """Take the source's parts as they are; only a tuning part that it lacks is cut from its training part."""
    said = dataset.circumstances.parts
    if test:
        raise TrainingError(f"a split by source takes the source's own test part: test {test} must be 0")
    if (unsaid := int((said == "").sum())) > 0:
        raise TrainingError(
            f"the source puts {unsaid} of {len(said)} radiographs in no part (column split, or folders train, val, "
            "test); name their parts, or split by patient"
        )
    _, torn = count_torn(dataset.patients, said.tolist())
    if torn:
        raise TrainingError(
            f"the source puts {torn} patients in two of its parts, so what is measured on them would flatter; split "
            "by patient, or by image if it is a leaking cut that is to be repeated"
        )
    part_of = dict(zip(dataset.patients.tolist(), said.tolist(), strict=True))
    if tuning and Part.TUNING not in part_of.values():
        ours = [[entry for entry in stratum if part_of[entry[0]] == Part.TRAINING] for stratum in strata]
        shares = {Part.TRAINING.value: 1 - tuning, Part.TUNING.value: tuning}
        part_of |= deal(ours, shares, salt=f"{seed}/part")
    return part_of


def write_split(split: Split, path: Path) -> None:
    """Write a split as JSON, one radiograph a line in the order of keys; it names no patient."""
    rows = sorted(zip(split.keys.tolist(), split.parts.tolist(), split.folds.tolist(), strict=True))
    head = {
        "format": FORMAT,
        "digest": split.digest,
        "dataset_digest": split.dataset_digest,
        "seed": split.seed,
        "fold_count": split.fold_count,
        **asdict(split.cut),
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
    stored = read_stored(path)
    by_key = {key: (part.value, fold) for key, part, fold in stored.rows}
    keys = dataset.keys.tolist()
    if set(keys) != set(by_key):
        missing, surplus = len(set(keys) - set(by_key)), len(set(by_key) - set(keys))
        raise TrainingError(
            f"{path.name} belongs to another data set: {missing} radiographs here are not in it and {surplus} of its "
            "own are not here; split again"
        )
    parts, folds = [by_key[key][0] for key in keys], [by_key[key][1] for key in keys]
    if _digest(keys, parts, folds, stored.by) != stored.digest:
        raise TrainingError(f"{path.name} was changed after it was written: its digest does not match; split again")
    return Split.of(dataset, parts, folds, fold_count=stored.fold_count, seed=stored.seed, by=stored.by)


def read_cut(path: Path) -> Cut:
    """Read how a split was made from its file alone, for reports that have no data set at hand.

    Raises
    ------
    TrainingError
        If the file is no split.
    """
    stored = read_stored(path)
    return Cut(by=stored.by, patients=stored.patients, on_two_sides=stored.on_two_sides)


_MEND = {"part": "give it a larger share or add patients", "fold": "ask for fewer folds or add patients"}


def _refuse_missing_labels(labels: NDArray[np.int64], sides: Sequence[str], wanted: Sequence[str], kind: str) -> None:
    found = set(zip(sides, labels.tolist(), strict=True))
    for side in wanted:
        for label, name in enumerate(LABEL_NAMES):
            if (side, label) not in found:
                raise TrainingError(f"{kind} {side} would have no {name} radiograph; {_MEND[kind]}")


def count_torn(patients: NDArray[np.str_], sides: Sequence[Hashable]) -> tuple[int, int]:
    """Count the patients, and those of them whose radiographs are on more than one side.

    >>> count_torn(np.array(["ann", "ann", "bob"]), ["training", "test", "test"])
    (2, 1)
    """
    found: dict[str, set[Hashable]] = {}
    for patient, side in zip(patients.tolist(), sides, strict=True):
        found.setdefault(patient, set()).add(side)
    return len(found), sum(len(own) > 1 for own in found.values())


def _digest(keys: Sequence[str], parts: Sequence[str], folds: Sequence[int], by: SplitBy) -> str:
    lines = sorted(f"{key} {part} {fold}" for key, part, fold in zip(keys, parts, folds, strict=True))
    made = [] if by == "patient" else [f"by {by}"]  # splits by patient keep the digest they had in format 1
    return hashlib.sha256("\n".join([*made, *lines]).encode()).hexdigest()
