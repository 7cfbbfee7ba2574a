"""A package measured on labelled radiographs it was not made with: numbers, a page, and every single assessment.

What is measured is what a hospital would get, at the thresholds the package states; nothing is fitted here.
Radiographs that are not eligible are counted and listed, and measured too, so that refusing the difficult ones cannot
make a model look better than it is.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from lingula.errors import TrainingError
from lingula.modelpackage.archive import ModelPackage
from lingula.radiology.study import Band, Status
from lingula.training.data.labelled import LABEL_NAMES, Progress, Source
from lingula.training.data.out_folder import make_out_folder
from lingula.training.data.outcomes import Outcome
from lingula.training.data.predictions import FILE_NAME, write_predictions
from lingula.training.data.seen import count_seen
from lingula.training.evaluation.report import Painter, Shown, write_report
from lingula.training.evaluation.result import EvaluationResult
from lingula.training.evaluation.running import Eligibility, run_package
from lingula.training.figures import Scored
from lingula.training.probes import ProbeOptions, Told, probe_package
from lingula.training.statistics.cases import Cases
from lingula.training.statistics.decision_curve import measure_decision_curves
from lingula.training.statistics.measures import Measured, measure, measure_findings
from lingula.training.statistics.reading_queue import CaseMix, ReadingRoom, ReadingRules, Traffic, simulate_reading
from lingula.training.statistics.risk_coverage import measure_risk_coverage
from lingula.training.statistics.subgroups import measure_subgroups

_TRAFFIC = Traffic(arrivals=11.4)  # one reader, five minutes each, busy 95 % of the time: below, a cap never acts
_MOST_WRONG = 12
_MOST_RIGHT = 3  # of each label
_NO_BAND = "no band"
UNPROBED = "nothing was probed: the assessed radiographs drawn for it, two at least, must show both labels"


@dataclass(frozen=True, kw_only=True)
class EvaluationOptions:
    """What is done beside running the package on every radiograph.

    Parameters
    ----------
    eligibility
        Triage's check of what a file says of itself against the intended use; without it only pixels can refuse.
    paint
        Triage's drawing of heat maps: shows radiographs in the page, which is then as confidential as they are.
    rules
        Triage's order of the worklist, for the simulation of a reading room.
    split
        The split file of the package's run, which tells what it has seen.
    probes
        How many radiographs are probed, and with what.
    """

    eligibility: Eligibility | None = None
    paint: Painter | None = None
    rules: ReadingRules | None = None
    split: Path | None = None
    probes: ProbeOptions = field(default_factory=ProbeOptions)


def evaluate_package(
    package: ModelPackage,
    source: Source,
    *,
    out: Path,
    options: EvaluationOptions | None = None,
    progress: Progress | None = None,
    told: Told = lambda _: None,
) -> EvaluationResult:
    """Run a package on every radiograph and write what it is worth.

    ``out`` gets ``evaluation.json``, ``evaluation.html`` (one file, no network), ``predictions.csv`` and ``figures``.

    Parameters
    ----------
    progress, told
        Told how many radiographs are assessed, and what is measured then.

    Raises
    ------
    TrainingError
        If `out` cannot be written, a radiograph is listed twice, none could be read, masks fit none of those probed, or
        the split is not the package's.
    PackageDamaged
        If the package's graph does not keep the contract.
    """
    options = options or EvaluationOptions()
    _refuse_repeated(source)
    make_out_folder(out)
    seen = None if options.split is None else count_seen(source, options.split, package.manifest)
    outcomes = run_package(package, source, eligibility=options.eligibility, progress=progress)
    if all(entry.probability is None for entry in outcomes):
        why = outcomes[0].reason if outcomes else "the source is empty"
        raise TrainingError(f"none of {len(outcomes)} radiographs of {source.name} could be read: {why}")
    probes = probe_package(package, source, outcomes, options.probes, told)
    told("numbers")
    room = _reading_room(outcomes, options.rules)
    result = replace(_summarise(package, source, outcomes), probes=probes, reading_room=room, seen=seen)
    if probes is None and options.probes.radiographs > 0:
        result = replace(result, notes=(*result.notes, UNPROBED))
    told("report")
    write_predictions(out / FILE_NAME, outcomes)
    (out / "evaluation.json").write_bytes(TypeAdapter(EvaluationResult).dump_json(result, indent=2))
    shown = None if options.paint is None else Shown(source=source, package=package, paint=options.paint)
    write_report(out, result, _scored(outcomes), shown)
    return result


def _refuse_repeated(source: Source) -> None:
    counted = Counter(source.name_of(row) for row in source.rows)
    repeated = [name for name, count in counted.items() if count > 1]
    if repeated:
        raise TrainingError(
            f"{source.name} lists {repeated[0]!r} {counted[repeated[0]]} times ({len(repeated)} radiographs more than "
            "once), which would count them as often; keep one line of each"
        )


def _scored(outcomes: Sequence[Outcome]) -> Scored | None:
    cases = Cases.of(outcomes)
    if not cases.has_both_labels:
        return None
    return Scored(labels=cases.labels, probabilities=cases.probabilities, patients=cases.patients)


def _reading_room(outcomes: Sequence[Outcome], rules: ReadingRules | None) -> ReadingRoom | None:
    if rules is None or not Cases.of(outcomes).has_both_labels:
        return None
    return simulate_reading(CaseMix.of(outcomes), rules, _TRAFFIC)


def _summarise(package: ModelPackage, source: Source, outcomes: Sequence[Outcome]) -> EvaluationResult:
    points = package.manifest.operating_points
    everyone = Cases.of(outcomes)
    assessed = Cases.of([entry for entry in outcomes if entry.status is Status.ASSESSED])
    findings = [entry.finding for entry in everyone.outcomes]
    ranked = everyone if everyone.has_both_labels else None
    rule_out = points.rule_out.threshold

    def measured(cases: Cases) -> Measured | None:
        return measure(cases.labels, cases.probabilities, cases.patients, points) if cases.has_both_labels else None

    statuses = Counter(entry.status for entry in outcomes)
    return EvaluationResult(
        package=package.label,
        package_sha256=package.sha256,
        intended_use=package.manifest.intended_use.statement,
        lungs_blanked_allowed=None if (gate := package.manifest.gate) is None else gate.lungs_blanked_auroc_at_most,
        source=source.name,
        evaluated_at=datetime.now(UTC),
        radiographs=len(outcomes),
        by_status={status.value: statuses[status] for status in (Status.ASSESSED, Status.NOT_ELIGIBLE, Status.FAILED)},
        intervals_by="patient" if all(entry.patient for entry in everyone.outcomes) else "radiograph",
        everyone=measured(everyone),
        assessed_only=measured(assessed),
        by_finding=measure_findings(findings, everyone.labels, everyone.probabilities, everyone.patients, points),
        subgroups=None if ranked is None else measure_subgroups(ranked, points),
        risk_coverage=None if ranked is None else measure_risk_coverage(ranked, rule_out),
        decision_curves=() if ranked is None else measure_decision_curves(ranked, rule_out),
        bands=_count_bands(outcomes),
        refusals=tuple(entry for entry in outcomes if entry.status is not Status.ASSESSED),
        most_wrong=_most_wrong(assessed),
        most_right=_most_right(assessed),
        notes=tuple(_notes(source, everyone, len(outcomes))),
    )


def _count_bands(outcomes: Sequence[Outcome]) -> dict[str, dict[str, int]]:
    columns = [*(band.value for band in Band), _NO_BAND]
    counted: dict[str, dict[str, int]] = {}
    for label in (1, 0, None):
        rows = [entry for entry in outcomes if entry.label == label]
        found = Counter(_NO_BAND if entry.band is None else entry.band.value for entry in rows)
        if rows:
            counted["unknown" if label is None else LABEL_NAMES[label]] = {name: found[name] for name in columns}
    return counted


def _most_wrong(assessed: Cases) -> tuple[Outcome, ...]:
    distance = np.abs(assessed.probabilities - assessed.labels)
    order = np.argsort(-distance, kind="stable")[:_MOST_WRONG]
    return tuple(assessed.outcomes[place] for place in order if distance[place] > 0.5)  # noqa: PLR2004  on the far side


def _most_right(assessed: Cases) -> tuple[Outcome, ...]:
    """Give some of each label, the surest first."""
    distance = np.abs(assessed.probabilities - assessed.labels)
    order = np.argsort(distance, kind="stable")
    right = [place for place in order.tolist() if distance[place] < 0.5]  # noqa: PLR2004  on the label's side
    sides = [[place for place in right if assessed.labels[place] == label][:_MOST_RIGHT] for label in (1, 0)]
    return tuple(assessed.outcomes[place] for side in sides for place in side)


def _notes(source: Source, everyone: Cases, total: int) -> Iterator[str]:
    yield from source.notes
    if (left := total - len(everyone.outcomes)) > 0:
        yield f"{left} radiographs have no label or no readable pixels and are in no number"
    if (unknown := sum(entry.patient is None for entry in everyone.outcomes)) > 0:
        yield (
            f"{unknown} radiographs name no patient, each counts as a patient of its own: if patients have several, "
            "the intervals are too narrow"
        )
    if not everyone.has_both_labels:
        yield "the radiographs have one label only: ranking and calibration cannot be measured"
