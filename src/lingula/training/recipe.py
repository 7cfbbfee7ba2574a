"""One training run, every number named once: a TOML file read into frozen values.

A recipe together with the data's split digest says everything needed to train the same package again; it travels whole
inside the package's manifest.
"""

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lingula.errors import TrainingError
from lingula.modelpackage.manifest import DataSource, Fraction, IntendedUse, Label


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DataRecipe(_Part):
    """Where the radiographs are; paths are relative to the folder given on the command line or in LINGULA_DATA."""

    source: str
    masks: str = Field(description="folder of lung masks NAME.png for radiographs of the same NAME")
    outliers: str | None = Field(default=None, description="a source of radiographs outside the intended use")
    credits: tuple[DataSource, ...]


class SplitRecipe(_Part):
    """Who is trained on and who decides; patients never stand on both sides."""

    tuning: Fraction = 0.15
    test: Fraction = 0.0
    folds: int = Field(default=5, ge=2)
    judged: int | None = Field(default=None, ge=1, description="of the folds are held out in turn; all if not given")


class Schedule(_Part):
    """How a network is optimised: AdamW, warm-up, cosine decay, an exponential moving average of the weights."""

    epochs: int = Field(gt=0)
    batch: int = Field(gt=0)
    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    warm_up: Fraction = 0.1
    average: Fraction = Field(default=0.998, description="of the moving average, per step")


class FinderRecipe(_Part):
    """The lung finder."""

    schedule: Schedule
    widths: tuple[int, int, int, int] = (16, 32, 48, 64)


class ClassifierRecipe(_Part):
    """The classifier and what its pictures go through."""

    schedule: Schedule
    final_epochs: int | None = Field(
        default=None, gt=0, description="of the network that is shipped, if it may learn longer than those of the folds"
    )
    side: int = Field(default=144, gt=0, multiple_of=16, description="pixels of the lungs' picture")
    widths: tuple[int, int, int, int] = (32, 64, 128, 128)
    blocks: tuple[int, int, int, int] = (1, 2, 2, 1)
    label_smoothing: Fraction = 0.05
    finding_weight: float = Field(default=0.2, ge=0, description="of the helper task normal/bacteria/virus in the loss")
    mixup: float = Field(default=0.2, ge=0, description="alpha of the beta distribution; 0 is off")
    recompress: Fraction = 0.3
    erase: Fraction = 0.25
    swap_surroundings: Fraction = 0.25
    blank_lungs: Fraction = Field(default=0.1, description="of the pictures; their target is to be undecided")


class OperatingPointRecipe(_Part):
    """What the two thresholds are chosen for, on the tuning set."""

    rule_out_sensitivity: Fraction = 0.98
    rule_in_specificity: Fraction = 0.95


class NoveltyRecipe(_Part):
    """How many real radiographs of the tuning set each part of novelty may refuse."""

    outlier_share: Fraction = 0.003
    distance_share: Fraction = 0.002
    distance_slack: float = Field(default=1.25, ge=1.0, description="factor on the distance at that share")


class GateRecipe(_Part):
    """What must hold before a package is written; otherwise the run fails and says which."""

    auroc_at_least: Fraction
    lungs_blanked_auroc_at_most: Fraction
    false_refusal_at_most: Fraction
    parity_at_most: float = 1e-4


class PackageRecipe(_Part):
    """What the package says of itself."""

    name: str
    version: str
    licence: str
    intended_use: IntendedUse
    label: Label


class Recipe(_Part):
    """A whole run."""

    seed: int
    data: DataRecipe
    split: SplitRecipe
    finder: FinderRecipe
    classifier: ClassifierRecipe
    operating_points: OperatingPointRecipe
    novelty: NoveltyRecipe
    gate: GateRecipe
    package: PackageRecipe


def read_recipe(path: Path) -> Recipe:
    """Read a recipe; raises `TrainingError` naming the place that does not hold."""
    try:
        return Recipe.model_validate(tomllib.loads(path.read_text()))
    except OSError as error:
        raise TrainingError(f"recipe {path}: {error.strerror}; the shipped ones are in recipes/") from error
    except tomllib.TOMLDecodeError as error:
        raise TrainingError(f"recipe {path} is no TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise TrainingError(f"recipe {path}: {where}: {first['msg']}") from error
