"""What to see first: the few numbers that decide whether to read on, and which radiographs they rest on."""

from collections.abc import Iterator

from lingula.training.evaluation.report.words import interval, percent, share
from lingula.training.evaluation.result import EvaluationResult
from lingula.training.page import Fact, Section, bullets, facts, section, table
from lingula.training.probes import Probes

_MANY = 0.1  # of the radiographs refused
_TELLING = 0.7  # AUROC without lungs above which a shortcut is likely
_MUCH = 0.02  # of AUROC lost under a stress


def facts_section(result: EvaluationResult) -> Section:
    """Give the numbers to be seen first, and what must be known to read them."""
    cautions = list(_cautions(result))
    return section("In short", facts(_facts(result)), bullets(cautions) if cautions else "")


def _cautions(result: EvaluationResult) -> Iterator[str]:
    """Say in sentences what the numbers alone do not."""
    refused = result.radiographs - result.by_status.get("assessed", 0)
    if refused > _MANY * result.radiographs:
        yield f"{percent(refused / result.radiographs)} of the radiographs were not assessed and get no probability."
    if (seen := result.seen_in_words) is not None:
        yield seen
    if result.intervals_by != "patient":
        yield "Not every radiograph names its patient, so the intervals may be too narrow."
    if result.probes is not None:
        yield from _of_probes(result.probes, 1.0 if (most := result.lungs_blanked_allowed) is None else most)
    if result.subgroups is not None and (gap := result.subgroups.worst_gap) is not None:
        apart = sum(each.best != each.worst for each in result.subgroups.gaps)
        yield (
            f"Of {apart} gaps between a best and a worst group, the largest whose interval lies above 0 is in "
            f"{gap.measure} by {gap.kind}: {gap.best} over {gap.worst} by {share(gap.difference.value)} "
            f"({interval(gap.difference)}). Chosen after looking: some such gap is to be expected by chance."
        )


def _of_probes(probes: Probes, allowed: float) -> Iterator[str]:
    blanked, worst = probes.stress.lungs_blanked, probes.stress.worst
    if blanked.auroc is not None:
        found = f"{share(blanked.auroc.value)} ({interval(blanked.auroc)})"
        ranks = f"With the lungs blanked the package still ranks at {found}"
        if blanked.auroc.low > _TELLING:
            yield f"{ranks}: something beside the lungs tells the label."
        elif blanked.auroc.value > allowed:
            yield (
                f"{ranks}, more than the {share(allowed)} that its own gate allows. What surrounds the lungs of "
                "radiographs it learnt from is known to it; on others it should not be."
            )
    if worst.difference is not None and worst.difference.high < -_MUCH:
        yield f"Ranking falls by {share(-worst.difference.value)} when radiographs are {worst.name}."


def _facts(result: EvaluationResult) -> Iterator[Fact]:
    refused = result.radiographs - result.by_status.get("assessed", 0)
    yield Fact(name="radiographs", value=str(result.radiographs), note=f"{refused} not assessed")
    if (made := result.everyone) is not None:
        yield Fact(
            name="AUROC",
            value="undefined" if made.auroc is None else share(made.auroc.value),
            note=interval(made.auroc),
        )
        for point, measure in ((made.points[0], "sensitivity"), (made.points[0], "specificity")):
            found = point.estimates[measure]
            yield Fact(
                name=f"{measure} at {point.name}",
                value="undefined" if found is None else share(found.value),
                note=interval(found),
            )
        yield Fact(
            name="calibration error",
            value=share(made.calibration_error_balanced),
            note=f"labels weighing the same; {share(made.calibration_error)} as found",
        )
    if (probes := result.probes) is not None:
        worst, blanked = probes.stress.worst, probes.stress.lungs_blanked
        if worst.auroc is not None and blanked.auroc is not None:
            yield Fact(name="AUROC, worst stress", value=share(worst.auroc.value), note=worst.name)
            yield Fact(
                name="AUROC, lungs blanked",
                value=share(blanked.auroc.value),
                note="0.5 is right: nothing is left to read",
            )


def radiographs_section(result: EvaluationResult) -> Section:
    """Say what became of the radiographs."""
    statuses = table(
        ("status", "radiographs", "share"),
        [(name, str(count), percent(count / result.radiographs)) for name, count in result.by_status.items()],
        caption=f"{result.radiographs} radiographs",
    )
    columns = list(next(iter(result.bands.values()), {}))
    bands = table(
        ("label", *columns),
        [(label, *(str(counts[name]) for name in columns)) for label, counts in result.bands.items()],
        caption="Bands by label, as a doctor would see them",
    )
    return section("Radiographs", statuses, bands)
