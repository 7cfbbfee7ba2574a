"""The page of an evaluation: one HTML file with its figures inside, to be read, printed and sent.

No radiograph is shown unless asked for; names of files are, because whoever mends a label must find it. Each figure
also lies beside the page, as SVG and as PNG, for papers and slides.
"""

from collections.abc import Collection
from pathlib import Path

from lingula.training.charts import write_charts
from lingula.training.evaluation.report.cases import notes_section, refusals_section, shown_section
from lingula.training.evaluation.report.drawing import draw_charts
from lingula.training.evaluation.report.groups import findings_section, groups_section
from lingula.training.evaluation.report.overview import facts_section, radiographs_section
from lingula.training.evaluation.report.pictures import Painter, Shown
from lingula.training.evaluation.report.probing import lungs_section, maps_section, stress_section
from lingula.training.evaluation.report.ranking import points_section, ranking_section
from lingula.training.evaluation.report.use import decision_section, queue_section, silence_section
from lingula.training.evaluation.result import EvaluationResult
from lingula.training.figures import Scored
from lingula.training.page import page

__all__ = ["Painter", "Shown", "write_report"]

PAGE, FIGURES = "evaluation.html", "figures"


def write_report(out: Path, result: EvaluationResult, scored: Scored | None, shown: Shown | None) -> None:
    """Write the page and its figures into a folder.

    Parameters
    ----------
    scored
        What the curves are drawn from; None where one label alone leaves nothing to draw.
    shown
        How to show radiographs; without it the page has none and is no secret.
    """
    charts = draw_charts(result, scored)
    sections = (
        facts_section(result),
        radiographs_section(result),
        ranking_section(result, charts),
        points_section(result),
        findings_section(result),
        groups_section(result, charts),
        silence_section(result, charts),
        decision_section(result, charts),
        queue_section(result, charts),
        stress_section(result, charts),
        lungs_section(result),
        maps_section(result, charts),
        shown_section(result, shown),
        refusals_section(result),
        notes_section(result),
    )
    made = page(
        f"{result.package} on {result.source}",
        [section for section in sections if section is not None],
        under=(
            f"evaluated {result.evaluated_at:%Y-%m-%d %H:%M} UTC; package sha256 {result.package_sha256}",
            "95 % intervals in brackets, resampled by " + result.intervals_by,
        ),
        notice=f"Supports a doctor's decision and never replaces it. {result.intended_use}",
    )
    (out / PAGE).write_text(made, encoding="utf-8")
    _remove_stale(out / FIGURES, charts)
    if charts:
        write_charts(out / FIGURES, charts)


def _remove_stale(folder: Path, names: Collection[str]) -> None:
    """Take away figures of an earlier report in the same folder: beside this page they would pass for its own."""
    for path in folder.glob("*"):
        if path.suffix in {".svg", ".png"} and path.stem not in names:
            path.unlink()
