"""What a model package says of itself: the contract between the training half and the triage half.

The manifest is data, never code. Its JSON schema is published in ``docs/reference/manifest.schema.json``; a reader in
any language can check a package against it. Thresholds live here and nowhere else, beside the sensitivity they were
chosen for, because they belong to one set of weights and do not carry over to the next.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from lingula.radiology.study import Band

FORMAT_VERSION = 2
"""2 added the gate and where the weights began; packages of format 1 are read as they are, without both."""
_GATED = 2  # the first format whose packages must state a gate

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Estimate(_Part):
    """A measured number with its 95 % interval; `unit` of resampling is the patient."""

    value: float
    low: float
    high: float

    def in_words(self, digits: int = 4, *, signed: bool = False) -> str:
        """Write the number with its interval; `signed` is for differences.

        >>> Estimate(value=0.5, low=0.25, high=1).in_words(2)
        '0.50 (0.25 to 1.00)'
        """
        return f"{self.value:{_form(digits, signed=signed)}} ({self.interval(digits, signed=signed)})"

    def interval(self, digits: int = 4, *, signed: bool = False) -> str:
        """Write the interval alone.

        >>> Estimate(value=0, low=-0.0001, high=0.02).interval(2, signed=True)
        '+0.00 to +0.02'
        """
        form = _form(digits, signed=signed)
        return f"{self.low:{form}} to {self.high:{form}}"


def _form(digits: int, *, signed: bool) -> str:
    """Give the format of a number in which nothing is ever "-0.00"."""
    return f"{'+' if signed else ''}z.{digits}f"


class IntendedUse(_Part):
    """What the package may be used on; everything else is `not eligible`, never quietly assessed."""

    statement: str = Field(description="what it is for, in one sentence that people see")
    population: str = Field(description="whose radiographs it was made from and measured on")
    age_years_min: float = Field(ge=0, description="younger patients are not assessed")
    age_years_max: float = Field(gt=0, description="older patients are not assessed")
    modalities: tuple[str, ...] = Field(description="Modality (0008,0060) values, e.g. CR, DX")
    body_parts: tuple[str, ...] = Field(description="Body Part Examined (0018,0015) values")
    view_positions: tuple[str, ...] = Field(description="View Position (0018,5101) values")
    exclusions: tuple[str, ...] = Field(description="what it is not for, each in a few words")


class Preprocessing(_Part):
    """How a radiograph becomes the graph's input; carried out by `lingula.modelpackage.preprocessing` only."""

    height: int = Field(gt=0)
    width: int = Field(gt=0)
    resize: Literal["pillow-bilinear-antialiased"] = Field(
        description="Pillow's BILINEAR filter, whose support widens when shrinking; the aspect ratio is not kept"
    )
    scale_divisor: float = Field(gt=0, description="grey levels 0-255 are divided by this")
    shortest_side: int = Field(gt=0, description="pixels; a smaller picture is unreadable")
    decode_at_least: int = Field(gt=0, description="pixels of the shortest side a scaled JPEG decoding must keep")


class TensorSpec(_Part):
    """One input or output of the graph; a dimension of 0 is the batch."""

    name: str
    shape: tuple[int, ...]
    dtype: Literal["float32"] = "float32"
    low: float | None = None
    high: float | None = None
    meaning: str


class Label(_Part):
    """What the probability is the probability of."""

    name: str = Field(description="one or two words")
    definition: str = Field(description="what a radiograph with label 1 shows")
    reference_standard: str = Field(description="who said so, how many of them, and how they settled disagreement")


class OperatingPoint(_Part):
    """A threshold and the performance it was chosen for, with what was then measured."""

    threshold: Fraction
    intended: str = Field(description="for example 'sensitivity 0.98'")
    sensitivity: Estimate
    specificity: Estimate
    measured_on: str


class OperatingPoints(_Part):
    """Below `rule_out` is unlikely, at or above `rule_in` is likely, between is unsure."""

    rule_out: OperatingPoint
    rule_in: OperatingPoint

    def band(self, probability: float) -> Band:
        """Say what a probability means."""
        if probability >= self.rule_in.threshold:
            return Band.LIKELY
        if probability < self.rule_out.threshold:
            return Band.UNLIKELY
        return Band.UNSURE


class Novelty(_Part):
    """The graph's `novelty` is scaled so that `limit` is where a radiograph stops being like the training ones."""

    limit: float = 1.0
    false_refusal: Estimate = Field(description="share of real training radiographs refused, out of fold")
    components: str


