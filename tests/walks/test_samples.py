"""The shipped synthetic samples: as many and as marked as promised, assessed by the shipped model, nobody's picture."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import pytest
import torch
from made.cohorts import drawn_cohort
from PIL import Image

import lingula
from lingula.modelpackage.archive import read_package, shipped_package_path
from lingula.radiology.reading import describe_instance, read_radiograph
from lingula.radiology.study import Status
from lingula.training.statistics.metrics import auroc
from lingula.training.synthesis.choosing import Opinion
from lingula.training.synthesis.cohort import SIDE, Cohort, lung_box_of, places_in_picture, read_cohort
from lingula.training.synthesis.film import Film
from lingula.training.synthesis.likeness import details, details_of_all, nearest, nearest_other_patient
from lingula.training.synthesis.making import Order, make_samples
from lingula.training.synthesis.registration import sample_at
from lingula.triage.assess import assess_bytes
from lingula.triage.infer import Model

FOLDER = Path(lingula.__file__).parent / "shipped" / "samples"
LARGEST = 6_000_000  # bytes of all samples together; they travel in every wheel
MOST_ALIKE_SAMPLES = 0.6  # likeness of two samples, where 1 is the same picture


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the index."""

    file: str
    shows: str
    format: str
    lung_box: tuple[float, float, float, float]

    @property
    def data(self) -> bytes:
        return (FOLDER / self.file).read_bytes()


ROWS = [
    Row(file=row["file"], shows=row["class"], format=row["format"], lung_box=tuple(row["lung_box"]))
    for row in json.loads((FOLDER / "samples.json").read_text())["samples"]
]


def test_forty_samples_ship_as_jpeg_and_dicom() -> None:
    assert Counter(row.shows for row in ROWS) == {"normal": 20, "pneumonia": 20}
    formats = Counter(row.format for row in ROWS)
    assert formats["jpeg"] == 28
    assert min(formats[kind] for kind in ("dicom jpeg", "dicom monochrome1", "dicom rle", "dicom 12 bit")) >= 1
    named = {row.file for row in ROWS} | {"samples.json", "README.md"}
    assert {path.name for path in FOLDER.iterdir()} == named
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= LARGEST


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.file)
def test_a_sample_says_that_it_is_synthetic(row: Row) -> None:
    if row.format == "jpeg":
        with Image.open(FOLDER / row.file) as picture:
            assert b"SYNTHETIC" in picture.info["comment"]
            assert "SYNTHETIC" in picture.getexif()[0x010E]
    else:
        dataset = pydicom.dcmread(FOLDER / row.file, stop_before_pixels=True)
        assert str(dataset.PatientName).startswith("SYNTHETIC^")
        assert "SYNTHETIC" in dataset.ImageComments
        assert all(str(uid).startswith("2.25.") for uid in (dataset.StudyInstanceUID, dataset.SOPInstanceUID))
        assert describe_instance(row.data).body_part_examined == "CHEST"


def test_the_shipped_model_assesses_the_samples_and_ranks_pneumonia_higher() -> None:
    model = Model(read_package(shipped_package_path()))
    findings = [assess_bytes(row.data, model) for row in ROWS]
    refused = [finding.reason for finding in findings if finding.status != Status.ASSESSED]
    assert len(refused) <= 1, refused
    rated = [(row, finding.probability) for row, finding in zip(ROWS, findings, strict=True)]
    labels = np.array([row.shows == "pneumonia" for row, chance in rated if chance is not None])
    chances = np.array([chance for _, chance in rated if chance is not None])
    assert auroc(labels, chances) >= 0.9


def test_no_two_samples_are_nearly_the_same() -> None:
    ours = torch.cat([_squashed(row) for row in ROWS])
    found = details(ours)
    alike = found @ found.T - 2 * torch.eye(len(ROWS))
    assert alike.max().item() <= MOST_ALIKE_SAMPLES


def test_no_sample_is_closer_to_a_patient_than_patients_are_to_each_other(real_data: Path) -> None:
    cohort = read_cohort(real_data / "chest_xray")
    everyone = details_of_all(cohort)
    between_patients = nearest_other_patient(everyone, cohort.patients)
    closest = nearest(details(torch.cat([_laid_over(row, cohort) for row in ROWS])), everyone)
    assert closest.max() <= between_patients.max()
    for shows in (False, True):
        ours = closest[[(row.shows == "pneumonia") == shows for row in ROWS]]
        assert np.median(ours) <= np.median(between_patients[cohort.has_pneumonia == shows])


def test_samples_are_made_with_their_index_from_a_cohort(tmp_path: Path) -> None:
    told: list[str] = []
    (tmp_path / "synthetic-07.jpg").write_bytes(b"of an earlier time")
    make_samples(drawn_cohort(26), _no_opinion, Order(per_class=1, tries=1, seed=4), tmp_path, told.append)
    rows = json.loads((tmp_path / "samples.json").read_text())["samples"]
    assert sorted(row["class"] for row in rows) == ["normal", "pneumonia"]
    assert {path.name for path in tmp_path.iterdir()} == {"samples.json", *(row["file"] for row in rows)}
    for row in rows:
        assert row["likeness_to_nearest_training_picture"] < 0.95
        assert read_radiograph((tmp_path / row["file"]).read_bytes()).columns == row["columns"]
    assert [json.loads(line) for line in told] == rows


def _no_opinion(film: Film) -> Opinion:
    return Opinion(probability=float(film.mean()), novelty=0.5, rule_out=0.1, rule_in=0.5, novelty_limit=1.0)


def _squashed(row: Row) -> torch.Tensor:
    """Give a sample as the data set's pictures are, shape (1, 1, 224, 224), 0-1."""
    picture = Image.fromarray(read_radiograph(row.data).pixels).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.asarray(picture, dtype=np.float32) / 255)[None, None]


def _laid_over(row: Row, cohort: Cohort) -> torch.Tensor:
    """Bring a sample's lung box onto that of the cohort."""
    top, bottom, left, right = lung_box_of(cohort)
    own = np.array(row.lung_box) * SIDE - 0.5
    tall, wide = (own[1] - own[0]) / (bottom - top), (own[3] - own[2]) / (right - left)
    frame = np.array([[tall, own[0] - tall * top, wide, own[2] - wide * left]], dtype=np.float32)
    return sample_at(_squashed(row), places_in_picture(frame))
