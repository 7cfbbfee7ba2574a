"""How well probabilities rank and hold, and what each operating point decides."""

from collections.abc import Mapping

from lingula.training.charts import Chart
from lingula.training.evaluation.report.drawing import drawn
from lingula.training.evaluation.report.words import estimate, percent, share
from lingula.training.evaluation.result import EvaluationResult
from lingula.training.page import Html, Section, columns, figures, joined, section, small_print, subtitle, table
from lingula.training.statistics.measures import PREVALENCES, Measured, PointMeasured

_MEASURE_NAMES = {
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "ppv": "PPV",
    "npv": "NPV",
    "accuracy": "accuracy",
    "f1": "F1",
    "mcc": "Matthews correlation",
}


def ranking_section(result: EvaluationResult, charts: Mapping[str, Chart]) -> Section | None:
    """Give curves and the numbers that need no threshold; None where one label alone leaves nothing to rank."""
    if result.everyone is None:
        return None
    named = (("all readable", result.everyone), ("assessed only", result.assessed_only))
    sets = [(name, made) for name, made in named if made is not None]
    by_patient = result.intervals_by == "patient"
    rows = [
        ("radiographs", *(str(made.radiographs) for _, made in sets)),
        ("patients", *(str(made.patients) if by_patient else "unknown" for _, made in sets)),
        ("with pneumonia", *(str(made.positives) for _, made in sets)),
        ("AUROC", *(estimate(made.auroc, 4) for _, made in sets)),
        ("average precision", *(estimate(made.average_precision, 4) for _, made in sets)),
        ("Brier score", *(estimate(made.brier, 4) for _, made in sets)),
        ("Brier score, balanced", *(f"{made.brier_balanced:.4f}" for _, made in sets)),
        ("calibration error", *(f"{made.calibration_error:.4f}" for _, made in sets)),
        ("calibration error, balanced", *(f"{made.calibration_error_balanced:.4f}" for _, made in sets)),
        ("calibration slope, intercept, balanced", *(_recalibration(made) for _, made in sets)),
        ("log loss", *(f"{made.log_loss:.4f}" for _, made in sets)),
    ]
    words = (
        f"Intervals are 95 %, resampled by {result.intervals_by}. The calibration error (ECE) is the mean distance "
        "between probability and share over 15 bins of equal size; balanced means that both labels weigh the same, "
        "because a probability that holds at one prevalence looks wrong at another. A slope of 1 and an intercept of 0 "
        "hold; a slope below 1 means that probabilities are too extreme, an intercept above 0 that they are too low."
    )
    return section(
        "Ranking and calibration",
        figures(
            *drawn(
                charts, "roc", "roc-corner", "precision-recall", "reliability", "reliability-balanced", "probabilities"
            )
        ),
        table(("", *(name for name, _ in sets)), rows, note=words),
    )


def _recalibration(made: Measured) -> str:
    fitted = made.recalibration
    return "undefined" if fitted is None else f"{fitted.scale:.2f}, {fitted.bias:+.2f}"


def points_section(result: EvaluationResult) -> Section | None:
    """Put the operating points side by side, since they are read against each other."""
    made = result.everyone
    if made is None:
        return None
    head = ("", *(f"{point.name}, at {point.decisions.threshold:.4f}" for point in made.points))
    rows = [("chosen for", *(point.intended for point in made.points))]
    rows += [
        (words, *(estimate(point.estimates[name]) for point in made.points)) for name, words in _MEASURE_NAMES.items()
    ]
    rows += [
        (f"PPV / NPV at prevalence {100 * prevalence:.0f} %", *(_at_prevalence(point, number) for point in made.points))
        for number, prevalence in enumerate(PREVALENCES)
    ]
    note = (
        "All readable radiographs, eligible or not. PPV and NPV depend on how common pneumonia is: the rows PPV "
        "and NPV hold for these radiographs, the last three for an emergency department, a ward and an epidemic."
    )
    return section("Operating points", table(head, rows, note=note), subtitle("Confusion matrices"), _confusions(made))


def _confusions(made: Measured) -> Html:
    tables = [
        table(
            ("", "flagged", "not flagged"),
            [
                _counts("pneumonia", point.decisions.true_positive, point.decisions.false_negative),
                _counts("normal", point.decisions.false_positive, point.decisions.true_negative),
            ],
            caption=f"{point.name}, at {point.decisions.threshold:.4f}",
        )
        for point in made.points
    ]
    return joined(columns(*tables), small_print("Counts, and in brackets the share of the label."))


def _counts(name: str, flagged: int, others: int) -> tuple[str, str, str]:
    total = max(1, flagged + others)
    return name, f"{flagged} ({percent(flagged / total)})", f"{others} ({percent(others / total)})"


def _at_prevalence(point: PointMeasured, number: int) -> str:
    entry = point.at_prevalence[number]
    return f"{share(entry.ppv)} / {share(entry.npv)}"
