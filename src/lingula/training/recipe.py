"""One training run, every number named once: a TOML file read into frozen values.

A recipe together with the data's split digest says everything needed to train the same package again; it travels whole
inside the package's manifest.
"""

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

from lingula.modelpackage.gate import Gate
from lingula.modelpackage.manifest import DataSource, Fraction, IntendedUse, Label

_GROWN = 0.75  # share of the epochs after which pictures have their whole side
_PLACE = 16  # pixels of a side that become one place of our own network's features


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DataRecipe(_Part):
    """Where the radiographs are; paths are relative to the folder given on the command line or in LINGULA_DATA."""

    source: str = Field(description="a folder per class, a CSV, or KIND:FOLDER for a DICOM export or a public set")
    masks: str | None = Field(
        default=None, description="folder of lung masks NAME.png of the radiographs NAME; only to train a finder"
    )
    outliers: str | None = Field(default=None, description="a folder of radiographs outside the intended use")
    sample: int | None = Field(default=None, gt=0, description="of the radiographs are drawn; all if not given")
    credits: tuple[DataSource, ...]


class SplitRecipe(_Part):
    """Who is trained on, who decides and who is looked at once.

    `by = "image"` tears patients apart: it exists to repeat published numbers, and every report says that it leaks.
    """

    by: Literal["patient", "image", "source"] = Field(
        default="patient", description="source: the parts that the source itself names"
    )
    tuning: Fraction = Field(default=0.15, description="share on which calibration and operating points are chosen")
    test: Fraction = Field(default=0.0, description="share on which nothing is learnt or chosen")
    folds: int = Field(default=5, ge=0, description="for cross-validation; 0 judges on the test, else the tuning part")
    judged: int | None = Field(default=None, ge=1, description="of the folds are held out in turn; all if not given")
    probed: int | None = Field(
        default=None,
        ge=10,
        description="of the radiographs that a pair of networks judges are also judged under stress and with their "
        "lungs blanked, drawn by the seed; all if not given",
    )

    @model_validator(mode="after")
    def _are_there(self) -> "SplitRecipe":
        if self.folds and self.judged is not None and self.judged > self.folds:
            raise ValueError(f"judged ({self.judged}) are more than there are folds ({self.folds})")
        return self


class Precision(StrEnum):
    """In which arithmetic a network learns."""

    AUTO = "auto"
    BF16 = "bf16"
    FP32 = "fp32"


class Schedule(_Part):
    """How a network is optimised."""

    epochs: int = Field(gt=0, description="times that the training pictures are seen, but for an incomplete last batch")
    batch: int = Field(gt=0, description="pictures in one step")
    learning_rate: float = Field(gt=0, description="size of a step, at its greatest")
    weight_decay: float = Field(default=0.0, ge=0, description="of the optimiser")
    optimiser: Literal["adamw", "adam", "sgd", "nadam", "adadelta", "rmsprop"] = Field(
        default="adamw", description="what takes the steps, each with its usual constants"
    )
    pace: Literal["cosine", "constant", "one-cycle", "step", "plateau"] = Field(
        default="cosine", description="how the learning rate moves after the warm-up"
    )
    warm_up: Fraction = Field(default=0.1, description="share of all steps")
    average: Fraction | None = Field(default=0.998, description="of the weights' moving average, a step; 0 for none")
    patience: int | None = Field(
        default=None, gt=0, description="epochs without a better tuning loss before it stops and takes the best weights"
    )
    precision: Precision = Field(
        default=Precision.AUTO, description="auto: bf16 where the device calculates in it, else fp32"
    )


class FinderRecipe(_Part):
    """The lung finder: trained on masks, or taken from a package (`package`), for who has none."""

    schedule: Schedule | None = None
    widths: tuple[int, int, int, int] = Field(default=(16, 32, 48, 64), description="channels of its four levels")
    package: str | None = Field(
        default=None, description="path of a .lingula file, or `shipped`: its lung finder is used as it is"
    )

    @model_validator(mode="after")
    def _one_way(self) -> "FinderRecipe":
        if (self.schedule is None) == (self.package is None):
            raise ValueError("give either [finder.schedule], to train one, or package, to take one")
        if self.schedule is not None and self.schedule.batch < 3:  # noqa: PLR2004 - masked, unmasked, outliers
            raise ValueError(f"[finder.schedule] batch ({self.schedule.batch}) is dealt in thirds; give 3 or more")
        return self


