"""A package run over labelled radiographs: for each, what a hospital would get, and the probability in any case.

The same reading, preparation, graph and session options as triage; files are decoded and judged a few at a time on all
cores.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from lingula.errors import NotAccepted, NotEligible
from lingula.modelpackage.archive import ModelPackage
from lingula.modelpackage.manifest import IntendedUse, Manifest
from lingula.modelpackage.preprocessing import ModelInput, prepare
from lingula.modelpackage.session import Session, open_session
from lingula.radiology.reading import describe_instance, read_radiograph
from lingula.radiology.study import Instance, Status
from lingula.training.data.labelled import LABEL_NAMES, LabelledRadiograph, Progress, Source
from lingula.training.data.outcomes import Outcome

_BATCH = 8  # radiographs decoded and judged together by one thread

Eligibility = Callable[[Instance, IntendedUse], str | None]
"""Says why what a file says of itself is outside an intended use; triage's own, handed in by the door."""


@dataclass(frozen=True, kw_only=True)
class _Prepared:
    """What a file says of itself, its pixels ready for the graph, and why they are not eligible, if they are not."""

    instance: Instance
    pixels: ModelInput
    reason: str | None


def run_package(
    package: ModelPackage, source: Source, *, eligibility: Eligibility | None = None, progress: Progress | None = None
) -> list[Outcome]:
    """Run a package on every radiograph of a source, in the order of names."""
    rows = sorted(source.rows, key=source.name_of)
    session = open_session(package.graph, threads=1)
    batches = [rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH)]

    def judge(batch: Sequence[LabelledRadiograph]) -> list[Outcome]:
        return _judge(batch, source, package.manifest, session, eligibility)

    outcomes: list[Outcome] = []
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        for made in pool.map(judge, batches):
            outcomes += made
            if progress is not None:
                progress(len(outcomes), len(rows))
    return outcomes


def _judge(
    batch: Sequence[LabelledRadiograph],
    source: Source,
    manifest: Manifest,
    session: Session,
    eligibility: Eligibility | None,
) -> list[Outcome]:
    prepared = [_prepare(row, manifest, eligibility) for row in batch]
    inputs = [entry.pixels for entry in prepared if isinstance(entry, _Prepared)]
    found = session.run(np.concatenate(inputs), ("probability", "novelty")) if inputs else {}
    numbers = iter(zip(found["probability"][:, 0], found["novelty"][:, 0], strict=True)) if inputs else iter(())
    outcomes = []
    for row, entry in zip(batch, prepared, strict=True):
        outcome = _outcome(row, source)
        if isinstance(entry, _Prepared):
            outcome = _with_what_the_file_says(outcome, entry.instance)
            probability, novelty = next(numbers)
            outcomes.append(_concluded(outcome, entry.reason, float(probability), float(novelty), manifest))
        else:
            outcomes.append(replace(outcome, status=entry[0], reason=entry[1]))
    return outcomes


def _outcome(row: LabelledRadiograph, source: Source) -> Outcome:
    finding = row.finding or ("unknown" if row.label is None else LABEL_NAMES[row.label])
    return Outcome(
        name=source.name_of(row),
        label=row.label,
        finding=finding,
        status=Status.FAILED,
        patient=row.patient_id,
        site=row.site,
        age_years=row.age_years,
        sex=row.sex,
        view=row.view,
    )


def _with_what_the_file_says(outcome: Outcome, instance: Instance) -> Outcome:
    """Add what only the file knows; of what both know the source's word stands, since a person checked it."""
    return replace(
        outcome,
        age_years=instance.age_years if outcome.age_years is None else outcome.age_years,
        sex=outcome.sex or instance.patient_sex,
        view=outcome.view or instance.view_position,
        rows=instance.rows,
        columns=instance.columns,
    )


def _prepare(
    row: LabelledRadiograph, manifest: Manifest, eligibility: Eligibility | None
) -> _Prepared | tuple[Status, str]:
    try:
        data = row.path.read_bytes()
        instance = _described(row, data)
        reason = None if eligibility is None else eligibility(instance, manifest.intended_use)
        radiograph = read_radiograph(data, at_least=manifest.preprocessing.decode_at_least)
        return _Prepared(instance=instance, pixels=prepare(radiograph, manifest.preprocessing), reason=reason)
    except OSError as error:
        return Status.FAILED, f"the file cannot be opened: {error.strerror}"
    except NotEligible as error:
        return Status.NOT_ELIGIBLE, str(error)
    except NotAccepted as error:
        return Status.FAILED, str(error)


def _described(row: LabelledRadiograph, data: bytes) -> Instance:
    """Say what the file says of itself, and what the source says where the file is silent."""
    instance = describe_instance(data)
    return replace(
        instance,
        age_years=row.age_years if instance.age_years is None else instance.age_years,
        view_position=row.view if instance.view_position is None else instance.view_position,
    )


def _concluded(outcome: Outcome, reason: str | None, probability: float, novelty: float, manifest: Manifest) -> Outcome:
    """Say what the numbers mean at the package's limits, as triage does."""
    if not np.isfinite([probability, novelty]).all():
        return replace(outcome, status=Status.FAILED, reason="the model gave no number for this radiograph")
    if reason is None and novelty > manifest.novelty.limit:
        reason = "does not look like the radiographs the model was trained on"
    return replace(
        outcome,
        status=Status.ASSESSED if reason is None else Status.NOT_ELIGIBLE,
        reason=reason,
        probability=probability,
        band=manifest.operating_points.band(probability) if reason is None else None,
        novelty=novelty,
    )
