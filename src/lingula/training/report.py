"""The page of an evaluation: one HTML file with its figures inside, to be read, printed and sent.

No radiograph is shown unless asked for; names of files are, because whoever mends a label must find it.
"""

import base64
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from PIL import Image

from lingula.modelpackage.preprocessing import DEFAULT_PREPROCESSING, resize_pixels
from lingula.radiology.reading import read_radiograph
from lingula.training.charts import to_svg
from lingula.training.figures import (
    Scored,
    draw_histogram,
    draw_precision_recall,
    draw_reliability,
    draw_roc,
    markers_on_precision_recall,
    markers_on_roc,
)
from lingula.training.labelled import LABEL_NAMES, Source
from lingula.training.measures import PREVALENCES, FindingMeasured, Measured, PointMeasured
from lingula.training.outcomes import Outcome
from lingula.training.result import EvaluationResult, write_estimate

_STYLE = """
:root { color-scheme: light dark; --ink: light-dark(#1b2430, #e6ebf0); --soft: light-dark(#5b6875, #9fb0bf);
  --edge: light-dark(#d5dce3, #33414f); --back: light-dark(#ffffff, #10161c); --one: light-dark(#14649a, #6fb7e8);
  --two: light-dark(#b4512b, #f09a6c); }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--back); max-width: 76rem;
  margin: 2rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
.soft { color: var(--soft); } .warning { border-left: 4px solid var(--two); padding: .4rem .9rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(16rem, 1fr)); gap: 1rem; }
svg text { font-size: 11px; fill: var(--ink); } svg .title { font-size: 13px; font-weight: 600; }
svg .frame { fill: none; stroke: var(--edge); } svg .curve { fill: none; stroke: var(--one); stroke-width: 2.2; }
svg .chance { fill: none; stroke: var(--soft); stroke-dasharray: 4 4; } svg .bar { stroke: var(--one); }
svg .dot { fill: var(--two); } svg .normal { fill: var(--one); } svg .pneumonia { fill: var(--two); }
svg .leader { fill: none; stroke: var(--soft); stroke-width: .7; }
svg .threshold { stroke: var(--ink); stroke-dasharray: 2 3; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: .6rem 0; } caption { text-align: left; font-weight: 600; padding: .3rem 0; }
th, td { text-align: left; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--edge); vertical-align: top; }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
.pictures { display: flex; flex-wrap: wrap; gap: 1rem; } figure { margin: 0; width: 224px; font-size: .8rem; }
@media print { body { margin: 0; max-width: none; } }
"""
_SHOWN_REFUSALS = 200
_MEASURE_NAMES = {
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "ppv": "PPV",
    "npv": "NPV",
    "accuracy": "accuracy",
    "f1": "F1",
    "mcc": "Matthews correlation",
}


def write_page(path: Path, result: EvaluationResult, scored: Scored | None, pictures_from: Source | None) -> None:
    """Write the page; `pictures_from` names the source whose most wrongly decided radiographs are to be shown."""
    sections = [_head(result), _counts(result)]
    if result.everyone is not None and scored is not None:
        sections += [_figures(result.everyone, scored), _ranking(result), _points(result.everyone)]
    sections += [_findings(result.by_finding), _most_wrong(result, pictures_from), _refusals(result), _notes(result)]
    title = escape(f"{result.package} on {result.source}")
    path.write_text(
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body>{''.join(sections)}</body></html>\n",
        encoding="utf-8",
    )


def _table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    names = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(
        "<tr>" + "".join(f'<td class="number">{escape(cell)}</td>' for cell in row) + "</tr>" for row in rows
    )
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f'<div class="wide"><table>{title}<thead><tr>{names}</tr></thead><tbody>{body}</tbody></table></div>'


def _head(result: EvaluationResult) -> str:
    return (
        f"<h1>{escape(result.package)} on {escape(result.source)}</h1>"
        f'<p class="soft">evaluated {result.evaluated_at:%Y-%m-%d %H:%M} UTC; package sha256 '
        f"{escape(result.package_sha256)}</p>"
        f'<p class="warning">Supports a doctor\'s decision and never replaces it. {escape(result.intended_use)}</p>'
    )


def _counts(result: EvaluationResult) -> str:
    statuses = _table(
        f"{result.radiographs} radiographs", ("status", "count"), [(k, str(v)) for k, v in result.by_status.items()]
    )
    columns = list(next(iter(result.bands.values()), {}))
    bands = _table(
        "Bands by label",
        ("label", *columns),
        [(label, *(str(counts[name]) for name in columns)) for label, counts in result.bands.items()],
    )
    return f"<h2>Radiographs</h2>{statuses}{bands}"


def _figures(made: Measured, scored: Scored) -> str:
    thresholds = [(point.name, point.decisions.threshold) for point in made.points[:2]]
    drawn = (
        draw_roc(scored, markers_on_roc(made.points)),
        draw_precision_recall(scored, markers_on_precision_recall(made.points)),
        draw_reliability(made.reliability),
        draw_histogram(scored, thresholds),
    )
    made_here = "".join(f"<div>{to_svg(chart, for_page=True)}</div>" for chart in drawn)
    return f'<h2>Curves</h2><div class="figures">{made_here}</div>'


