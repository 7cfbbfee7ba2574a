"""What the package is worth in use: where it may stay silent, what its decisions gain, how long patients wait."""

from collections.abc import Mapping

from lingula.training.charts import Chart
from lingula.training.evaluation.report.drawing import drawn
from lingula.training.evaluation.report.words import estimate, percent
from lingula.training.evaluation.result import EvaluationResult
from lingula.training.page import Section, figures, section, table
from lingula.training.statistics.reading_queue import ReadingRoom


def silence_section(result: EvaluationResult, charts: Mapping[str, Chart]) -> Section | None:
    """Give errors over the share of radiographs that is decided."""
    found = result.risk_coverage
    if found is None:
        return None
    rows = [(percent(entry.asked), percent(entry.decided), estimate(entry.accuracy)) for entry in found.selective]
    note = (
        f"Decided at {found.threshold:.4f}, the surest first; sureness is the distance from that threshold in "
        f"log-odds. Mean share of errors over all shares decided (AURC): {estimate(found.area, 4)}; with the same "
        f"errors all among the least sure it would be {found.least_area:.4f}."
    )
    return section(
        "Staying silent",
        figures(*drawn(charts, "risk-coverage")),
        table(("asked to decide", "decided", "accuracy"), rows, note=note),
    )


def decision_section(result: EvaluationResult, charts: Mapping[str, Chart]) -> Section | None:
    """Give the net benefit of decisions at a few odds and prevalences."""
    if not result.decision_curves:
        return None
    rows = [
        (
            percent(curve.prevalence),
            f"1:{1 / point.odds:.0f}",
            estimate(point.model),
            estimate(point.rule_out),
            f"{point.treat_all:.3f}",
        )
        for curve in result.decision_curves
        for point in (curve.points[0], curve.points[len(curve.points) // 2], curve.points[-1])
    ]
    note = (
        "Net benefit per radiograph: pneumonia found, less needless looks weighted by the odds; flagging nobody gives "
        "0. Odds of 1:20 hold one missed pneumonia as bad as twenty needless looks. By the model: at the probability "
        "these odds ask for, moved to the prevalence; by rule out: at the package's own threshold whatever the odds."
    )
    return section(
        "Decisions",
        figures(*drawn(charts, *(name for name in charts if name.startswith("decision")))),
        table(("prevalence", "odds", "by the model", "by rule out", "flagging everybody"), rows, note=note),
    )


def queue_section(result: EvaluationResult, charts: Mapping[str, Chart]) -> Section | None:
    """Give how long who waits in a reading room, in each order of reading."""
    room = result.reading_room
    if room is None:
        return None
    rows = [
        (
            order.order,
            *(f"{waits.mean.value:.0f}" for waits in (order.positives, order.negatives)),
            "none" if order.missed is None else f"{order.missed.mean.value:.0f}",
            *(f"{waits.longest.value:.0f}" for waits in (order.positives, order.negatives)),
            estimate(order.saved, 1),
        )
        for order in room.orders
    ]
    head = (
        "order",
        "pneumonia",
        "no pneumonia",
        "pneumonia missed",
        "longest, pneumonia",
        "longest, no pneumonia",
        "saved for pneumonia",
    )
    traffic = room.traffic
    note = (
        f"A simulation: {traffic.arrivals:.3g} radiographs an hour at random, {percent(traffic.prevalence)} with "
        f"pneumonia, {traffic.reading_minutes:g} minutes each on average, {_readers(traffic.readers)} busy "
        f"{percent(room.utilisation)} of the time; bands as this package gave them here, {traffic.replications} times "
        f"{traffic.studies} radiographs. Caps: {_caps(room)}; by priority alone {percent(room.beyond_cap)} wait "
        "longer. Pneumonia missed are those in the band unlikely: they pay for errors."
    )
    return section(
        "Waiting for a doctor",
        figures(*drawn(charts, "reading-room")),
        table(head, rows, caption="Minutes until reading begins", note=note),
    )


def _readers(count: int) -> str:
    return "one reader" if count == 1 else f"{count} readers"


def _caps(room: ReadingRoom) -> str:
    return ", ".join(f"{priority} {minutes:g} minutes" for priority, minutes in room.caps.items())
