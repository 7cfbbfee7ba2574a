"""Probes of a package: not how good it is, but why; each asks its own graph again about changed radiographs or weights.

Everything runs on the ONNX graph that hospitals run, with no training library; only the randomisation check needs
`onnx` to edit the graph, and is left out without it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lingula.modelpackage.archive import ModelPackage
from lingula.training.data.labelled import LABEL_NAMES, Source
from lingula.training.data.outcomes import Outcome
from lingula.training.probes.looking import LookingProbe, probe_looking
from lingula.training.probes.pointing import PointingProbe, probe_pointing
from lingula.training.probes.randomising import RandomisationProbe, probe_randomisation
from lingula.training.probes.sample import Judge, Told, draw_outcomes, read_sample
from lingula.training.probes.stressing import Stressed, StressProbe, probe_stress

__all__ = [
    "RADIOGRAPHS",
    "LookingProbe",
    "PointingProbe",
    "ProbeOptions",
    "Probes",
    "RandomisationProbe",
    "StressProbe",
    "Stressed",
    "Told",
    "probe_package",
]

RADIOGRAPHS = 400
"""Drawn for the probes unless told otherwise."""


@dataclass(frozen=True, kw_only=True)
class ProbeOptions:
    """How much is probed.

    Parameters
    ----------
    radiographs
        How many are drawn, half of each label as far as there are enough; 0 probes nothing.
    masks
        A folder of lung masks NAME.png drawn by people.
    """

    radiographs: int = RADIOGRAPHS
    masks: Path | None = None
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Probes:
    """What the probes found, on how many radiographs; `left_out` says what could not be done and why."""

    radiographs: int
    positives: int
    patients: int
    seed: int
    stress: StressProbe
    looking: LookingProbe
    randomisation: RandomisationProbe | None
    pointing: PointingProbe | None
    left_out: tuple[str, ...]


def probe_package(
    package: ModelPackage, source: Source, outcomes: Sequence[Outcome], options: ProbeOptions, told: Told
) -> Probes | None:
    """Probe a package on radiographs it has just assessed; None if none are asked for or they have one label only.

    Raises
    ------
    TrainingError
        If masks are given and fit none of the radiographs.
    """
    drawn = draw_outcomes(outcomes, options.radiographs, options.seed)
    if len({entry.label for entry in drawn}) < len(LABEL_NAMES):
        return None
    told("reading")
    sample = read_sample(package, source, drawn)
    judge = Judge.of(package)
    stress = probe_stress(judge, sample, package.manifest, told)
    told("maps")
    looking = probe_looking(judge, sample, options.masks)
    shuffled = probe_randomisation(package, judge, sample, options.seed, told)
    return Probes(
        radiographs=len(sample),
        positives=int(sample.labels.sum()),
        patients=len(set(sample.patients.tolist())),
        seed=options.seed,
        stress=stress,
        looking=looking,
        pointing=probe_pointing(judge, sample, source, drawn),
        randomisation=None if isinstance(shuffled, str) else shuffled,
        left_out=(shuffled,) if isinstance(shuffled, str) else (),
    )
