"""What became of radiographs that never were: outcomes with probabilities of a known quality."""

from collections.abc import Sequence

from lingula.radiology.study import Status
from lingula.training.data.labelled import LABEL_NAMES
from lingula.training.data.outcomes import Outcome
from made.labels import MadeScores, made_scores
from made.packages import made_manifest


def made_outcomes(count: int, *, seed: int = 0, separation: float = 2.0) -> list[Outcome]:
    """Draw outcomes of patients with one to four radiographs each, in the bands of the made package."""
    return outcomes_of(made_scores(count, seed=seed, separation=separation))


def outcomes_of(made: MadeScores, findings: Sequence[str] | None = None) -> list[Outcome]:
    """Give made scores as outcomes named ``0.png``, ``1.png`` and so on."""
    points = made_manifest().operating_points
    return [
        Outcome(
            name=f"{number}.png",
            label=label,
            finding=LABEL_NAMES[label] if findings is None else findings[number],
            status=Status.ASSESSED,
            probability=probability,
            band=points.band(probability),
            novelty=0.1,
            patient=patient,
        )
        for number, (label, probability, patient) in enumerate(
            zip(made.labels.tolist(), made.probabilities.tolist(), made.patients.tolist(), strict=True)
        )
    ]
