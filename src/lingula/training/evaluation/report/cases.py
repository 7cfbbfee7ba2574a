"""Single radiographs: those decided most wrongly and most surely, those not assessed, and what must be said besides."""

from collections import Counter

from lingula.training.evaluation.report.pictures import Shown
from lingula.training.evaluation.report.words import OUTCOME_HEAD, outcome_rows
from lingula.training.evaluation.result import EvaluationResult
from lingula.training.page import Section, bullets, folded, section, small_print, subtitle, table

_SHOWN_REFUSALS = 200
_NUMBERS = 5  # columns of an outcome before its reason


def shown_section(result: EvaluationResult, shown: Shown | None) -> Section | None:
    """List the radiographs whose probability contradicts the label most, and show them if that was asked for."""
    if not result.most_wrong and shown is None:
        return None
    parts = []
    if result.most_wrong:
        rows = [row[:_NUMBERS] for row in outcome_rows(result.most_wrong)]
        caption = "Assessed radiographs whose probability contradicts the label most"
        parts.append(table(OUTCOME_HEAD[:_NUMBERS], rows, caption=caption))
    if shown is not None:
        parts += [subtitle("Most wrong"), shown.gallery(result.most_wrong)] if result.most_wrong else []
        parts += [subtitle("Right and most sure"), shown.gallery(result.most_right)] if result.most_right else []
        parts.append(
            small_print(
                "Colours show where the package sees pneumonia, on one scale for all; the thin line shows where it "
                "believes the lungs to be. These are patients' radiographs: keep this page as you keep them."
            )
        )
    return section("Single radiographs", *parts)


def refusals_section(result: EvaluationResult) -> Section:
    """Count why radiographs were not assessed, and list them."""
    if not result.refusals:
        return section("Not assessed", "Every radiograph was assessed.")
    reasons = Counter(f"{entry.status.value}: {entry.reason}" for entry in result.refusals)
    counted = table(("reason", "radiographs"), [(reason, str(count)) for reason, count in reasons.most_common()])
    first = f"the first {_SHOWN_REFUSALS} of " if len(result.refusals) > _SHOWN_REFUSALS else "all "
    listed = table(OUTCOME_HEAD, outcome_rows(result.refusals[:_SHOWN_REFUSALS]))
    return section("Not assessed", counted, folded(f"List {first}{len(result.refusals)}", listed))


def notes_section(result: EvaluationResult) -> Section | None:
    """Give what reading the source had to assume or leave aside."""
    return section("Notes", bullets(result.notes)) if result.notes else None
