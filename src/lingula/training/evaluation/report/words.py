"""How a report writes numbers and outcomes."""

from collections.abc import Iterable

from lingula.modelpackage.manifest import Estimate
from lingula.training.data.labelled import LABEL_NAMES
from lingula.training.data.outcomes import Outcome
from lingula.training.evaluation.result import write_estimate
from lingula.training.page import Html, safe, stacked

OUTCOME_HEAD = ("radiograph", "label", "status", "probability", "novelty", "reason")


def share(value: float | None) -> str:
    """Write a share of 0-1."""
    return "undefined" if value is None else f"{value:.3f}"


def percent(value: float) -> str:
    """Write a share as a percentage."""
    return f"{value:.1%}".replace("%", " %")


def estimate(value: Estimate | None, digits: int = 3) -> str:
    """Write a number with its interval, or that there is none."""
    return write_estimate(value, digits)


def interval(value: Estimate | None, digits: int = 3) -> str:
    """Write the interval alone, for small print."""
    return "" if value is None else value.interval(digits)


def stacked_estimate(value: Estimate | None, missing: str = "undefined") -> Html:
    """Write a number with its interval below, for tables of many columns."""
    return safe(missing) if value is None else stacked(f"{value.value:z.3f}", interval(value))


def label(value: int | None) -> str:
    """Write a label."""
    return "unknown" if value is None else LABEL_NAMES[value]


def outcome_rows(outcomes: Iterable[Outcome]) -> list[tuple[str, ...]]:
    """Write outcomes as rows under `OUTCOME_HEAD`."""
    return [
        (
            entry.name,
            label(entry.label),
            entry.status.value,
            "none" if entry.probability is None else f"{entry.probability:.4f}",
            "none" if entry.novelty is None else f"{entry.novelty:.2f}",
            entry.reason or "",
        )
        for entry in outcomes
    ]
