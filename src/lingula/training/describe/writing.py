"""A description as one HTML page and as JSON."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path

from pydantic import TypeAdapter

from lingula.training import page
from lingula.training.charts import to_svg
from lingula.training.data.dataset import Dataset
from lingula.training.data.labelled import LABEL_NAMES
from lingula.training.describe.drawings import draw_clues, draw_spread
from lingula.training.describe.result import Alike, Audit, Clue, Description, NearCopies, Shows
from lingula.training.describe.sheets import mean_pictures, sample_sheets

PAGE, DATA = "description.html", "description.json"
_SHOWN_PAIRS = 60
_SHOWN_NAMES = 200
_SHEET_WIDTH = 924
_UNDER_CLUES = (
    "From the top: what is no pixel, pixels that show no lungs, the whole frame, the lungs. Thin lines are 95 % "
    "intervals, the dashed line is chance."
)


def write_description(
    description: Description, dataset: Dataset, out: Path, *, with_pictures: bool = False
) -> tuple[Path, Path]:
    """Write ``description.html``, one file that needs no network, and ``description.json`` into a folder.

    Parameters
    ----------
    with_pictures
        Show radiographs; the page is then as confidential as they are.

    Returns
    -------
    tuple
        Where the page and the data are.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / DATA).write_text(write_json(description, indent=2), encoding="utf-8")
    (out / PAGE).write_text(_page(description, dataset, with_pictures=with_pictures), encoding="utf-8")
    return out / PAGE, out / DATA


def write_json(description: Description, *, indent: int | None = None) -> str:
    """Give a description as JSON, its report's counts beside everything else."""
    values: dict[str, object] = TypeAdapter(Description).dump_python(description, mode="json")
    report = TypeAdapter(dict[str, object]).validate_python(values.pop("report"))
    return json.dumps({**report, **values}, indent=indent, ensure_ascii=False)


def _page(description: Description, dataset: Dataset, *, with_pictures: bool) -> str:
    report = description.report
    sections = [page.section("At a glance", _glance(description))]
    if description.audit is not None:
        sections.append(page.section("What could be learned by mistake", _audit(description.audit)))
    sections += [
        page.section("Groups", _groups(description)),
        page.section("Light, sharpness, sizes", _spreads(description)),
        page.section("The same radiograph twice", _copies(description)),
    ]
    if (shown := _pictures(dataset, with_pictures=with_pictures)) != "":
        sections.append(page.section("Pictures", shown))
    sections.append(page.section("Left out and missing", _left_out(description)))
    under = [
        f"data set sha256 {description.digest}",
        f"licence: {report.licence or 'not stated'}{f'; {report.citation}' if report.citation else ''}",
    ]
    confidential = "This page shows radiographs: it is as confidential as they are. " if with_pictures else ""
    return page.page(
        f"Data set {report.name}",
        sections,
        under=under,
        notice=f"{confidential}It says what is in the data, not what a model makes of it; a model supports a doctor's "
        "decision and never replaces it.",
    )


def _glance(description: Description) -> page.Html:
    report = description.report
    shares = (f"{count:,} {name}" for name, count in report.by_label.items())
    copied = sum(pair.other_patient for pair in description.copies.pairs)
    shown = [
        page.Fact(name="radiographs", value=f"{report.kept:,}", note=", ".join(shares)),
        page.Fact(
            name="patients",
            value=f"{report.patients:,}",
            note=f"{report.without_patient:,} radiographs name none"
            if report.without_patient
            else f"{description.both_labels} have radiographs of both labels",
        ),
        page.Fact(name="left out", value=f"{len(report.left_out):,}", note=f"{report.duplicates} there already"),
        page.Fact(name="nearly the same", value=f"{len(description.copies.pairs):,}", note=f"{copied} of two patients"),
    ]
    if (strongest := _strongest(description.audit)) is not None and strongest.auroc is not None:
        note = f"AUROC of a linear reader: {strongest.name}"
        shown.append(page.Fact(name="without looking at lungs", value=f"{strongest.auroc.value:.3f}", note=note))
    think = page.joined(page.subtitle("Think about this before you train"), page.bullets(description.warnings))
    calm = page.paragraph("Nothing stands out that would have to be settled before training.")
    return page.joined(page.facts(shown), think if description.warnings else calm)


