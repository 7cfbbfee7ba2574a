"""NIH ChestX-ray14, ``nih:FOLDER``; for a folder the user already has.

112,120 frontal radiographs of 30,805 patients of the NIH Clinical Center, mostly adults, as PNG in ``images*``:
``Data_Entry_2017_v2020.csv`` or the first ``Data_Entry_2017.csv``, ``BBox_List_2017.csv`` (984 boxes),
``train_val_list.txt`` and ``test_list.txt``.

Licence: no restrictions on use; name the NIH Clinical Center as provider, link to its download page, cite the paper.

Labels: found in reports by a program, about nine in ten right by its makers' estimate and fewer by others'
(Oakden-Rayner 2020). ``Pneumonia`` among the findings is pneumonia; ``No Finding`` is normal. Everything else has no
label unless ``others=normal``: ``Consolidation`` and ``Infiltration`` are what pneumonia looks like, and a report that
names only them leaves open what it is. Good for testing how far a model carries, poor for training.

References
----------
Wang X et al., ChestX-ray8: hospital-scale chest X-ray database and benchmarks on weakly-supervised classification and
localization of common thorax diseases, CVPR 2017:3462-3471. Oakden-Rayner L, Exploring large-scale public medical image
datasets, Academic Radiology 2020;27:106-112.
"""

from dataclasses import replace
from pathlib import Path

from lingula.errors import TrainingError
from lingula.training.data.labelled import Box, LabelledRadiograph, Part, Source
from lingula.training.sources.lines import Line, read_cells, read_published
from lingula.training.sources.location import Options
from lingula.training.sources.published import (
    OTHERS,
    PublicSet,
    find_optional,
    find_table,
    finding_of,
    index_pictures,
    label_by_policy,
    policy_notes,
    say_missing,
)

NIH = PublicSet(
    name="nih",
    title="112,120 frontal radiographs, mostly of adults, labelled by a program from reports (NIH ChestX-ray14)",
    licence="no restrictions on use; attribution to the NIH Clinical Center (https://nihcc.app.box.com/v/ChestXray-NIHCC)",
    citation="Wang X et al., ChestX-ray8, CVPR 2017:3462-3471; data provider: NIH Clinical Center",
    home="https://nihcc.app.box.com/v/ChestXray-NIHCC",
    choices=OTHERS,
)
_TABLES = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
_COLUMNS = ("Image Index", "Finding Labels", "Patient ID", "Patient Age", "View Position")
_BOXES = "BBox_List_2017.csv"
_LISTS = {"train_val_list.txt": Part.TRAINING, "test_list.txt": Part.TEST}
_NORMAL, _PNEUMONIA = "No Finding", "Pneumonia"
_BOX_CELLS = 6  # name, finding, x, y, width, height; the header's brackets make its names useless


def read_nih(folder: Path, options: Options) -> Source:
    """Read the set, or the part of it whose pictures are there.

    Raises
    ------
    TrainingError
        If the table or all pictures are missing, or a table is not as published.
    """
    table = find_table(folder, *_TABLES)
    pictures = index_pictures(folder, ".png", ".jpg", ".dcm")
    boxes, parts = _read_boxes(find_optional(folder, _BOXES)), _read_parts(folder)
    lines = list(read_published(table, *_COLUMNS))
    rows = []
    for line in lines:
        name = Path(line.cells["Image Index"]).stem
        if name in pictures:
            row = _row(line, pictures[name], options)
            rows.append(replace(row, boxes=tuple(boxes.get(name, ())), split=parts.get(name)))
    missing = say_missing(table.name, len(lines) - len(rows), len(rows))
    return Source(
        name=NIH.name,
        root=folder,
        rows=tuple(rows),
        licence=NIH.licence,
        citation=NIH.citation,
        notes=(*missing, *policy_notes(options), "labels were found in reports by a program: a share of them is wrong"),
    )


def _row(line: Line, path: Path, options: Options) -> LabelledRadiograph:
    findings = line.cells["Finding Labels"].split("|")
    has_pneumonia = _PNEUMONIA in findings
    return LabelledRadiograph(
        path=path,
        label=label_by_policy(has_pneumonia=has_pneumonia, is_normal=findings == [_NORMAL], options=options),
        patient_id=f"nih-{line.cells['Patient ID'].zfill(8)}",  # as in the pictures' names
        finding="pneumonia" if has_pneumonia else finding_of(findings, normal=_NORMAL),
        site="NIH Clinical Center",
        age_years=line.age_years("Patient Age"),
        sex=line.text("Patient Gender") or line.text("Patient Sex"),
        view=line.text("View Position"),
    )


def _read_boxes(path: Path | None) -> dict[str, list[Box]]:
    found: dict[str, list[Box]] = {}
    for number, cells in [] if path is None else read_cells(path)[1:]:
        if not any(cells):
            continue
        try:
            name, finding, *numbers = cells[:_BOX_CELLS]
            x, y, width, height = map(float, numbers)
        except ValueError as error:
            raise TrainingError(
                f"{_BOXES} line {number}: no name, finding and four numbers; is it as published?"
            ) from error
        box = Box(finding=finding.lower(), x=x, y=y, width=width, height=height)
        found.setdefault(Path(name).stem, []).append(box)
    return found


def _read_parts(folder: Path) -> dict[str, Part]:
    """Give the official part by picture, where the lists are there."""
    found: dict[str, Part] = {}
    for name, part in _LISTS.items():
        if (path := find_optional(folder, name)) is not None:
            found |= {Path(line.strip()).stem: part for line in path.read_text(encoding="utf-8").splitlines() if line}
    return found
