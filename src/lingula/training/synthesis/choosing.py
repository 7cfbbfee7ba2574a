"""Which drawn candidates become samples: the rule, and the shipped model as its judge.

The samples show how the program works; they are no evidence that the model is right, because the model helped to choose
them. The rule: candidates are drawn in a fixed order; the first is taken that is within the model's novelty limit, lies
on its class's side of the operating points (normal below `rule_out`, pneumonia from `rule_in` on) and is no more like
any training picture than the limit given. If none is, the least unsuitable one is taken, and the index says so.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lingula.errors import TrainingError
from lingula.modelpackage.archive import read_package
from lingula.modelpackage.preprocessing import prepare
from lingula.modelpackage.session import open_session
from lingula.radiology.radiograph import Radiograph
from lingula.training.synthesis.film import Film


@dataclass(frozen=True, kw_only=True)
class Opinion:
    """What a model says of a film, and where its limits lie."""

    probability: float
    novelty: float
    rule_out: float
    rule_in: float
    novelty_limit: float


Judge = Callable[[Film], Opinion]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A film that may become a sample, what the judge says, and how like the nearest training picture it is."""

    film: Film
    lung_box: tuple[float, float, float, float]
    likeness: float
    opinion: Opinion


def open_judge(package_path: Path) -> Judge:
    """Open a model package to judge films with, one at a time on one thread."""
    package = read_package(package_path)
    session = open_session(package.graph, 1)
    points, limit = package.manifest.operating_points, package.manifest.novelty.limit

    def judge(film: Film) -> Opinion:
        pixels = (film * 255).round().astype(np.uint8)
        radiograph = Radiograph(pixels=pixels, rows=pixels.shape[0], columns=pixels.shape[1])
        found = session.run(prepare(radiograph, package.manifest.preprocessing), ("probability", "novelty"))
        return Opinion(
            probability=float(found["probability"][0, 0]),
            novelty=float(found["novelty"][0, 0]),
            rule_out=points.rule_out.threshold,
            rule_in=points.rule_in.threshold,
            novelty_limit=limit,
        )

    return judge


def choose(candidates: Iterable[Candidate], *, shows_pneumonia: bool, most_alike: float) -> Candidate:
    """Take the first suitable candidate, else the least unsuitable one.

    Parameters
    ----------
    candidates
        Drawn only as far as needed.
    shows_pneumonia
        The class wanted.
    most_alike
        Greatest likeness to a training picture that is suitable.

    Raises
    ------
    TrainingError
        If there is no candidate at all.
    """
    best: Candidate | None = None
    for candidate in candidates:
        if unsuitability(candidate, shows_pneumonia=shows_pneumonia, most_alike=most_alike) == 0:
            return candidate
        if best is None or _worse(best, candidate, shows_pneumonia, most_alike):
            best = candidate
    if best is None:
        raise TrainingError("no candidate was drawn; ask for at least one per sample")
    return best


def unsuitability(candidate: Candidate, *, shows_pneumonia: bool, most_alike: float) -> float:
    """Give 0 for a suitable candidate, else the sum of what it lacks: novelty, side and distance each count from 0."""
    opinion = candidate.opinion
    beyond = max(opinion.novelty / opinion.novelty_limit - 1, 0.0)
    if shows_pneumonia:
        wrong_side = max(opinion.rule_in - opinion.probability, 0.0)
    else:
        wrong_side = max(opinion.probability - opinion.rule_out, 0.0)
    return 10 * beyond + wrong_side + 10 * max(candidate.likeness - most_alike, 0.0)


def _worse(one: Candidate, other: Candidate, shows_pneumonia: bool, most_alike: float) -> bool:  # noqa: FBT001  # private
    return unsuitability(one, shows_pneumonia=shows_pneumonia, most_alike=most_alike) > unsuitability(
        other, shows_pneumonia=shows_pneumonia, most_alike=most_alike
    )