def _strongest(audit: Audit | None) -> Clue | None:
    blind = [clue for clue in (audit.clues if audit else ()) if clue.auroc and clue.shows is Shows.NO_LUNGS]
    return max(blind, key=lambda clue: clue.auroc.value if clue.auroc else 0.0, default=None)


def _audit(audit: Audit) -> page.Html:
    if not audit.clues:
        return page.paragraph(audit.conclusion)
    rows = [
        (
            clue.name,
            clue.shows.value,
            f"{clue.numbers:,}",
            "none" if clue.auroc is None else f"{clue.auroc.value:.3f}",
            "none" if clue.auroc is None else clue.auroc.interval(3),
        )
        for clue in audit.clues
    ]
    note = (
        f"{audit.radiographs:,} radiographs of {audit.patients:,} patients. Each clue is read by a regularised "
        "logistic regression, both labels weighing the same, in five folds by patient; intervals resample patients. "
        "Pictures are read as 32 x 32 cells. "
        + (f"Lungs are found by {audit.package}." if audit.package else "Without a package no lungs were looked for.")
    )
    return page.joined(
        page.warning(audit.conclusion),
        page.figure(to_svg(draw_clues(audit.clues), for_page=True), _UNDER_CLUES),
        page.subtitle("What it means"),
        page.bullets(page.joined(page.Html(f"<b>{page.safe(clue.name)}</b>: "), clue.meaning) for clue in audit.clues),
        page.table(("clue", "shows", "numbers", "AUROC", "95 % interval"), rows, note=note),
    )


def _groups(description: Description) -> page.Html:
    made = []
    for column, members in groupby(description.groups, key=lambda group: group.column):
        rows = [
            (
                group.value,
                f"{group.radiographs:,}",
                f"{group.patients:,}",
                *(f"{group.by_label[name]:,}" for name in LABEL_NAMES),
                f"{group.by_label[LABEL_NAMES[1]] / group.radiographs:.1%}",
            )
            for group in members
        ]
        head = (column, "radiographs", "patients", *LABEL_NAMES, f"share of {LABEL_NAMES[1]}")
        words = description.split if column == "part" and description.split else ""
        made.append(page.table(head, rows, caption=f"By {column}", note=words))
    people = page.paragraph(
        f"{description.both_labels} patients have radiographs of both labels, which is no conflict: people fall ill "
        "and recover. A split keeps all their radiographs on one side."
        if description.both_labels
        else "No patient has radiographs of both labels."
    )
    return page.joined(*made, people)


def _spreads(description: Description) -> page.Html:
    drawn = [page.figure(to_svg(draw_spread(spread), for_page=True)) for spread in description.spreads]
    rows = [
        (
            spread.name,
            *(f"{spread.quantiles[name][2]:.4g}" for name in LABEL_NAMES),
            *(f"{spread.quantiles[name][0]:.4g} to {spread.quantiles[name][4]:.4g}" for name in LABEL_NAMES),
            f"{spread.auroc:.3f}",
        )
        for spread in description.spreads
    ]
    head = ("", *(f"median, {name}" for name in LABEL_NAMES), *(f"5-95 %, {name}" for name in LABEL_NAMES), "AUROC")
    note = "AUROC: how well this one number tells the labels apart, whichever way round; 0.5 is not at all."
    sizes = (
        "All files have pictures of one size."
        if description.sizes == 1
        else f"The files have pictures of {description.sizes:,} different sizes; everything but sizes and aspect ratio "
        "is measured after resizing to one."
    )
    return page.joined(page.paragraph(sizes), page.figures(*drawn), page.table(head, rows, note=note))


