"""A comparison for people: a table on the terminal, and a folder with the table, the numbers and the curves."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import TypeAdapter

from lingula.modelpackage.manifest import Estimate
from lingula.training.charts import write_charts
from lingula.training.comparing.measuring import Comparison, RunMeasured
from lingula.training.comparing.pairing import PairMeasured
from lingula.training.comparing.runs import JudgedRun
from lingula.training.data.out_folder import make_out_folder
from lingula.training.evaluation.result import write_estimate
from lingula.training.figures import Named, Scored, draw_precision_recall, draw_roc, draw_roc_corner
from lingula.training.statistics.paired import PairedTest

Row = tuple[str, ...]
_NO_BANDS = "no bands"
_LEAST_P = 0.0001


def table_lines(comparison: Comparison) -> tuple[list[Row], list[Row]]:
    """Give two tables with a heading each: the runs, and the tests against the first of them."""
    runs, pairs = comparison.runs, comparison.pairs
    head: Row = ("", *(run.name for run in runs))
    tests: Row = (f"compared with {runs[0].name}", *(pair.second for pair in pairs))
    return [head, *_run_rows(runs)], [tests, *_pair_rows(pairs)]


def write_comparison(folder: Path, comparison: Comparison, runs: Sequence[JudgedRun]) -> None:
    """Write ``comparison.json``, ``.md`` and ``.csv``, and the overlaid curves as SVG and PNG."""
    make_out_folder(folder)
    (folder / "comparison.json").write_bytes(TypeAdapter(Comparison).dump_json(comparison, indent=2))
    (folder / "comparison.md").write_text(as_markdown(comparison), encoding="utf-8")
    (folder / "comparison.csv").write_text(_as_csv(comparison), encoding="utf-8")
    named = [
        Named(
            name=run.name,
            scored=Scored(labels=run.cases.labels, probabilities=run.cases.probabilities, patients=run.cases.patients),
        )
        for run in runs
    ]
    charts = {
        "roc": draw_roc(named),
        "roc-corner": draw_roc_corner(named),
        "precision-recall": draw_precision_recall(named),
    }
    write_charts(folder, charts)


def as_markdown(comparison: Comparison) -> str:
    """Give the tables and what must be said of them."""
    runs, tests = (_markdown_table(rows) for rows in table_lines(comparison))
    notes = "".join(f"- {note}\n" for note in comparison.notes)
    return (
        f"# {' and '.join(run.name for run in comparison.runs)}\n\n{runs}\n"
        "Each column is the run on all radiographs it judged; intervals are 95 %, patients drawn again.\n\n"
        f"{tests}\nDifferences are the run's minus the first's, on the radiographs both judged.\n\n{notes}"
    )


def _run_rows(runs: Sequence[RunMeasured]) -> Iterator[Row]:
    yield "radiographs", *(str(run.radiographs) for run in runs)
    yield "patients", *(str(run.patients) for run in runs)
    yield "with pneumonia", *(str(run.positives) for run in runs)
    yield "AUROC", *(write_estimate(run.auroc) for run in runs)
    yield "average precision", *(write_estimate(run.average_precision) for run in runs)
    yield "sensitivity at own rule-out point", *(_at_point(run.sensitivity) for run in runs)
    yield "specificity at own rule-out point", *(_at_point(run.specificity) for run in runs)
    if any(run.without_band for run in runs):
        yield "radiographs without a band", *(str(run.without_band) for run in runs)
    yield "accuracy at one half", *(write_estimate(run.accuracy) for run in runs)
    yield "Brier score", *(write_estimate(run.brier) for run in runs)
    yield "calibration error", *(f"{run.calibration_error:.4f}" for run in runs)


def _pair_rows(pairs: Sequence[PairMeasured]) -> Iterator[Row]:
    yield "radiographs both judged", *(str(pair.radiographs) for pair in pairs)
    yield "of patients", *(str(pair.patients) for pair in pairs)
    yield "AUROC of both there", *(f"{pair.first_auroc:.4f}, {pair.second_auroc:.4f}" for pair in pairs)
    yield "difference of AUROC, patients drawn again", *(_tested(pair.drawn) for pair in pairs)
    if len(pairs) > 1:
        yield f"p for {len(pairs)} tests at once (Holm)", *(_p(pair.adjusted_p) for pair in pairs)
    yield "the same, DeLong with patients (Obuchowski)", *(_tested(pair.clustered_delong) for pair in pairs)
    yield "the same, DeLong, ignores patients", *(_tested(pair.delong) for pair in pairs)
    for name in dict.fromkeys(decision.name for pair in pairs for decision in pair.decisions):
        found = [next((each for each in pair.decisions if each.name == name), None) for pair in pairs]
        yield f"difference of {name}", *("undefined" if each is None else _tested(each.drawn) for each in found)
        yield (
            "right only here, right only there; McNemar, ignores patients",
            *(
                "undefined"
                if each is None
                else f"{each.only_second_right}, {each.only_first_right}; p {_p(each.mcnemar_p)}"
                for each in found
            ),
        )
    yield "radiographs with the same band", *(_share(pair.same_band) for pair in pairs)
    yield "probabilities at most apart", *(f"{pair.most_apart:.4f}" for pair in pairs)


def _at_point(estimate: Estimate | None) -> str:
    return _NO_BANDS if estimate is None else write_estimate(estimate)


def _tested(test: PairedTest) -> str:
    difference = test.difference
    if difference.low == difference.high:  # what never differed, does not differ when drawn again
        return "none seen"
    return f"{difference.in_words(signed=True)}, p {_p(test.p_value)}"


def _p(value: float) -> str:
    return f"below {_LEAST_P}" if value < _LEAST_P else f"{value:.4f}"


def _share(value: float | None) -> str:
    return _NO_BANDS if value is None else f"{100 * value:.2f} %"


def _markdown_table(rows: Sequence[Row]) -> str:
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines = [f"| {' | '.join(row)} |" for row in escaped]
    lines.insert(1, f"|{'---|' * len(rows[0])}")
    return "\n".join(lines) + "\n"


def _as_csv(comparison: Comparison) -> str:
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    for rows in table_lines(comparison):
        writer.writerows(rows)
        writer.writerow([])
    return file.getvalue()