class Sight(StrEnum):
    """What the network sees of a radiograph."""

    LUNGS = "lungs"  # the box around the lungs, standardised: what travels to other hospitals
    FRAME = "frame"  # the whole picture, with every shortcut it holds


class NetworkRecipe(_Part):
    """Which network, how much of it learns, and where its weights begin."""

    name: str = Field(
        default="lingula", description="lingula, small-cnn, vgg16, resnet50, resnet50v2, or timm/NAME for any of timm's"
    )
    sees: Sight = Sight.LUNGS
    side: int = Field(default=144, gt=0, multiple_of=_PLACE, description="pixels of what it sees")
    widths: tuple[int, int, int, int] = Field(default=(32, 64, 128, 128), description="of lingula's own network")
    blocks: tuple[int, int, int, int] = Field(default=(1, 2, 2, 1), description="of lingula's own network")
    pretrained: bool = Field(default=False, description="begin with ImageNet weights, from `weights` or from the hub")
    weights: str | None = Field(default=None, description="a local file of weights, relative to the data folder")
    package: str | None = Field(
        default=None, description="begin with the weights of this .lingula file, or of `shipped`; lingula's own network"
    )
    mirrored: bool = Field(
        default=False, description="while it judges, it also looks at the mirror image; the mean of both decides"
    )
    trainable: Literal["all", "head"] | int = Field(
        default="all", description="a number unfreezes that many layers with weights, counted from the end of the base"
    )
    head: tuple[PositiveInt, ...] = Field(default=(), description="widths of dense layers between features and answer")
    dropout: float = Field(default=0.0, ge=0, lt=1, description="share of the features left out at random, in the head")
    batch_norm: bool = Field(default=False, description="batch normalisation in the head")
    l2: float = Field(default=0.0, ge=0, description="penalty on the head's weights, added to the loss")

    @model_validator(mode="after")
    def _one_beginning(self) -> "NetworkRecipe":
        if self.weights is not None and not self.pretrained:
            raise ValueError(f"weights ({self.weights}) are taken only with pretrained = true")
        if self.package is not None and self.pretrained:
            raise ValueError(f"give either package ({self.package}) or pretrained, not both")
        return self


class LossRecipe(_Part):
    """What is minimised."""

    kind: Literal["binary", "softmax", "focal"] = Field(
        default="binary", description="focal: binary, and what is easy already weighs less"
    )
    gamma: float = Field(default=2.0, ge=0, description="of the focal loss")
    class_weights: Literal["none", "balanced"] | tuple[PositiveFloat, PositiveFloat] = Field(
        default="none", description="of normal and pneumonia"
    )
    label_smoothing: Fraction = Field(default=0.0, description="share of the way that targets move towards 0.5")
    finding_weight: float = Field(default=0.0, ge=0, description="of the helper task normal/bacteria/virus")
    teacher_weight: Fraction = Field(default=0.0, description="of what the folds' networks say of the same picture")


class AugmentRecipe(_Part):
    """What a training picture goes through; every value 0 leaves it as it is."""

    rotation: float = Field(default=10.0, ge=0, description="degrees at most, either way")
    zoom: float = Field(
        default=0.12,
        ge=0,
        description="natural logarithm of the scale, at most, either way; of the height up to half as much again",
    )
    shift: float = Field(default=0.06, ge=0, description="of the side, at most, either way")
    shear: float = Field(default=0.08, ge=0, description="sideways per unit of height, at most, either way")
    flip: Fraction = Field(default=0.5, description="of the pictures are mirrored")
    exposure: float = Field(default=1.0, ge=0, description="strength of gamma, contrast, brightness and noise")
    sharpness: float = Field(default=1.0, ge=0, description="strength of blur and sharpening")
    recompress: Fraction = Field(default=0.3, description="of the pictures become JPEG of quality 25-90 again")
    erase: Fraction = Field(default=0.15, description="of the pictures have a rectangle covered")
    mixup: float = Field(
        default=0.0, ge=0, description="alpha of the beta distribution; half of the batches stay unmixed"
    )
    swap_surroundings: Fraction = Field(default=0.1, description="of the lungs lie in another patient's surroundings")
    blank_lungs: Fraction = Field(default=0.08, description="of the pictures; their target is to be undecided")

    @classmethod
    def nothing(cls) -> "AugmentRecipe":
        """Give the recipe that leaves every picture as it is."""
        return cls.model_validate(dict.fromkeys(cls.model_fields, 0.0))


