"""The RSNA Pneumonia Detection Challenge of 2018, ``rsna:FOLDER``; for a folder the user already has.

26,684 labelled frontal radiographs as DICOM in ``stage_2_train_images``, chosen from NIH ChestX-ray14 and read by
radiologists of the RSNA and the Society of Thoracic Radiology: ``stage_2_train_labels.csv`` (``patientId``, a box as
``x, y, width, height``, ``Target``) and ``stage_2_detailed_class_info.csv`` (``patientId``, ``class``). Mostly adults.

Licence: the RSNA allows academic, commercial and other use with attribution; see the terms on its page.

Labels: class ``Lung Opacity`` (``Target`` 1) is pneumonia: an opacity that a radiologist found suspicious of it on the
picture alone, without the clinic. ``Normal`` is normal. ``No Lung Opacity / Not Normal`` shows something else, so it
has no label unless ``others=normal``: called normal, it would teach that only pneumonia is abnormal; left out, the
figures say nothing about such patients. Without the table of classes, ``Target`` 0 is such a case.

Patients: ``patientId`` names a picture, not a person. Only the RSNA's
``pneumonia-challenge-dataset-mappings_2018.json`` tells which pictures are of one patient of the NIH; put it into the
folder, or one patient may stand on both sides of a split. Ages stand in these headers without the unit that DICOM asks
for and are left unknown.

References
----------
Shih G et al., Augmenting the National Institutes of Health chest radiograph dataset with expert annotations of possible
pneumonia, Radiology: Artificial Intelligence 2019;1:e180041, https://doi.org/10.1148/ryai.2019180041.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from lingula.errors import TrainingError
from lingula.training.data.labelled import Box, LabelledRadiograph, Source
from lingula.training.sources.headers import with_headers
from lingula.training.sources.lines import Line, read_published
from lingula.training.sources.location import Options
from lingula.training.sources.published import (
    OTHERS,
    PublicSet,
    find_optional,
    find_table,
    index_pictures,
    label_by_policy,
    policy_notes,
    say_missing,
)

RSNA = PublicSet(
    name="rsna",
    title="26,684 frontal radiographs, mostly of adults, read for opacities (RSNA challenge 2018)",
    licence="RSNA terms of use: any use with attribution",
    citation="Shih G et al., Radiology: Artificial Intelligence 2019;1:e180041, "
    "https://doi.org/10.1148/ryai.2019180041; pictures: NIH Clinical Center (ChestX-ray14)",
    home="https://www.rsna.org/artificial-intelligence/ai-image-challenge/rsna-pneumonia-detection-challenge-2018",
    choices=OTHERS,
)
_LABELS, _CLASSES = "stage_2_train_labels.csv", "stage_2_detailed_class_info.csv"
_MAPPINGS = "pneumonia-challenge-dataset-mappings_2018.json"
_OPACITY, _NORMAL, _OTHER = "Lung Opacity", "Normal", "No Lung Opacity / Not Normal"
_FINDINGS = {_OPACITY: "lung opacity", _NORMAL: "normal", _OTHER: "other abnormality"}


def read_rsna(folder: Path, options: Options) -> Source:
    """Read the challenge's training part.

    Raises
    ------
    TrainingError
        If a table or all pictures are missing, or a table is not as published.
    """
    table = find_table(folder, _LABELS)
    boxes: dict[str, list[Box]] = {}
    classes: dict[str, str] = {}
    for line in read_published(table, "patientId", "x", "y", "width", "height", "Target"):
        classes[line.cells["patientId"]] = _OPACITY if line.cells["Target"] == "1" else _OTHER
        boxes.setdefault(line.cells["patientId"], []).extend(_box(line))
    classes |= _read_classes(find_optional(folder, _CLASSES))
    patients = _read_patients(find_optional(folder, _MAPPINGS))
    pictures = index_pictures(folder, ".dcm", ".png", ".jpg")
    rows = tuple(
        LabelledRadiograph(
            path=pictures[name],
            label=label_by_policy(has_pneumonia=kind == _OPACITY, is_normal=kind == _NORMAL, options=options),
            patient_id=patients.get(name, f"rsna-{name}"),
            finding=_FINDINGS[kind],
            site="NIH Clinical Center",
            boxes=tuple(boxes[name]),
        )
        for name, kind in sorted(classes.items())
        if name in pictures and name in boxes
    )
    notes = (
        *say_missing(_LABELS, len(boxes) - len(rows), len(rows)),
        *policy_notes(options),
        *_notes(folder, patients),
    )
    source = Source(name=RSNA.name, root=folder, rows=rows, licence=RSNA.licence, citation=RSNA.citation, notes=notes)
    return with_headers(source, hide_paths=False)


def _box(line: Line) -> Iterator[Box]:
    if line.cells["Target"] != "1":
        return
    try:
        x, y, width, height = (float(line.cells[name]) for name in ("x", "y", "width", "height"))
    except ValueError as error:
        raise TrainingError(f"{line.where}: the box is not four numbers; is it the file as published?") from error
    yield Box(finding="lung opacity", x=x, y=y, width=width, height=height)


def _read_classes(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    found: dict[str, str] = {}
    for line in read_published(path, "patientId", "class"):
        if line.cells["class"] not in _FINDINGS:
            raise line.wrong("class", " or ".join(repr(name) for name in _FINDINGS))
        found[line.cells["patientId"]] = line.cells["class"]
    return found


def _read_patients(path: Path | None) -> dict[str, str]:
    """Give the patient of the NIH by picture: the first eight digits of the NIH's file name."""
    if path is None:
        return {}
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return {entry["subset_img_id"]: f"nih-{entry['img_id'].split('_')[0]}" for entry in entries}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrainingError(f"{path.name} is not as the RSNA published it; fetch it again or take it out") from error


def _notes(folder: Path, patients: Mapping[str, str]) -> Iterator[str]:
    if find_optional(folder, _CLASSES) is None:
        yield f"without {_CLASSES} no radiograph is known to be normal: Target 0 may show something else"
    if not patients:
        yield f"without {_MAPPINGS} one patient may have several keys: figures may be too good"
