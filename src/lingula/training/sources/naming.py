"""The words sources use for labels and parts, and what the file names of known data sets say.

References
----------
Kermany DS et al., Identifying medical diagnoses and treatable diseases by image-based deep learning, Cell 2018;
172:1122-1131, https://doi.org/10.1016/j.cell.2018.02.010; data: https://doi.org/10.17632/rscbjbr9sj, CC BY 4.0.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from lingula.training.data.labelled import Part

PARTS = {
    "train": Part.TRAINING,
    "training": Part.TRAINING,
    "val": Part.TUNING,
    "valid": Part.TUNING,
    "validation": Part.TUNING,
    "tuning": Part.TUNING,
    "test": Part.TEST,
    "testing": Part.TEST,
}
LABELS = {"0": 0, "normal": 0, "1": 1, "pneumonia": 1}

KERMANY_LICENCE = "CC BY 4.0"
KERMANY_CITATION = "Kermany DS et al., Cell 2018;172:1122-1131, https://doi.org/10.1016/j.cell.2018.02.010"
_PNEUMONIA = re.compile(r"(?P<patient>person\d+_(?P<finding>bacteria|virus))_", re.IGNORECASE)
_NORMAL = re.compile(r"(?P<patient>(NORMAL2-)?IM-\d+)-\d+", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class NameSays:
    """What a file name tells of its radiograph."""

    patient_id: str
    finding: str


def is_kermany(names: Iterable[str]) -> bool:
    """Say whether file names are those of the paediatric set of Kermany et al.

    ``IM-0001-0001`` alone is what many viewers write, so ``personN_bacteria`` or ``personN_virus`` must be among them.
    """
    return any(_PNEUMONIA.match(name) for name in names)


def read_kermany_name(name: str) -> NameSays | None:
    """Give patient and finding of a file name, None if it follows another pattern.

    The series belongs to the key: ``personN_bacteria``, ``personN_virus``, ``IM-N`` and ``NORMAL2-IM-N`` are four
    numberings, and person1 of the first is not person1 of the second.

    >>> read_kermany_name("person7_virus_12.jpeg")
    NameSays(patient_id='person7_virus', finding='virus')
    >>> read_kermany_name("NORMAL2-IM-0529-0001.jpeg").patient_id
    'NORMAL2-IM-0529'
    """
    if found := _PNEUMONIA.match(name):
        return NameSays(patient_id=found["patient"], finding=found["finding"].lower())
    if found := _NORMAL.match(name):
        return NameSays(patient_id=found["patient"], finding="normal")
    return None


def label_of(text: str) -> int | None:
    """Give 0 or 1 for what a source writes, None if it is neither; ``1.0`` is what spreadsheets make of 1."""
    return LABELS.get(text.strip().lower().removesuffix(".0"))
