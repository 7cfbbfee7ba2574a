"""The way in for people who work in Jupyter: charts, tables, radiographs and heat maps in a notebook's cells.

Nothing is measured here; the notebooks call the training half, and this module shows what it gives and hands it what
belongs to triage (who is eligible, how a heat map is drawn, how a worklist is ordered). It needs no Jupyter itself: a
value with ``_repr_html_`` is shown by every notebook.
"""

import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lingula.doors.cli.reading import reading_rules
from lingula.doors.cli.samples import shipped_samples
from lingula.errors import TrainingError
from lingula.modelpackage.archive import ModelPackage
from lingula.modelpackage.manifest import Estimate, OperatingPoints
from lingula.radiology.study import Status
from lingula.registry import Registry
from lingula.settings import load_settings
from lingula.training import page
from lingula.training.charts import Chart, to_svg
from lingula.training.data.labelled import LABEL_NAMES, LabelledRadiograph, Part, Source
from lingula.training.data.outcomes import Outcome
from lingula.training.data.seen import digest_files, read_own_parts
from lingula.training.evaluation.evaluate import EvaluationOptions
from lingula.training.evaluation.report import Shown
from lingula.training.evaluation.result import write_estimate
from lingula.training.figures import draw_randomisation
from lingula.training.probes import LookingProbe, ProbeOptions, Probes
from lingula.training.statistics.measures import PREVALENCES
from lingula.training.statistics.metrics import predictive_values
from lingula.triage.eligibility import reason_not_eligible
from lingula.triage.heatmap import draw_heatmap

if TYPE_CHECKING:
    from lingula.training.describe import Description
    from lingula.training.learning.journal import Epoch, Underway

# Only within the cell: a notebook's own look stays as it is.
_STYLE = """
.lingula .figures, .lingula .columns, .lingula .pictures { display: flex; flex-wrap: wrap; gap: 1.2rem; }
.lingula .figures > *, .lingula .columns > * { flex: 1 1 22rem; max-width: 34rem; }
.lingula figure { margin: 0; } .lingula figcaption, .lingula .soft { opacity: .75; font-size: .87em; }
.lingula .picture img { display: block; max-width: 100%; height: auto; border-radius: .3rem; }
.lingula table { font-variant-numeric: tabular-nums; } .lingula th, .lingula td { text-align: left !important; }
.lingula .warning { border-left: 4px solid #c45500; padding: .4rem .9rem; }
"""


@dataclass(frozen=True)
class Cell:
    """What a notebook shows under a cell."""

    body: page.Html

    def _repr_html_(self) -> str:
        return f'<div class="lingula"><style>{_STYLE}</style>{self.body}</div>'


def show(*parts: Chart | str) -> Cell:
    """Show charts side by side, and tables, pictures and words in the order given.

    >>> show("AUROC < 1").body
    '<p>AUROC &lt; 1</p>'
    """
    made: list[page.Html] = []
    charts: list[page.Html] = []
    for part in (*parts, ""):
        if isinstance(part, Chart):
            charts.append(page.figure(to_svg(part, for_page=True)))
            continue
        made.append(page.figures(*charts))
        charts = []
        if part:
            made.append(part if isinstance(part, page.Html) else page.paragraph(part))
    return Cell(page.joined(*made))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, caption: str = "") -> page.Html:
    """Give a table for `show`; its first column names the rows."""
    return page.table(head, rows, caption=caption)


def sheets(drawn: Mapping[str, bytes], *, width: int = 920) -> page.Html:
    """Give pictures (PNG by their words) for `show`; radiographs in a notebook make it as confidential as they are."""
    return page.pictures(page.picture(png, words, width=width) for words, png in drawn.items())


def gallery(package: ModelPackage, source: Source, outcomes: Iterable[Outcome]) -> page.Html:
    """Give radiographs with the heat maps that a doctor would see, for `show`."""
    shown = list(outcomes)
    if not shown:
        return page.paragraph("none")
    return Shown(source=source, package=package, paint=draw_heatmap).gallery(shown)


def extremes(package: ModelPackage, source: Source, outcomes: Iterable[Outcome], *, each: int = 3) -> page.Html:
    """Give the radiographs least and most likely to show pneumonia, with their heat maps, for `show`.

    Of a radiograph that was not assessed nothing is claimed; it is left out and counted, never shown as unlikely.
    """
    all_of_them = list(outcomes)
    assessed = [entry for entry in all_of_them if entry.status is Status.ASSESSED]
    likely = {entry.name: entry.probability for entry in assessed if entry.probability is not None}
    ranked = sorted((entry for entry in assessed if entry.name in likely), key=lambda entry: likely[entry.name])
    parts: list[str] = [page.paragraph("Least likely:"), gallery(package, source, ranked[:each])]
    parts += [page.paragraph("Most likely:"), gallery(package, source, ranked[each:][-each:])]
    if left := Counter(entry.status.value for entry in all_of_them if entry.name not in likely):
        why = ", ".join(f"{count} {status}" for status, count in left.items())
        parts.append(page.warning(f"Left out, since nothing is claimed of them: {why} of {len(all_of_them)}."))
    return page.joined(*parts)


