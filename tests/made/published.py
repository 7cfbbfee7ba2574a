"""Public data sets that never were: folders of the right shape with drawn chests, and DICOM files of made-up people."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from made.chests import drawn_chest
from made.dicom_files import as_bytes, made_dataset

SIDE = 128  # pixels; larger than the shortest side a package accepts


@dataclass(frozen=True, kw_only=True)
class Person:
    """Who a DICOM file is of, as its header says; empty where it says nothing."""

    patient_id: str = "PID-4711"
    name: str = "Doe^Jane"
    age: str = "003Y"
    sex: str = "F"


def chest(seed: int, *, has_opacity: bool = False) -> Image.Image:
    """Draw a chest of its own for every seed."""
    return Image.fromarray(drawn_chest(seed, has_opacity=has_opacity).pixels).resize((SIDE, SIDE))


def write_chest(path: Path, seed: int, *, has_opacity: bool = False) -> Path:
    """Write a drawn chest as the picture its ending names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    chest(seed, has_opacity=has_opacity).save(path)
    return path


def write_dicom(path: Path, seed: int, person: Person, *, view: str = "PA", has_opacity: bool = False) -> Path:
    """Write a drawn chest as DICOM; UIDs end in the seed, two seeds in a row share a study."""
    dataset = made_dataset(np.asarray(chest(seed, has_opacity=has_opacity)))
    dataset.SOPInstanceUID, dataset.StudyInstanceUID = f"1.2.826.0.1.9.{seed}", f"1.2.826.0.1.8.{seed // 2}"
    dataset.PatientID, dataset.PatientName = person.patient_id, person.name
    dataset.PatientAge, dataset.PatientSex, dataset.ViewPosition = person.age, person.sex, view
    dataset.AccessionNumber = f"ACC-{seed:04}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(as_bytes(dataset))
    return path


def write_lines(path: Path, *lines: str) -> Path:
    """Write a table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Give a zip archive of files by name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def kermany_archive(*, per_class: int = 3) -> bytes:
    """Give an archive as Mendeley Data has it, with drawn chests and what a Mac adds."""

    def picture(seed: int, *, has_opacity: bool) -> bytes:
        buffer = io.BytesIO()
        chest(seed, has_opacity=has_opacity).save(buffer, "JPEG")
        return buffer.getvalue()

    files: dict[str, bytes] = {"chest_xray/.DS_Store": b"x", "__MACOSX/chest_xray/._train": b"x"}
    for number in range(per_class):
        for part in ("train", "test"):
            seed = number + (100 if part == "test" else 0)
            files[f"chest_xray/{part}/NORMAL/IM-{seed:04}-0001.jpeg"] = picture(seed, has_opacity=False)
            files[f"chest_xray/{part}/PNEUMONIA/person{seed}_virus_1.jpeg"] = picture(500 + seed, has_opacity=True)
    return zipped(files)


CHEXPERT_COLUMNS: Sequence[str] = (
    "Path",
    "Sex",
    "Age",
    "Frontal/Lateral",
    "AP/PA",
    "No Finding",
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
)
