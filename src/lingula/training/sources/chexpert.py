"""CheXpert, ``chexpert:FOLDER``; for a folder the user already has, full size or small.

224,316 radiographs of 65,240 patients of Stanford Hospital, adults, as JPEG: ``train.csv``, labelled by a program from
reports, and ``valid.csv``, 234 radiographs read by three radiologists, which becomes the tuning part. Columns:
``Path``, ``Sex``, ``Age``, ``Frontal/Lateral``, ``AP/PA`` and one for each of fourteen observations: 1 stated, 0
denied, -1 uncertain, empty not mentioned.

Licence: Stanford University Dataset Research Use Agreement: research only, not to be passed on, no commercial use.

Labels: ``Pneumonia`` 1 is pneumonia; ``No Finding`` 1 is normal. ``Pneumonia`` -1 ("cannot be excluded")
follows ``uncertain``: ``unknown`` leaves it out (the paper's U-Ignore), ``pneumonia`` and ``normal`` count it (U-Ones,
U-Zeros). Everything else has no label unless ``others=normal``. ``Consolidation`` and
``Lung Opacity`` alone are not pneumonia here: what they are is what the report leaves open. Lateral views are left
aside.

References
----------
Irvin J et al., CheXpert: a large chest radiograph dataset with uncertainty labels and expert comparison, AAAI 2019;
33:590-597, https://doi.org/10.1609/aaai.v33i01.3301590.
"""

import re
from pathlib import Path

from lingula.training.data.labelled import LabelledRadiograph, Part, Source
from lingula.training.sources.lines import Line, read_published
from lingula.training.sources.location import Options
from lingula.training.sources.published import (
    OTHERS,
    WITH,
    WITHOUT,
    PublicSet,
    find_table,
    finding_of,
    label_by_policy,
    policy_notes,
    say_missing,
)

CHEXPERT = PublicSet(
    name="chexpert",
    title="224,316 radiographs of adults, labelled by a program from reports (CheXpert)",
    licence="Stanford University Dataset Research Use Agreement: research only, no commercial use, not to be passed on",
    citation="Irvin J et al., AAAI 2019;33:590-597, https://doi.org/10.1609/aaai.v33i01.3301590",
    home="https://stanfordmlgroup.github.io/competitions/chexpert/",
    choices={"uncertain": ("unknown", "pneumonia", "normal"), **OTHERS},
)
_TRAIN, _VALID = "train.csv", "valid.csv"
_PARTS = {_TRAIN: Part.TRAINING, _VALID: Part.TUNING}
_NORMAL, _PNEUMONIA = "No Finding", "Pneumonia"
_OBSERVATIONS = (
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
)
_COLUMNS = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", _NORMAL, _PNEUMONIA)
_PATIENT = re.compile(r"patient\d+")
_SEXES = {"Female": "F", "Male": "M"}
_UNCERTAIN_LABELS = {"unknown": None, "pneumonia": WITH, "normal": WITHOUT}


def read_chexpert(folder: Path, options: Options) -> Source:
    """Read the frontal radiographs of both tables.

    Raises
    ------
    TrainingError
        If the tables or all pictures are missing, or a table is not as published.
    """
    tables = [(find_table(folder, _TRAIN, _VALID).parent / name, part) for name, part in _PARTS.items()]
    lines = [
        (line, part, path.parent) for path, part in tables if path.is_file() for line in read_published(path, *_COLUMNS)
    ]
    frontal = [entry for entry in lines if entry[0].cells["Frontal/Lateral"] != "Lateral"]
    rows = [
        _row(line, part, path, options)
        for line, part, root in frontal
        if (path := _find_picture(root, line.cells["Path"])) is not None
    ]
    missing = say_missing(f"{_TRAIN} or {_VALID}", len(frontal) - len(rows), len(rows))
    return Source(
        name=CHEXPERT.name,
        root=folder,
        rows=tuple(rows),
        licence=CHEXPERT.licence,
        citation=CHEXPERT.citation,
        notes=(
            *missing,
            f"{len(lines) - len(frontal)} lateral radiographs were left aside: only frontal ones are assessed",
            f"uncertain pneumonia counts as {options['uncertain']} (uncertain={options['uncertain']})",
            *policy_notes(options),
            "labels of the training part were found in reports by a program: a share of them is wrong",
        ),
    )


def _find_picture(root: Path, text: str) -> Path | None:
    """Find a picture by its published path, whose first folder is the set's own and may have another name here."""
    path = Path(text)
    for candidate in (root / Path(*path.parts[1:]), root.parent / path, root / path):
        if candidate.is_file():
            return candidate
    return None


def _row(line: Line, part: Part, path: Path, options: Options) -> LabelledRadiograph:
    said = line.cells[_PNEUMONIA].removesuffix(".0")
    found = [name for name in _OBSERVATIONS if line.cells.get(name, "").removesuffix(".0") == "1"]
    label = label_by_policy(
        has_pneumonia=said == "1", is_normal=line.cells[_NORMAL].removesuffix(".0") == "1", options=options
    )
    finding = "pneumonia" if said == "1" else finding_of(found, normal=_NORMAL)
    if said == "-1":
        label, finding = _UNCERTAIN_LABELS[options["uncertain"]], "uncertain pneumonia"
    elif finding == "normal" and label != WITHOUT:
        finding = "nothing stated"
    patient = _PATIENT.search(line.cells["Path"])
    return LabelledRadiograph(
        path=path,
        label=label,
        patient_id=f"chexpert-{patient[0]}" if patient else None,
        finding=finding,
        split=part,
        site="Stanford Hospital",
        age_years=line.age_years("Age"),
        sex=_SEXES.get(line.cells["Sex"]),
        view=line.text("AP/PA"),
    )
