"""A data set that can be trusted: decoded once, duplicates found, patients known, everything left out accounted for.

A radiograph that is there twice under two patients joins the two: a split must not tear it apart. The same radiograph
with two labels stops everything, since no number measured on such data would mean anything.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from lingula.errors import TrainingError
from lingula.radiology.radiograph import Pixels
from lingula.training.data.circumstances import Circumstances
from lingula.training.data.dataset_report import DatasetReport, LeftOut, Repeat
from lingula.training.data.decoding import Decoded, decode_files
from lingula.training.data.labelled import LABEL_NAMES, LabelledRadiograph, Progress, Source

__all__ = ["Dataset", "DatasetReport", "LeftOut", "Repeat", "Rows", "load_dataset"]

_SHOWN = 5

Rows = NDArray[np.intp]
"""Numbers of some of a data set's radiographs, shape (N,)."""


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Radiographs ready for training, in an order that does not depend on the source's.

    Parameters
    ----------
    pixels
        Shape (N, size, size), uint8, bone bright.
    labels
        Shape (N,), 0 normal, 1 pneumonia.
    patients
        Shape (N,), text; radiographs that share a value must stay together.
    findings
        Shape (N,), text; the label's own name where the source says nothing finer.
    names
        Shape (N,), text; paths relative to the source.
    keys
        Shape (N,), text; sha256 of each file: what a split is written against.
    circumstances
        What else the source says of each radiograph, and its size in the file.
    digest
        sha256 over what was learned from: file contents, labels, patients and findings.
    """

    pixels: Pixels
    labels: NDArray[np.int64]
    patients: NDArray[np.str_]
    findings: NDArray[np.str_]
    names: NDArray[np.str_]
    keys: NDArray[np.str_]
    circumstances: Circumstances
    digest: str
    report: DatasetReport

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: NDArray[np.intp]) -> Self:
        """Keep some rows, in the order given; digest and report stay those of the whole."""
        return replace(
            self,
            pixels=self.pixels[rows],
            labels=self.labels[rows],
            patients=self.patients[rows],
            findings=self.findings[rows],
            names=self.names[rows],
            keys=self.keys[rows],
            circumstances=self.circumstances.take(rows),
        )


@dataclass(frozen=True, kw_only=True)
class _Kept:
    said: LabelledRadiograph
    name: str
    label: int
    patient: str
    finding: str
    decoded: Decoded


def load_dataset(
    source: Source,
    *,
    size: int = 224,
    cache: Path | None = None,
    progress: Progress | None = None,
    conflicts_left_out: bool = False,
) -> Dataset:
    """Decode a source and refuse what cannot be trusted.

    Unreadable files, rows without a label and repeated radiographs are left out and listed in the report.

    Parameters
    ----------
    size
        Height and width in pixels, reached by the resize operator that triage uses.
    cache
        A folder that keeps decoded pixels by content digest, so that the next load takes no decoding; None keeps none.
    conflicts_left_out
        Leave a radiograph that is there under both labels out, all its copies; to describe a data set, not to train.

    Raises
    ------
    TrainingError
        If a label is empty of radiographs, or one radiograph is there under both labels.
    """
    rows = sorted(source.rows, key=source.name_of)
    labelled = [row for row in rows if row.label is not None]
    left_out = [LeftOut(name=source.name_of(row), reason="no label") for row in rows if row.label is None]
    pixels, outcomes = decode_files([row.path for row in labelled], size=size, cache=cache, progress=progress)
    kept: list[_Kept] = []
    for row, outcome in zip(labelled, outcomes, strict=True):
        if isinstance(outcome, Decoded):
            kept.append(_kept(source, row, outcome))
        else:
            left_out.append(LeftOut(name=source.name_of(row), reason=outcome))
    repeats = _repeats(kept)
    if (conflicts := {name for each in repeats if each.other_label for name in (each.name, each.first)}) != set():
        if not conflicts_left_out:
            raise _conflict([each for each in repeats if each.other_label], kept)
        kept = [entry for entry in kept if entry.name not in conflicts]
        left_out += [LeftOut(name=name, reason="the same radiograph has both labels") for name in sorted(conflicts)]
    patients = _join_patients(kept)
    first = _first_of_each(kept)
    left_out += [
        LeftOut(name=entry.name, reason="the same radiograph is there already")
        for place, entry in enumerate(kept)
        if place not in set(first)
    ]
    _refuse_empty_class([kept[place].label for place in first], left_out)
    dataset = _assemble(source, pixels, [kept[i] for i in first], [patients[i] for i in first], left_out)
    return replace(dataset, report=replace(dataset.report, repeats=tuple(repeats)))


def _kept(source: Source, row: LabelledRadiograph, decoded: Decoded) -> _Kept:
    label = row.label or 0
    patient = row.patient_id or f"unknown-{decoded.file_digest[:16]}"
    return _Kept(
        said=row,
        name=source.name_of(row),
        label=label,
        patient=patient,
        finding=row.finding or LABEL_NAMES[label],
        decoded=decoded,
    )


def _repeats(kept: Sequence[_Kept]) -> list[Repeat]:
    seen: dict[str, _Kept] = {}
    found: list[Repeat] = []
    for entry in kept:
        first = seen.setdefault(entry.decoded.pixel_digest, entry)
        if first is not entry:
            found.append(
                Repeat(
                    name=entry.name,
                    first=first.name,
                    other_patient=first.patient != entry.patient
                    and None not in (first.said.patient_id, entry.said.patient_id),
                    other_part=first.said.split != entry.said.split,
                    other_label=first.label != entry.label,
                )
            )
    return found


def _conflict(repeats: Sequence[Repeat], kept: Sequence[_Kept]) -> TrainingError:
    label_of = {entry.name: LABEL_NAMES[entry.label] for entry in kept}
    pairs = [f"{each.first} ({label_of[each.first]}) = {each.name} ({label_of[each.name]})" for each in repeats]
    return TrainingError(
        f"{len(pairs)} radiographs are there under both labels: {'; '.join(pairs[:_SHOWN])}; "
        "correct the labels or take these rows out"
    )


def _join_patients(kept: Sequence[_Kept]) -> list[str]:
    """Give each row its patient, after joining the patients that share a radiograph."""
    parent = {entry.patient: entry.patient for entry in kept}

    def root(patient: str) -> str:
        while parent[patient] != patient:
            patient = parent[patient]
        return patient

    owner: dict[str, str] = {}
    for entry in kept:
        other = owner.setdefault(entry.decoded.pixel_digest, entry.patient)
        low, high = sorted((root(other), root(entry.patient)))
        parent[high] = low
    return [root(entry.patient) for entry in kept]


def _first_of_each(kept: Sequence[_Kept]) -> list[int]:
    seen: dict[str, int] = {}
    for place, entry in enumerate(kept):
        seen.setdefault(entry.decoded.pixel_digest, place)
    return sorted(seen.values())


def _refuse_empty_class(labels: Sequence[int], left_out: Sequence[LeftOut]) -> None:
    for label, name in enumerate(LABEL_NAMES):
        if label not in labels:
            why = Counter(entry.reason for entry in left_out).most_common(1)
            because = f" ({why[0][1]} left out: {why[0][0]})" if why else ""
            raise TrainingError(f"no radiograph is labelled {name}{because}; both labels are needed")


def _assemble(
    source: Source, pixels: Pixels, kept: Sequence[_Kept], patients: Sequence[str], left_out: Sequence[LeftOut]
) -> Dataset:
    places = np.array([entry.decoded.place for entry in kept], dtype=np.intp)
    whole = len(places) == len(pixels) and bool((places == np.arange(len(pixels))).all())
    findings = [entry.finding for entry in kept]
    labels = [entry.label for entry in kept]
    report = DatasetReport(
        name=source.name,
        licence=source.licence,
        citation=source.citation,
        kept=len(kept),
        patients=len(set(patients)),
        by_label={name: labels.count(label) for label, name in enumerate(LABEL_NAMES)},
        by_finding=dict(sorted(Counter(findings).items())),
        duplicates=sum(entry.reason.startswith("the same") for entry in left_out),
        without_patient=sum(patient.startswith("unknown-") for patient in patients),
        left_out=tuple(left_out),
        repeats=(),
        notes=source.notes,
    )
    return Dataset(
        pixels=pixels if whole else pixels[places],
        labels=np.array(labels, dtype=np.int64),
        patients=np.array(patients, dtype=np.str_),
        findings=np.array(findings, dtype=np.str_),
        names=np.array([entry.name for entry in kept], dtype=np.str_),
        keys=np.array([entry.decoded.file_digest for entry in kept], dtype=np.str_),
        circumstances=Circumstances.of(
            [entry.said for entry in kept], [(entry.decoded.rows, entry.decoded.columns) for entry in kept]
        ),
        digest=_digest(kept, patients),
        report=report,
    )


def _digest(kept: Sequence[_Kept], patients: Sequence[str]) -> str:
    lines = sorted(
        "\x1f".join((entry.decoded.file_digest, str(entry.label), patient, entry.finding))
        for entry, patient in zip(kept, patients, strict=True)
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
