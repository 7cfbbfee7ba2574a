"""VinDr-PCXR (PediCXR), ``vindr-pcxr:FOLDER``; for a folder the user already has.

9,125 frontal radiographs of children under ten years from hospitals in Vietnam, as DICOM in ``train`` (7,728) and
``test`` (1,397): ``image_labels_train.csv``, ``image_labels_test.csv`` (``image_id``, ``rad_ID``, fifteen diseases and
``No finding`` as 0 or 1) and ``annotations_*.csv`` (boxes as ``x_min, y_min, x_max, y_max`` with ``class_name``).

Licence: restricted access on PhysioNet, after signing its agreement: not to be passed on. Lingula's makers have not
read its exact wording.

Labels, by a radiologist: ``Pneumonia``, ``Brocho-pneumonia`` (so spelled) and ``Pleuro-pneumonia`` are pneumonia;
``No finding`` is normal. ``Bronchitis``, ``Bronchiolitis``, ``Tuberculosis`` and all others have no label unless
``others=normal``: the first two are infections of the lung's airways that may need the same attention as pneumonia, and
a model is not to learn that they are healthy. Where readers of one picture disagree, it has no label.

Patients: the headers name none, so each radiograph counts as a patient of its own.

References
----------
Pham HH et al., PediCXR: an open, large-scale chest radiograph dataset for interpretation of common thoracic diseases in
children, Scientific Data 2023;10:240, https://doi.org/10.1038/s41597-023-02102-5; data:
https://doi.org/10.13026/k8qc-na36.
"""

from collections.abc import Sequence
from pathlib import Path

from lingula.errors import TrainingError
from lingula.training.data.labelled import Box, LabelledRadiograph, Part, Source
from lingula.training.sources.headers import with_headers
from lingula.training.sources.lines import Line, read_published
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

VINDR_PCXR = PublicSet(
    name="vindr-pcxr",
    title="9,125 frontal radiographs of children under ten, read by radiologists (VinDr-PCXR)",
    licence="PhysioNet, restricted access: not to be passed on; see the agreement at the set's home",
    citation="Pham HH et al., Scientific Data 2023;10:240, https://doi.org/10.1038/s41597-023-02102-5; "
    "https://doi.org/10.13026/k8qc-na36",
    home="https://physionet.org/content/vindr-pcxr/1.0.0/",
    choices=OTHERS,
)
_PARTS = {"train": Part.TRAINING, "test": Part.TEST}
_PNEUMONIA = {"pneumonia", "brocho-pneumonia", "broncho-pneumonia", "pleuro-pneumonia"}
_NORMAL = "No finding"
_READERS = {"image_id", "rad_id"}


def read_vindr_pcxr(folder: Path, options: Options) -> Source:
    """Read both parts, or the one that is there.

    Raises
    ------
    TrainingError
        If the tables or all pictures are missing, or a table is not as published.
    """
    find_table(folder, *(f"image_labels_{name}.csv" for name in _PARTS))
    pictures = index_pictures(folder, ".dicom", ".dcm", ".png", ".jpg")
    rows: list[LabelledRadiograph] = []
    missing = 0
    for name, part in _PARTS.items():
        readings = _readings(find_optional(folder, f"image_labels_{name}.csv"))
        boxes = _boxes(find_optional(folder, f"annotations_{name}.csv"))
        missing += sum(picture not in pictures for picture in readings)
        rows += [
            _row(pictures[picture], lines, part, options, boxes.get(picture, []))
            for picture, lines in readings.items()
            if picture in pictures
        ]
    source = Source(
        name=VINDR_PCXR.name,
        root=folder,
        rows=tuple(rows),
        licence=VINDR_PCXR.licence,
        citation=VINDR_PCXR.citation,
        notes=(*say_missing("image_labels_*.csv", missing, len(rows)), *policy_notes(options)),
    )
    return with_headers(source, hide_paths=False)


def _readings(path: Path | None) -> dict[str, list[Line]]:
    """Give the lines of each picture: one for each radiologist."""
    found: dict[str, list[Line]] = {}
    for line in () if path is None else read_published(path, "image_id", _NORMAL, "Pneumonia"):
        found.setdefault(line.cells["image_id"], []).append(line)
    return found


def _row(path: Path, lines: Sequence[Line], part: Part, options: Options, boxes: Sequence[Box]) -> LabelledRadiograph:
    findings = [_findings(line) for line in lines]
    labels = {
        label_by_policy(
            has_pneumonia=any(name.lower() in _PNEUMONIA for name in found),
            is_normal=found == [_NORMAL],
            options=options,
        )
        for found in findings
    }
    return LabelledRadiograph(
        path=path,
        label=labels.pop() if len(labels) == 1 else None,
        finding=finding_of(dict.fromkeys(name for found in findings for name in found), normal=_NORMAL),
        split=part,
        boxes=tuple(boxes),
    )


def _findings(line: Line) -> list[str]:
    """Give the columns a radiologist set to 1."""
    return [
        name for name, cell in line.cells.items() if name.lower() not in _READERS and cell.removesuffix(".0") == "1"
    ]


def _boxes(path: Path | None) -> dict[str, list[Box]]:
    found: dict[str, list[Box]] = {}
    for line in (
        () if path is None else read_published(path, "image_id", "class_name", "x_min", "y_min", "x_max", "y_max")
    ):
        corners = [line.text(name) for name in ("x_min", "y_min", "x_max", "y_max")]
        if None in corners:
            continue  # a line for a picture without findings
        try:
            left, top, right, bottom = (float(corner or "") for corner in corners)
        except ValueError as error:
            raise TrainingError(f"{line.where}: the box is not four numbers; is it the file as published?") from error
        box = Box(finding=line.cells["class_name"].lower(), x=left, y=top, width=right - left, height=bottom - top)
        found.setdefault(line.cells["image_id"], []).append(box)
    return found
