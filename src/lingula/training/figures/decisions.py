"""What decisions by the model lead to: risk over coverage, net benefit over odds, waits in a reading room."""

from collections.abc import Iterator

from lingula.training.charts import Axis, Band, Bars, Chart, Dots, Line, Mark, ticks_between
from lingula.training.statistics.decision_curve import LEAST_ODDS, MOST_ODDS, DecisionCurve
from lingula.training.statistics.reading_queue import OrderMeasured, ReadingRoom
from lingula.training.statistics.risk_coverage import RiskCoverage

_ODDS = tuple((1 / number, f"1:{number}") for number in (20, 10, 5, 3, 2))
_KINDS = ("pneumonia", "no pneumonia", "pneumonia missed")


def draw_risk_coverage(found: RiskCoverage) -> Chart:
    """Draw the share of errors over the share of radiographs decided, and by chance (dashed)."""
    highest = 1.15 * max(high for *_, high in found.curve) or 0.01
    overall = found.curve[-1][1]
    return Chart(
        title=f"Risk and coverage at {found.threshold:.3g}",
        x=Axis(title="share of radiographs decided, surest first"),
        y=Axis(title="share of errors among them", high=highest, ticks=ticks_between(0, highest)),
        marks=(
            Line(points=((0, overall), (1, overall))),
            Band(edges=[(place, low, high) for place, _, low, high in found.curve], series=0),
            Line(points=[(place, risk) for place, risk, _, _ in found.curve], series=0),
            *_coverages(found),
        ),
    )


def _coverages(found: RiskCoverage) -> Iterator[Mark]:
    for entry in found.selective:
        yield Dots(points=((entry.decided, 1 - entry.accuracy.value),), series=1)


def draw_decision_curve(curve: DecisionCurve) -> Chart:
    """Draw net benefit over odds for the model, its rule-out point, everybody and nobody flagged."""
    points = curve.points
    highest = 1.08 * max(max(point.model.high, point.treat_all) for point in points)
    lowest = -0.35 * highest
    rows = [(point.odds, point.model.low, point.model.high) for point in points]
    has_left = points[len(points) // 3].treat_all < lowest  # flagging all fell out of the chart on its left
    return Chart(
        title=f"Net benefit where {100 * curve.prevalence:.3g} % have pneumonia",
        x=Axis(
            title="one missed against so many needless looks",
            low=LEAST_ODDS,
            high=MOST_ODDS,
            ticks=_ODDS,
            is_logarithmic=True,
        ),
        y=Axis(title="net benefit", low=lowest, high=highest, ticks=ticks_between(lowest, highest)),
        marks=(
            Line(points=((LEAST_ODDS, 0), (MOST_ODDS, 0))),
            Band(edges=rows, series=0),
            Line(points=[(point.odds, point.model.value) for point in points], series=0, name="model"),
            Line(points=[(point.odds, point.rule_out.value) for point in points], series=1, name="its rule-out point"),
            Line(points=[(point.odds, point.treat_all) for point in points], series=2, name="flag all"),
        ),
        legend="lower right" if has_left else "lower left",
    )


def draw_reading_room(room: ReadingRoom) -> Chart:
    """Draw mean waits as bars with their intervals, and the longest waits as dots."""
    groups = [list(_waits(order)) for order in room.orders]
    highest = 1.25 * max(longest for group in groups for *_, longest in group)
    marks: list[Mark] = []
    for kind, name in enumerate(_KINDS):
        boxes, whiskers, longest = [], [], []
        for number, group in enumerate(groups):
            for which, mean, low, high, most in group:
                if which == kind:
                    left = number + 0.14 + 0.25 * kind
                    boxes.append((left, left + 0.22, 0.0, mean))
                    whiskers.append(Line(points=((left + 0.11, low), (left + 0.11, high)), is_thin=True))
                    longest.append((left + 0.11, most))
        if boxes:
            marks += [Bars(boxes=boxes, series=kind, name=name), *whiskers, Dots(points=longest, series=kind)]
    traffic = room.traffic
    return Chart(
        title=f"Waiting to be read, readers busy {100 * room.utilisation:.0f} % of their time",
        x=Axis(
            title=f"{traffic.readers} reader{'s' if traffic.readers > 1 else ''}, {traffic.arrivals:.3g} an hour, "
            f"{100 * traffic.prevalence:.3g} % "
            "with pneumonia (bars: mean, dots: longest)",
            high=float(len(groups)),
            ticks=tuple((number + 0.5, order.order) for number, order in enumerate(room.orders)),
        ),
        y=Axis(title="minutes", high=highest, ticks=ticks_between(0, highest)),
        marks=tuple(marks),
        legend="upper left",
        width=504,
    )


def _waits(order: OrderMeasured) -> Iterator[tuple[int, float, float, float, float]]:
    for kind, waits in enumerate((order.positives, order.negatives, order.missed)):
        if waits is not None:
            yield kind, waits.mean.value, waits.mean.low, waits.mean.high, waits.longest.value