class ClassifierRecipe(_Part):
    """The classifier: network, loss, what its pictures go through, how it is optimised."""

    schedule: Schedule
    final_epochs: int | None = Field(default=None, gt=0, description="of the shipped network, if it may learn longer")
    grow_from: int | None = Field(
        default=None,
        gt=0,
        multiple_of=_PLACE,
        description="pixels of what the network sees at first; they grow to its `side` by three quarters of the epochs",
    )
    network: NetworkRecipe = NetworkRecipe()
    loss: LossRecipe = LossRecipe()
    augment: AugmentRecipe = AugmentRecipe()

    @model_validator(mode="after")
    def _can_learn(self) -> "ClassifierRecipe":
        if self.grow_from is not None and self.grow_from > self.network.side:
            raise ValueError(f"grow_from ({self.grow_from}) is more than the network's side ({self.network.side})")
        if self.network.batch_norm and self.schedule.batch == 1:
            raise ValueError("batch_norm in [classifier.network] needs a batch of 2 or more in [classifier.schedule]")
        return self

    def at(self, done: float) -> "ClassifierRecipe":
        """Give the recipe of an epoch: when a share `done` (0-1) of them is done, the network sees so many pixels.

        Small pictures teach the coarse things in a fraction of the time (Tan & Le 2021, EfficientNetV2, "progressive
        learning"); the last quarter of the epochs and all judging see the whole side.
        """
        if self.grow_from is None or done >= _GROWN:
            return self
        pixels = self.grow_from + (self.network.side - self.grow_from) * done / _GROWN
        side = _PLACE * round(pixels / _PLACE)
        return self.model_copy(update={"network": self.network.model_copy(update={"side": side})})


class OperatingPointRecipe(_Part):
    """What the two thresholds are chosen for, on the tuning set."""

    rule_out_sensitivity: Fraction = Field(
        default=0.98, description="the tuning part must hold 1 / (1 - this) patients with pneumonia: 50 for 0.98"
    )
    rule_in_specificity: Fraction = Field(
        default=0.95, description="the tuning part must hold 1 / (1 - this) normal patients: 20 for 0.95"
    )


class NoveltyRecipe(_Part):
    """How many real radiographs of the tuning set each part of novelty may refuse."""

    outlier_share: Fraction = Field(default=0.003, description="refused: the finder takes them for no such radiograph")
    distance_share: Fraction = Field(default=0.002, description="refused: their features lie far from all learnt")
    distance_slack: float = Field(default=1.25, ge=1.0, description="factor on the distance at that share")


class ExportRecipe(_Part):
    """In which arithmetic the package's graph works."""

    graph: Literal["fp32", "int8"] = Field(
        default="fp32", description="int8: convolutions in eight-bit integers, refused unless the bands stay the same"
    )


class PackageRecipe(_Part):
    """What the package says of itself."""

    name: str = Field(description="lower-case words joined by hyphens")
    version: str = Field(description="MAJOR.MINOR.PATCH; a shelf takes each once")
    licence: str = Field(description="of the package, an SPDX name")
    intended_use: IntendedUse
    label: Label


class TrackingRecipe(_Part):
    """Where a run is written down beside its own folder."""

    mlflow: str | None = Field(default=None, description="URI of MLflow's server or folder; none: `mlruns` beside runs")
    tensorboard: bool = Field(default=False, description="also write the epochs to `tensorboard` in the run's folder")


class Recipe(_Part):
    """A whole run."""

    seed: int = Field(ge=0, lt=2**31, description="decides the cut, the first weights and every draw")
    data: DataRecipe
    split: SplitRecipe
    finder: FinderRecipe
    classifier: ClassifierRecipe
    operating_points: OperatingPointRecipe = OperatingPointRecipe()
    novelty: NoveltyRecipe = NoveltyRecipe()
    gate: Gate
    export: ExportRecipe = ExportRecipe()
    package: PackageRecipe
    tracking: TrackingRecipe = TrackingRecipe()

    @model_validator(mode="after")
    def _has_teachers(self) -> "Recipe":
        weight, folds, judged = self.classifier.loss.teacher_weight, self.split.folds, self.split.judged
        if weight and (not folds or judged not in {None, folds}):
            raise ValueError(
                f"teacher_weight ({weight}) in [classifier.loss] asks every fold's network, but [split] judges "
                f"{min(judged or 0, folds)} of {folds} folds; judge all of some, or set teacher_weight to 0"
            )
        return self
