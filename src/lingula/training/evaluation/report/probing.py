"""Why the package says what it says: changed radiographs, blanked lungs, heat maps, shuffled weights."""

from collections.abc import Iterable, Mapping

from lingula.training.charts import Chart
from lingula.training.evaluation.report.drawing import drawn
from lingula.training.evaluation.report.words import estimate, percent, share, stacked_estimate
from lingula.training.evaluation.result import EvaluationResult
from lingula.training.page import Html, Section, figures, joined, paragraph, section, small_print, subtitle, table
from lingula.training.probes import Probes, Stressed

_STRESS_HEAD = (
    "radiographs",
    "AUROC",
    "change of AUROC",
    "sensitivity, rule out",
    "specificity, rule out",
    "same band",
    "refused",
    "mean move",
)


def stress_section(result: EvaluationResult, charts: Mapping[str, Chart]) -> Section | None:
    """Give every stress beside the same radiographs unchanged."""
    probes = result.probes
    if probes is None:
        return None
    note = (
        "Each change leaves the disease as it was. The change of AUROC is paired: the same patients are drawn for "
        "both. Same band: the share a doctor would see in the same band; refused: novelty beyond the limit; mean move: "
        "mean absolute change of the probability."
    )
    return section(
        "Stress",
        paragraph(_drawn_words(probes)),
        figures(*drawn(charts, "stress")),
        _stress_table((probes.stress.unchanged, *probes.stress.stressed), note),
    )


def _drawn_words(probes: Probes) -> str:
    return (
        f"Probes are run on {probes.radiographs} assessed radiographs of {probes.patients} patients, "
        f"{probes.positives} with pneumonia, drawn with seed {probes.seed}, half of each label as far as there are "
        "enough."
    )


def _stress_table(entries: Iterable[Stressed], note: str = "") -> Html:
    rows = [
        (
            entry.name,
            stacked_estimate(entry.auroc),
            stacked_estimate(entry.difference),
            share(entry.sensitivity),
            share(entry.specificity),
            percent(entry.same_band),
            percent(entry.refused),
            share(entry.moved),
        )
        for entry in entries
    ]
    return table(_STRESS_HEAD, rows, note=note)


def lungs_section(result: EvaluationResult) -> Section | None:
    """Give what is left to rank by without lungs, and without anything else."""
    probes = result.probes
    if probes is None:
        return None
    note = (
        "Painted one grey, the same for every radiograph, with a margin of 2 % of the side; the lungs are those the "
        "package finds on the unchanged radiograph. A package that reads lungs falls towards 0.5 without them and "
        "holds without the rest. The shape of the lungs stays visible in both, and pneumonia changes it, so a little "
        "above 0.5 is no proof of a shortcut. Refused radiographs count here, though no doctor would see their "
        "probability."
    )
    stress = probes.stress
    return section(
        "Lungs taken away",
        _stress_table((stress.unchanged, stress.lungs_blanked, stress.surroundings_blanked), note),
    )


def maps_section(result: EvaluationResult, charts: Mapping[str, Chart]) -> Section | None:
    """Say where the heat maps lie and whether they are made by what was learnt."""
    probes = result.probes
    if probes is None:
        return None
    return section(
        "Heat maps", subtitle("Inside the lungs?"), _looking(probes), *_pointing(probes), *_shuffled(probes, charts)
    )


def _looking(probes: Probes) -> Html:
    rows = [
        (
            f"{entry.label}, {entry.lungs}",
            str(entry.radiographs),
            str(entry.silent),
            stacked_estimate(entry.inside),
            stacked_estimate(entry.near),
            share(entry.peak_inside),
            share(entry.lungs_share),
        )
        for entry in probes.looking.by_label
    ]
    dice = probes.looking.dice
    note = (
        "Mean share of a map's mass inside the lungs, and inside the lungs widened by a twentieth of the side, since a "
        "map's cells are coarse. A map spread evenly over the picture would have the lungs' share of the frame inside. "
        "Silent maps show nothing and are in no share."
    ) + (
        "" if dice is None else f" The package's lungs agree with the drawn ones with a Dice coefficient of {dice:.3f}."
    )
    head = ("maps", "radiographs", "silent", "inside", "inside or near", "peak inside", "lungs' share of the frame")
    return table(head, rows, note=note)


def _pointing(probes: Probes) -> list[Html]:
    found = probes.pointing
    if found is None:
        return []
    rows = [(str(found.radiographs), estimate(found.hits), share(found.chance))]
    note = (
        "Share of the radiographs with marked findings whose map is highest inside a mark; by chance, the marks' area."
    )
    return [subtitle("On the marks?"), table(("radiographs with marks", "hits", "by chance"), rows, note=note)]


def _shuffled(probes: Probes, charts: Mapping[str, Chart]) -> list[Html]:
    made = [subtitle("Made by what was learnt?")]
    if (found := probes.randomisation) is None:
        return [*made, joined(*(small_print(f"Left out: {reason}.") for reason in probes.left_out))]
    rows = [
        (str(step.layers), share(step.rank_correlation), share(step.similarity), percent(step.flat))
        for step in found.steps
    ]
    note = (
        f"The classifier's weights are shuffled layer after layer from the output inwards, {found.layers} layers in "
        f"all, and the maps of {found.radiographs} radiographs compared with the true ones in the box around the "
        "lungs. A map that stays like itself shows the picture, not what was learnt (Adebayo et al. 2018)."
    )
    head = ("layers shuffled", "rank correlation", "structural similarity", "maps that became flat")
    return [*made, figures(*drawn(charts, "randomisation")), table(head, rows, note=note)]