class Histogram(_Part):
    """Counts between edges, for watching drift; there is one more edge than counts."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


class References(_Part):
    """Distributions on the tuning set that production is compared with."""

    probability: Histogram
    novelty: Histogram


class Rounding(_Part):
    """What eight-bit arithmetic changed against the same graph in 32 bits, over the tuning set."""

    radiographs: int = Field(gt=0)
    auroc_difference: float
    bands_equal: Fraction = Field(description="share of the radiographs that keep their band")
    greatest: float = Field(description="greatest |probability difference|")


class Evidence(_Part):
    """What was measured before the package was written, and on what."""

    method: str
    auroc: Estimate
    lungs_blanked_auroc: Estimate
    worst_stress_auroc: Estimate
    worst_stress: str
    expected_calibration_error: float
    brier_score: float
    parity: float = Field(
        description="greatest |probability difference| of training framework and graph, before any rounding"
    )
    rounding: Rounding | None = Field(default=None, description="none where the graph works in 32 bits throughout")


class Gate(_Part):
    """What the numbers of a package must reach: before it is written, and again before it is promoted.

    A recipe states it before anything is measured and it travels in the package, so nobody can lower it afterwards
    without a new digest. `lingula.modelpackage.gate.shortfalls` is the only judge. What is not given asks for nothing.
    """

    auroc_at_least: Fraction = Field(default=0.0, description="of radiographs that no judging network learnt from")
    sensitivity_at_least: Fraction = Field(default=0.0, description="measured at the rule-out point, cross-fitted")
    specificity_at_least: Fraction = Field(default=0.0, description="measured at the rule-out point, cross-fitted")
    calibration_error_at_most: Fraction = Field(
        default=1.0,
        description="mean distance of probability and share on the tuning set, cross-fitted, labels weighing alike",
    )
    worst_stress_auroc_at_least: Fraction = Field(default=0.0, description="under the change that costs most")
    lungs_blanked_auroc_at_most: Fraction = Field(default=1.0, description="0.5 is left of an honest model")
    false_refusal_at_most: Fraction = Field(default=1.0, description="share of real radiographs that are not eligible")
    parity_at_most: float = Field(
        default=1e-4, ge=0, description="greatest difference of probability between the framework and the graph"
    )


class Forebear(_Part):
    """A package that took part in making this one."""

    label: str = Field(description="NAME-VERSION")
    sha256: str


class DataSource(_Part):
    """Radiographs that took part in training, with their licence."""

    name: str = Field(description="what the radiographs are called")
    citation: str = Field(description="where they are published, or who approved their use")
    licence: str = Field(description="SPDX name or words")
    instances: int = Field(description="how many radiographs")


class Provenance(_Part):
    """How to make the package again."""

    recipe: str = Field(description="the recipe's TOML, whole")
    split_digest: str
    commit: str | None
    code_version: str
    seed: int
    data: tuple[DataSource, ...]
    begun_from: Forebear | None = Field(default=None, description="the package whose weights it began with")
    teachers: tuple[Forebear, ...] = Field(default=(), description="packages whose answers it learnt from")


class Stage(StrEnum):
    """Where a package stands on the shelf."""

    CANDIDATE = "candidate"  # registered, assesses nothing
    SHADOW = "shadow"  # assesses beside the serving one, shown to nobody
    SERVING = "serving"  # assesses what arrives
    RETIRED = "retired"  # served once


class Manifest(_Part):
    """Everything a reader must know before trusting one number of the package."""

    format_version: int = FORMAT_VERSION
    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    created_at: datetime
    licence: str
    intended_use: IntendedUse
    label: Label
    preprocessing: Preprocessing
    input: TensorSpec
    outputs: tuple[TensorSpec, ...]
    operating_points: OperatingPoints
    novelty: Novelty
    references: References
    evidence: Evidence
    gate: Gate | None = Field(default=None, description="none in packages of format 1", validate_default=True)
    provenance: Provenance
    members: dict[str, str] = Field(description="sha256 of every other member, by name")

    @field_validator("gate")
    @classmethod
    def _states_a_gate(cls, gate: Gate | None, info: ValidationInfo) -> Gate | None:
        version: int = info.data.get("format_version", FORMAT_VERSION)
        if gate is None and version >= _GATED:
            raise ValueError(f"a package of format {version} must say what its numbers have to reach; export it again")
        return gate