def _copies(description: Description) -> page.Html:
    repeats, copies = description.report.repeats, description.copies
    counts = [
        (
            "pixel for pixel the same",
            str(len(repeats)),
            *_counted([(each.other_patient, each.other_part, each.other_label) for each in repeats]),
        ),
        (
            "nearly the same",
            str(len(copies.pairs)),
            *_counted([(pair.other_patient, pair.other_part, pair.other_label) for pair in copies.pairs]),
        ),
    ]
    head = ("", "pairs", "of two patients", "in two parts", "under two labels")
    changes = Counter(pair.change for pair in copies.pairs)
    return page.joined(
        page.table(head, counts),
        page.small_print(_apart(copies)),
        page.table(("one becomes the other", "pairs"), [(name, str(count)) for name, count in changes.most_common()])
        if changes
        else page.Html(""),
        _listed_pairs(copies.pairs),
        _listed_repeats(description),
    )


def _apart(copies: NearCopies) -> str:
    if copies.closest_apart is None:
        return copies.method
    return f"{copies.method} The closest two patients below that came to {copies.closest_apart:.3f}."


def _counted(pairs: list[tuple[bool, bool, bool]]) -> tuple[str, str, str]:
    return (str(sum(p[0] for p in pairs)), str(sum(p[1] for p in pairs)), str(sum(p[2] for p in pairs)))


def _yes(is_so: bool) -> str:  # noqa: FBT001  the one thing it says
    return "yes" if is_so else "no"


def _listed_pairs(pairs: tuple[Alike, ...]) -> page.Html:
    if not pairs:
        return page.Html("")
    # Those that matter most come first: other labels, then other parts, then other patients.
    order = sorted(pairs, key=lambda p: (not p.other_label, not p.other_part, not p.other_patient, -p.similarity))
    rows = [
        (
            p.first,
            p.second,
            f"{p.similarity:.3f}",
            p.change,
            _yes(p.other_patient),
            _yes(p.other_part),
            _yes(p.other_label),
        )
        for p in order[:_SHOWN_PAIRS]
    ]
    head = ("first", "second", "similarity", "change", "two patients", "two parts", "two labels")
    title = f"The pairs that are nearly the same, {min(len(pairs), _SHOWN_PAIRS)} of {len(pairs)}"
    return page.folded(title, page.table(head, rows))


def _listed_repeats(description: Description) -> page.Html:
    repeats = description.report.repeats
    if not repeats:
        return page.Html("")
    rows = [
        (each.name, each.first, _yes(each.other_patient), _yes(each.other_part), _yes(each.other_label))
        for each in repeats[:_SHOWN_NAMES]
    ]
    head = ("radiograph", "is the same as", "two patients", "two parts", "two labels")
    title = f"Pixel for pixel the same, {len(rows)} of {len(repeats)}"
    return page.folded(title, page.table(head, rows))


def _pictures(dataset: Dataset, *, with_pictures: bool) -> page.Html:
    means = [page.picture(png, words) for words, png in mean_pictures(dataset).items()]
    sheets = sample_sheets(dataset) if with_pictures else {}
    shown = [page.picture(png, words, width=_SHEET_WIDTH) for words, png in sheets.items()]
    why = "Means of many patients show nobody; where they differ outside the lungs, a shortcut lies open."
    explained = page.paragraph(why) if means else page.Html("")
    return page.joined(explained, page.pictures(means) if means else "", page.pictures(shown) if shown else "")


def _left_out(description: Description) -> page.Html:
    return page.joined(*_left_out_parts(description.report.kept, description.missing, description))


def _left_out_parts(kept: int, missing: Mapping[str, int], description: Description) -> Iterator[page.Html]:
    rows = [(name, f"{count:,}", f"{count / kept:.1%}") for name, count in missing.items()]
    yield page.table(("the source does not say", "radiographs", "share"), rows)
    if description.report.notes:
        yield page.bullets(description.report.notes)
    left_out = description.report.left_out
    if not left_out:
        yield page.paragraph("Every radiograph could be read and has a label; none was left out.")
        return
    reasons = Counter(entry.reason for entry in left_out)
    yield page.table(("left out because", "radiographs"), [(reason, f"{n:,}") for reason, n in reasons.most_common()])
    listed = [(entry.name, entry.reason) for entry in left_out[:_SHOWN_NAMES]]
    yield page.folded(f"Left out, {len(listed)} of {len(left_out)}", page.table(("radiograph", "because"), listed))
