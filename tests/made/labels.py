"""Labelled radiographs that never were: scores with known properties, data sets in memory, small pictures."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lingula.radiology.radiograph import Pixels
from lingula.training.data.circumstances import Circumstances
from lingula.training.data.dataset import Dataset, DatasetReport
from lingula.training.data.labelled import LABEL_NAMES, LabelledRadiograph, Part

SIDE = 128  # pixels; larger than the shortest side a package accepts


@dataclass(frozen=True, kw_only=True)
class MadeScores:
    """Labels, scores as probabilities, and patients with one to four radiographs each."""

    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    patients: NDArray[np.str_]


def made_scores(count: int, *, seed: int = 0, separation: float = 2.0, positive_share: float = 0.6) -> MadeScores:
    """Draw scores whose two labels lie `separation` standard deviations apart."""
    rng = np.random.default_rng(seed)
    patients = np.repeat(np.arange(count), rng.integers(1, 5, size=count))[:count]
    labels = (rng.random(count) < positive_share).astype(np.int64)[patients]
    logits = (labels - 0.5) * separation + rng.normal(size=count)
    return MadeScores(
        labels=labels, probabilities=1 / (1 + np.exp(-logits * separation)), patients=patients.astype(np.str_)
    )


def made_dataset(
    patients: Sequence[str],
    labels: Sequence[int],
    *,
    findings: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    parts: Sequence[Part | None] | None = None,
) -> Dataset:
    """Make a data set in memory; a radiograph's key follows from its name, its patient and its label."""
    named = names or [f"{number:05}.png" for number in range(len(labels))]
    found = findings or [LABEL_NAMES[label] for label in labels]
    keys = [hashlib.sha256("/".join(map(str, row)).encode()).hexdigest() for row in zip(named, patients, strict=True)]
    report = DatasetReport(
        name="made",
        licence=None,
        citation=None,
        kept=len(labels),
        patients=len(set(patients)),
        by_label={name: list(labels).count(label) for label, name in enumerate(LABEL_NAMES)},
        by_finding={},
        duplicates=0,
        without_patient=0,
        left_out=(),
        repeats=(),
        notes=(),
    )
    return Dataset(
        pixels=np.zeros((len(labels), 8, 8), dtype=np.uint8),
        labels=np.array(labels, dtype=np.int64),
        patients=np.array(patients, dtype=np.str_),
        findings=np.array(found, dtype=np.str_),
        names=np.array(named, dtype=np.str_),
        keys=np.array(keys, dtype=np.str_),
        circumstances=Circumstances.of(
            [
                LabelledRadiograph(path=Path(name), label=label, split=part)
                for name, label, part in zip(named, labels, parts or [None] * len(labels), strict=True)
            ],
            [(8, 8)] * len(labels),
        ),
        digest=hashlib.sha256("".join(sorted(keys)).encode()).hexdigest(),
        report=report,
    )


def made_picture(seed: int, *, brightness: int = 128) -> Pixels:
    """Draw a smooth grey picture of its own for every seed."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 100, size=(8, 8), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC)).astype(np.int64)
    return np.clip(smooth + brightness - 50, 0, 255).astype(np.uint8)


def write_picture(path: Path, seed: int, *, brightness: int = 128) -> Path:
    """Write a picture of its own for every seed, in the format the path's ending names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(made_picture(seed, brightness=brightness)).save(path)
    return path


def write_class_folders(root: Path, *, normal: Sequence[str], pneumonia: Sequence[str]) -> Path:
    """Write a folder per class with a picture of its own under every name; pneumonia is brighter."""
    for seed, name in enumerate(normal):
        write_picture(root / "NORMAL" / name, seed, brightness=90)
    for seed, name in enumerate(pneumonia):
        write_picture(root / "PNEUMONIA" / name, 1000 + seed, brightness=170)
    return root
