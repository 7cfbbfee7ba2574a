"""The radiographs that probes are run on: drawn by seed, as many of each label as there are, prepared once.

A probe runs the graph again and again on the same radiographs, so a few hundred are drawn; the seed makes the same
draw from the same outcomes, on any machine.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lingula.modelpackage.archive import ModelPackage
from lingula.modelpackage.preprocessing import prepare
from lingula.modelpackage.session import Session, open_session
from lingula.radiology.radiograph import Pixels
from lingula.radiology.reading import read_radiograph
from lingula.radiology.study import Status
from lingula.training.data.labelled import LabelledRadiograph, Source
from lingula.training.data.outcomes import Outcome
from lingula.training.statistics.cases import Cases
from lingula.training.statistics.intervals import Labels, Scores

_BATCH = 8  # radiographs judged together by one thread
_SAMPLE_STREAM = 4_091  # keeps this draw apart from others of the same seed
LUNG = 0.5  # a cell is lung where the graph finds it more likely than not


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Prepared radiographs with their labels.

    Parameters
    ----------
    pictures
        Shape (N, height, width), uint8: what the package's preparation makes, before the division to 0-1.
    names, patients
        Shape (N,).
    """

    pictures: Pixels
    names: NDArray[np.str_]
    labels: Labels
    patients: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Self:
        """Keep some radiographs."""
        return type(self)(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def draw_outcomes(outcomes: Sequence[Outcome], count: int, seed: int) -> list[Outcome]:
    """Draw `count` of the assessed radiographs with a label, half of each label as far as there are enough."""
    assessed = [entry for entry in outcomes if entry.status is Status.ASSESSED and entry.label is not None]
    rng = np.random.default_rng([_SAMPLE_STREAM, seed])
    mixed = [assessed[place] for place in rng.permutation(len(assessed))]
    sides = [[entry for entry in mixed if entry.label == label] for label in (0, 1)]
    few, many = sorted(sides, key=len)
    kept = few[: count // 2]
    return sorted(kept + many[: count - len(kept)], key=lambda entry: entry.name)


def read_sample(package: ModelPackage, source: Source, drawn: Sequence[Outcome]) -> Sample:
    """Read and prepare radiographs that were assessed a moment ago."""
    paths = {source.name_of(row): row for row in source.rows}
    preprocessing = package.manifest.preprocessing

    def read(row: LabelledRadiograph) -> Pixels:
        radiograph = read_radiograph(row.path.read_bytes(), at_least=preprocessing.decode_at_least)
        scaled = prepare(radiograph, preprocessing)[0, 0] * preprocessing.scale_divisor
        return np.asarray(np.rint(scaled), dtype=np.uint8)

    cases = Cases.of(drawn)
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        pictures = list(pool.map(read, [paths[entry.name] for entry in cases.outcomes]))
    return Sample(
        pictures=np.stack(pictures),
        names=np.array([entry.name for entry in cases.outcomes], np.str_),
        labels=cases.labels,
        patients=cases.patients,
    )


@dataclass(frozen=True, kw_only=True)
class Judge:
    """A package's graph that judges pictures, with the package's own limits."""

    session: Session
    divisor: float

    @classmethod
    def of(cls, package: ModelPackage, graph: bytes | None = None) -> Self:
        """Open the package's graph, or another in its place."""
        session = open_session(package.graph if graph is None else graph, threads=1)
        return cls(session=session, divisor=package.manifest.preprocessing.scale_divisor)

    def __call__(self, pictures: Pixels, *outputs: str) -> dict[str, NDArray[np.float32]]:
        """Judge pictures (N, height, width), uint8, on all cores; each output has N first."""

        def judge(start: int) -> dict[str, NDArray[np.float32]]:
            batch = pictures[start : start + _BATCH, np.newaxis].astype(np.float32) / np.float32(self.divisor)
            return self.session.run(batch, outputs)

        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
            found = list(pool.map(judge, range(0, len(pictures), _BATCH)))
        return {name: np.concatenate([entry[name] for entry in found]) for name in outputs}

    def probabilities(self, pictures: Pixels) -> Scores:
        """Give the probability of each picture, shape (N,)."""
        return self(pictures, "probability")["probability"][:, 0].astype(np.float64)


def enlarged(maps: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Enlarge or shrink maps (N, h, w) to (N, *shape)."""
    size = (shape[1], shape[0])
    return np.stack([np.asarray(Image.fromarray(each).resize(size, Image.Resampling.BILINEAR)) for each in maps])


Told = Callable[[str], None]
"""Told the name of the probe that is about to begin."""
