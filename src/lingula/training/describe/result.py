"""What a description of a data set holds, in one value: written as JSON, drawn as a page, printed in a few lines."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from lingula.modelpackage.manifest import Estimate
from lingula.training.data.dataset_report import DatasetReport


@dataclass(frozen=True, kw_only=True)
class Group:
    """Radiographs that share what the source says in one column; `by_label` counts them by label."""

    column: str
    value: str
    radiographs: int
    patients: int
    by_label: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Spread:
    """How one property is spread in each label.

    Parameters
    ----------
    quantiles
        By label: the values below which 5, 25, 50, 75 and 95 % of its radiographs lie.
    edges, shares
        A histogram: bounds of its bins, and by label the share of its radiographs in each bin, 0-1.
    auroc
        How well this one number tells pneumonia from normal, whichever way round; 0.5 to 1.
    """

    name: str
    unit: str
    quantiles: Mapping[str, tuple[float, ...]]
    edges: tuple[float, ...]
    shares: Mapping[str, tuple[float, ...]]
    auroc: float


@dataclass(frozen=True, kw_only=True)
class Alike:
    """Two radiographs that are nearly the same picture, and by which change one becomes the other."""

    first: str
    second: str
    similarity: float
    change: str
    other_patient: bool
    other_label: bool
    other_part: bool


@dataclass(frozen=True, kw_only=True)
class NearCopies:
    """Nearly the same pictures under different names.

    Parameters
    ----------
    closest_apart
        The similarity of the two most alike radiographs of different patients that were not taken for the same;
        None where there are no two patients.
    method
        How they were looked for, in a sentence.
    """

    pairs: tuple[Alike, ...]
    threshold: float
    closest_apart: float | None
    method: str


class Shows(StrEnum):
    """What the numbers behind a clue can show."""

    NO_PIXELS = "no pixels"  # a network does not see them unless somebody feeds them to it
    NO_LUNGS = "no lungs"  # a network sees them; who tells the label from them tells it by a shortcut
    NO_SHAPES = "no shapes"  # numbers of the whole picture: disease moves them a little, but nobody could read it there
    EVERYTHING = "everything"  # lungs and surroundings together
    LUNGS = "lungs"  # what a reader should look at


@dataclass(frozen=True, kw_only=True)
class Clue:
    """How well some numbers alone tell the label of patients not seen before.

    Parameters
    ----------
    auroc
        With a 95 % interval over patients; None if it could not be measured, `meaning` then says why.
    meaning
        What follows from it, in a sentence.
    """

    name: str
    shows: Shows
    numbers: int
    auroc: Estimate | None
    meaning: str


@dataclass(frozen=True, kw_only=True)
class Audit:
    """What could be learned by mistake.

    Parameters
    ----------
    radiographs
        How many were looked at; of a large data set a part, drawn by patient.
    conclusion
        The whole in a sentence or two.
    """

    radiographs: int
    patients: int
    package: str | None
    clues: tuple[Clue, ...]
    conclusion: str


@dataclass(frozen=True, kw_only=True)
class Description:
    """A data set, looked at.

    Parameters
    ----------
    missing
        For each thing a source may say, of how many radiographs it says nothing.
    both_labels
        Patients with radiographs of both labels: no conflict, people fall ill and recover.
    split
        How the split was made that `part` refers to, and what it leaks; None if there is none.
    audit
        None if it was not asked for.
    warnings
        What to think about before training.
    """

    report: DatasetReport
    digest: str
    groups: tuple[Group, ...]
    missing: Mapping[str, int]
    both_labels: int
    sizes: int
    split: str | None
    spreads: tuple[Spread, ...]
    copies: NearCopies
    audit: Audit | None
    warnings: tuple[str, ...]