def _ranking(result: EvaluationResult) -> str:
    named = (("all readable", result.everyone), ("assessed only", result.assessed_only))
    sets = [(name, made) for name, made in named if made is not None]
    by_patient = result.intervals_by == "patient"
    rows = [
        ("radiographs", *(str(made.radiographs) for _, made in sets)),
        ("patients", *(str(made.patients) if by_patient else "unknown" for _, made in sets)),
        ("AUROC", *(write_estimate(made.auroc) for _, made in sets)),
        ("average precision", *(write_estimate(made.average_precision) for _, made in sets)),
        ("Brier score", *(write_estimate(made.brier) for _, made in sets)),
        ("Brier score, balanced", *(f"{made.brier_balanced:.4f}" for _, made in sets)),
        ("calibration error", *(f"{made.calibration_error:.4f}" for _, made in sets)),
        ("calibration error, balanced", *(f"{made.calibration_error_balanced:.4f}" for _, made in sets)),
    ]
    words = (
        f"Intervals are 95 %, resampled by {result.intervals_by}. The calibration error is the mean distance between "
        "probability and share over 15 bins of equal size; balanced means that both labels weigh the same, because a "
        "probability that holds at one prevalence looks wrong at another."
    )
    table = _table("", ("", *(name for name, _ in sets)), rows)
    return f'<h2>Ranking and calibration</h2>{table}<p class="soft">{words}</p>'


def _points(made: Measured) -> str:
    """Put the points side by side, since they are read against each other."""
    head = ("", *(f"{point.name}, at {point.decisions.threshold:.4f}" for point in made.points))
    rows = [("chosen for", *(point.intended for point in made.points))]
    rows += [
        (words, *(write_estimate(point.estimates[name], 3) for point in made.points))
        for name, words in _MEASURE_NAMES.items()
    ]
    rows += [
        (f"PPV / NPV at prevalence {share:.0%}", *(_at_prevalence(point, number) for point in made.points))
        for number, share in enumerate(PREVALENCES)
    ]
    counts = [point.decisions for point in made.points]
    rows += [
        ("pneumonia flagged", *(str(made.true_positive) for made in counts)),
        ("pneumonia not flagged", *(str(made.false_negative) for made in counts)),
        ("normal flagged", *(str(made.false_positive) for made in counts)),
        ("normal not flagged", *(str(made.true_negative) for made in counts)),
    ]
    return "<h2>Operating points, all readable radiographs</h2>" + _table("", head, rows)


def _at_prevalence(point: PointMeasured, number: int) -> str:
    entry = point.at_prevalence[number]
    return f"{_share(entry.ppv)} / {_share(entry.npv)}"


def _share(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"


def _findings(findings: Sequence[FindingMeasured]) -> str:
    rows = [
        (
            entry.finding,
            LABEL_NAMES[entry.label],
            str(entry.radiographs),
            write_estimate(entry.auroc),
            f"{entry.rule_out:.3f}",
            f"{entry.rule_in:.3f}",
        )
        for entry in findings
    ]
    head = ("finding", "label", "radiographs", "AUROC against the other label", "right at rule out", "right at rule in")
    return "<h2>By finding</h2>" + _table("", head, rows)


def _outcome_rows(outcomes: Iterable[Outcome]) -> list[tuple[str, ...]]:
    return [
        (
            entry.name,
            "unknown" if entry.label is None else LABEL_NAMES[entry.label],
            entry.status.value,
            "none" if entry.probability is None else f"{entry.probability:.4f}",
            "none" if entry.novelty is None else f"{entry.novelty:.2f}",
            entry.reason or "",
        )
        for entry in outcomes
    ]


_OUTCOME_HEAD = ("radiograph", "label", "status", "probability", "novelty", "reason")


def _most_wrong(result: EvaluationResult, pictures_from: Source | None) -> str:
    if not result.most_wrong:
        return ""
    shown = "" if pictures_from is None else _pictures(result.most_wrong, pictures_from)
    table = _table(
        "Assessed radiographs whose probability contradicts the label most",
        _OUTCOME_HEAD[:5],
        [row[:5] for row in _outcome_rows(result.most_wrong)],
    )
    return f"<h2>Most wrong</h2>{table}{shown}"


def _pictures(outcomes: Iterable[Outcome], source: Source) -> str:
    paths = {source.name_of(row): row.path for row in source.rows}
    shown = []
    for entry in outcomes:
        pixels = resize_pixels(read_radiograph(paths[entry.name].read_bytes()).pixels, DEFAULT_PREPROCESSING)
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        data = base64.b64encode(file.getvalue()).decode()
        shown.append(
            f'<figure><img alt="" width="224" height="224" src="data:image/png;base64,{data}">'
            f"<figcaption>{escape(entry.name)}: {_share(entry.probability)}</figcaption></figure>"
        )
    return f'<div class="pictures">{"".join(shown)}</div>'


def _refusals(result: EvaluationResult) -> str:
    if not result.refusals:
        return "<h2>Not assessed</h2><p>Every radiograph was assessed.</p>"
    reasons = Counter(f"{entry.status.value}: {entry.reason}" for entry in result.refusals)
    counted = _table("", ("reason", "count"), [(reason, str(count)) for reason, count in reasons.most_common()])
    listed = _table(
        f"The first {_SHOWN_REFUSALS} of {len(result.refusals)}" if len(result.refusals) > _SHOWN_REFUSALS else "",
        _OUTCOME_HEAD,
        _outcome_rows(result.refusals[:_SHOWN_REFUSALS]),
    )
    return f"<h2>Not assessed</h2>{counted}{listed}"


def _notes(result: EvaluationResult) -> str:
    if not result.notes:
        return ""
    return "<h2>Notes</h2><ul>" + "".join(f"<li>{escape(note)}</li>" for note in result.notes) + "</ul>"
