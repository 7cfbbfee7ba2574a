"""The whole description of a data set, in order: count, measure, look for copies, audit, warn."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lingula.modelpackage.archive import ModelPackage
from lingula.training.data.dataset import Dataset, DatasetReport
from lingula.training.data.labelled import Progress, Source
from lingula.training.data.split import Split, count_torn
from lingula.training.describe.copies import find_near_copies
from lingula.training.describe.counts import (
    count_both_labels,
    count_groups,
    count_missing,
    count_sizes,
    spread_properties,
)
from lingula.training.describe.lungs import see_lungs
from lingula.training.describe.properties import Properties, measure_properties
from lingula.training.describe.result import Audit, Description, NearCopies, Shows
from lingula.training.describe.shortcuts import audit_shortcuts, draw_rows

_STRONG = 0.75  # AUROC of a clue that shows no lungs; above, it can mislead a network
_RARE = 0.05  # of the radiographs; a label rarer than this needs thought


@dataclass(frozen=True, kw_only=True)
class Looking:
    """How closely to look.

    Parameters
    ----------
    split
        Whose parts copies may lie across; without it the source's own parts.
    audits
        Whether to measure what could be learned by mistake, which takes most of the time.
    package
        Finds the lungs for the audit, and is measured beside it.
    progress
        Told how many radiographs the package has looked at.
    """

    split: Split | None = None
    audits: bool = True
    package: ModelPackage | None = None
    progress: Progress | None = None


def describe_dataset(source: Source, dataset: Dataset, how: Looking) -> Description:
    """Look at a data set before anything is trained on it.

    Parameters
    ----------
    source
        What the data set was loaded from; its files are looked at once more for the audit.
    dataset
        Of 224 x 224 pixels, with conflicting radiographs left out, as `load_dataset` gives it if asked to.

    Raises
    ------
    PackageDamaged
        If the package's graph does not keep the contract.
    """
    parts = dataset.circumstances.parts if how.split is None else how.split.parts
    properties = measure_properties(dataset.pixels)
    copies = find_near_copies(dataset, parts)
    audit = _audit(source, dataset, properties, how) if how.audits else None
    return Description(
        report=dataset.report,
        digest=dataset.digest,
        groups=count_groups(dataset, parts),
        missing=count_missing(dataset),
        both_labels=count_both_labels(dataset),
        sizes=count_sizes(dataset),
        split=_split_in_words(how.split, parts),
        spreads=spread_properties(dataset, properties),
        copies=copies,
        audit=audit,
        warnings=tuple(_warnings(dataset, copies, audit, how.split)),
    )


def _audit(source: Source, dataset: Dataset, properties: Properties, how: Looking) -> Audit:
    rows = draw_rows(dataset)
    looked_at = dataset.take(rows)
    path_of = {source.name_of(row): row.path for row in source.rows}
    seen = None if how.package is None else see_lungs(looked_at.pixels, how.package, progress=how.progress)
    return audit_shortcuts(
        looked_at,
        Properties(**{name: values[rows] for name, values in vars(properties).items()}),
        paths=[Path(path_of[name]) for name in looked_at.names.tolist()],
        seen=seen,
        package=None if how.package is None else how.package.label,
    )


def _leak(dataset: Dataset, split: Split | None) -> str | None:
    """Say how many patients the split tears apart, or the source's own parts where there is no split."""
    if split is not None:
        return split.cut.warning
    parts = dataset.circumstances.parts
    is_said = parts != ""
    patients, torn = count_torn(dataset.patients[is_said], parts[is_said].tolist())
    if not torn:
        return None
    return (
        f"the source puts {torn} of {patients} patients in two of its parts: what is measured on one was learned on "
        "the other; split by patient"
    )


def _split_in_words(split: Split | None, parts: NDArray[np.str_]) -> str | None:
    if split is None:
        return None if (parts == "").all() else "the parts are the source's own"
    return split.cut.warning or f"the parts are those of the split {split.digest[:12]}, by {split.cut.by}"


def _warnings(dataset: Dataset, copies: NearCopies, audit: Audit | None, split: Split | None) -> Iterator[str]:
    """Give what to think about before training."""
    report = dataset.report
    if audit is not None:
        yield from _audit_warnings(audit)
    if (leak := _leak(dataset, split)) is not None:
        yield leak
    yield from (f"{count} {words}" for count, words in _counted_warnings(report, copies) if count)
    rarer = min(report.by_label, key=lambda name: report.by_label[name])
    if report.by_label[rarer] < _RARE * report.kept:
        yield f"only {report.by_label[rarer]} of {report.kept} radiographs are {rarer}: intervals will be wide"


def _counted_warnings(report: DatasetReport, copies: NearCopies) -> Iterator[tuple[int, str]]:
    """Give what is worth a warning if there is any of it, and how many there are; the gravest first."""
    yield (
        sum(each.other_label for each in report.repeats),
        "radiographs are there under both labels; training refuses them until one label is taken away",
    )
    yield (
        sum(pair.other_label for pair in copies.pairs),
        "pairs are nearly the same picture under two labels; look which label is right",
    )
    yield (
        report.without_patient,
        "radiographs name no patient and count as a patient each: if patients have several, numbers will be too good",
    )
    yield (
        sum(pair.other_part for pair in copies.pairs),
        "pairs of nearly the same picture lie in two parts: what is measured on one was learned on the other",
    )
    yield (
        sum(pair.other_patient for pair in copies.pairs),
        "pairs of nearly the same picture name two patients, who are perhaps one",
    )
    yield (
        sum(each.other_patient for each in report.repeats),
        "radiographs are there pixel for pixel under two patients; the two are kept together as one",
    )


def _audit_warnings(audit: Audit) -> Iterator[str]:
    found = [clue for clue in audit.clues if clue.auroc is not None and clue.auroc.value >= _STRONG]
    named = {
        shows: ", ".join(f"{clue.name} {clue.auroc.value:.3f}" for clue in found if clue.shows is shows and clue.auroc)
        for shows in (Shows.NO_LUNGS, Shows.NO_SHAPES, Shows.NO_PIXELS)
    }
    if named[Shows.NO_LUNGS]:
        yield f"pixels that show no lungs tell the label; AUROC of a linear reader: {named[Shows.NO_LUNGS]}"
    if named[Shows.NO_SHAPES]:
        yield (
            "numbers of the whole picture, in which no shape can be seen, tell the label; AUROC of a linear reader: "
            f"{named[Shows.NO_SHAPES]}"
        )
    if named[Shows.NO_PIXELS]:
        yield f"the label can be told without a single pixel; AUROC of a linear reader: {named[Shows.NO_PIXELS]}"