def promises(choices: Mapping[str, OperatingPoints]) -> page.Html:
    """Give a table for `show`: what operating points keep of what they promise, with 95 % intervals."""
    rows = [
        (name, f"{point.threshold:.3f}", point.intended, *map(_estimate, (point.sensitivity, point.specificity)))
        for name, points in choices.items()
        for point in (points.rule_out, points.rule_in)
    ]
    return page.table(("choice", "threshold", "intended", "sensitivity", "specificity"), rows)


def predictive(points: OperatingPoints, prevalences: Sequence[float] = PREVALENCES) -> page.Html:
    """Give a table for `show`: how often what the outer bands say is true, where more or fewer are ill."""

    def shares(prevalence: float) -> tuple[str, str]:
        out, into = points.rule_out, points.rule_in
        _, free = predictive_values(out.sensitivity.value, out.specificity.value, prevalence)
        ill, _ = predictive_values(into.sensitivity.value, into.specificity.value, prevalence)
        return ("nobody" if free is None else f"{free:.1%}"), ("nobody" if ill is None else f"{ill:.1%}")

    head = ("with pneumonia", "of those unlikely, free of it", "of those likely, with it")
    return page.table(head, [(f"{prevalence:.0%}", *shares(prevalence)) for prevalence in prevalences])


def looked(probe: LookingProbe) -> page.Html:
    """Give a table for `show`: how much of the heat maps lies inside the lungs."""
    head = ("maps of", "lungs", "mass inside", "if spread evenly", "highest cell inside", "silent")
    rows = [
        (
            each.label,
            each.lungs,
            _estimate(each.inside),
            f"{each.lungs_share:.2f}",
            "undefined" if each.peak_inside is None else f"{each.peak_inside:.0%}",
            f"{each.silent} of {each.radiographs}",
        )
        for each in probe.by_label
    ]
    return page.table(head, rows)


def clues(description: "Description") -> tuple[Chart | str, ...]:
    """Give the chart of a shortcut audit and its conclusion for `show`; nothing where there was no audit."""
    from lingula.training.describe.drawings import draw_clues

    audit = description.audit
    return () if audit is None else (audit.conclusion, draw_clues(audit.clues))


def shuffled(probes: Probes) -> tuple[Chart | str, ...]:
    """Give the chart of heat maps under shuffled weights for `show`, or why there is none."""
    return probes.left_out if probes.randomisation is None else (draw_randomisation(probes.randomisation),)


def _estimate(value: Estimate | None) -> str:
    return write_estimate(value, digits=2)


def told(news: "Epoch | Underway") -> None:
    """Print a line for each finished epoch: the progress of a training."""
    from lingula.training.learning.journal import Epoch

    if isinstance(news, Epoch):
        watched = "" if news.tuning_loss is None else f", tuning loss {news.tuning_loss:.4f}"
        print(  # noqa: T201  a notebook shows what is printed
            f"{news.label}: epoch {news.epoch} of {news.epochs}, loss {news.training_loss:.4f}{watched}, "
            f"{news.images_per_second:.0f} images/s"
        )


def open_package(name: str | None = None) -> ModelPackage:
    """Open a package by path, NAME or NAME-VERSION; without a name the one promoted, or the shipped one."""
    settings = load_settings({"package": name})
    return Registry(settings.registry).open(settings.package)


def tuning_part(package: ModelPackage, source: Source, split: Path) -> Source:
    """Keep the radiographs of a source on which the package's calibration and operating points were chosen.

    Thresholds are chosen on these alone: of the training part the network knows the answers, and a test part that chose
    something tests nothing any more. Radiographs are told by their bytes, as in `lingula evaluate --split`.

    Parameters
    ----------
    split
        ``split.json`` of the package's own run.

    Raises
    ------
    TrainingError
        If the file is no split or another package's, or the source lacks some of these radiographs.
    """
    wanted = {key for key, part in read_own_parts(split, package.manifest).items() if part is Part.TUNING}
    found: dict[str, LabelledRadiograph] = {}
    for key, row in zip(digest_files(source), source.rows, strict=True):
        if key in wanted:
            found.setdefault(key, row)  # what is there twice counts once
    if len(found) < len(wanted):
        raise TrainingError(
            f"{len(wanted) - len(found)} of the {len(wanted)} radiographs of the tuning part are not in {source.name}; "
            "name the data set of the package's run"
        )
    return replace(source, rows=tuple(found.values()))


def options(*, probes: int = 400, masks: Path | None = None) -> EvaluationOptions:
    """Give what `lingula evaluate --with-pictures` does beside running the package.

    Parameters
    ----------
    probes
        Radiographs drawn for stress, blanked lungs and heat map checks; 0 leaves these out.
    masks
        A folder of lung masks NAME.png drawn by people.
    """
    return EvaluationOptions(
        eligibility=reason_not_eligible,
        paint=draw_heatmap,
        rules=reading_rules(),
        probes=ProbeOptions(radiographs=probes, masks=masks),
    )


def lay_out_samples(folder: Path) -> Path:
    """Copy the shipped synthetic radiographs into a folder for each class, which is a data set, and give it.

    The shipped package chose them, so what it reaches on them says nothing of how good it is.
    """
    for sample in shipped_samples():
        place = folder / LABEL_NAMES[0 if sample.is_normal else 1].upper()
        place.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(sample.path, place / sample.path.name)
    return folder
