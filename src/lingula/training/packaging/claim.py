"""The 44 items of CLAIM 2024, answered from a package's own manifest, findings and recipe.

What these do not hold is `NOT_REPORTED`: a checklist that always says yes helps nobody. The items are named in few
words; the checklist itself explains them.

References
----------
Tejani AS et al., Radiology: Artificial Intelligence 2024;6(4):e240300, doi:10.1148/ryai.240300.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lingula.modelpackage.manifest import Forebear, Manifest, OperatingPoint
from lingula.training.evidence.findings import Findings
from lingula.training.packaging.words import (
    describe_augmentation,
    describe_beginnings,
    describe_network,
    describe_schedule,
)
from lingula.training.recipe import Recipe, Sight
from lingula.training.statistics.measures import BALANCED

NOT_REPORTED = "not reported"
_WITHIN = "not reported; `lingula evaluate` measures it on any labelled radiographs"
_CHOSEN_AND_MEASURED = "chosen and measured on the same radiographs, the tuning set, which flatters them"
_CROSS_FITTED = "on the tuning set, each part of its patients measured by what the other parts chose"


@dataclass(frozen=True, kw_only=True)
class ClaimItem:
    """One item: its number and name in CLAIM 2024, and what this package says."""

    number: int
    section: str
    name: str
    says: str

    @property
    def is_reported(self) -> bool:
        """Say whether there is an answer, be it in part."""
        return not self.says.startswith(NOT_REPORTED)

    @property
    def is_in_part(self) -> bool:
        """Say whether the answer leaves something out."""
        return self.is_reported and NOT_REPORTED in self.says


@dataclass(frozen=True, kw_only=True)
class _Known:
    """All that a package knows of itself."""

    manifest: Manifest
    findings: Findings
    recipe: Recipe
    finder_of: Forebear | None


def claim_items(
    manifest: Manifest, findings: Findings, recipe: Recipe, finder_of: Forebear | None = None
) -> tuple[ClaimItem, ...]:
    """Answer every item, in the checklist's order; `finder_of` is the package whose lung finder is used, if any."""
    known = _Known(manifest=manifest, findings=findings, recipe=recipe, finder_of=finder_of)
    sections: Sequence[tuple[str, Iterator[tuple[str, str]]]] = (
        ("Title and abstract", _title(known)),
        ("Introduction", _introduction(known)),
        ("Methods: design", _design(known)),
        ("Methods: data", _data(known)),
        ("Methods: reference standard", _reference_standard(known)),
        ("Methods: partitions", _partitions(known)),
        ("Methods: model", _model(known)),
        ("Methods: training", _training(known)),
        ("Methods: evaluation", _evaluation(known)),
        ("Results", _results(known)),
        ("Discussion and other", _rest(known)),
    )
    answers = [(section, name, says) for section, made in sections for name, says in made]
    return tuple(
        ClaimItem(number=number, section=section, name=name, says=says)
        for number, (section, name, says) in enumerate(answers, start=1)
    )


def _title(known: _Known) -> Iterator[tuple[str, str]]:
    yield "identified as artificial intelligence, with its kind", f"deep learning, {describe_network(known.recipe)}"
    yield "summary", "this card"


def _introduction(known: _Known) -> Iterator[tuple[str, str]]:
    yield "background, intended use and role", f"{known.manifest.intended_use.statement}; supports a doctor's decision"
    gate = known.recipe.gate
    yield (
        "aims and hypotheses",
        (
            f"a gate set before measuring: AUROC at least {gate.auroc_at_least:g}, with the lungs blanked at most "
            f"{gate.lungs_blanked_auroc_at_most:g}, real radiographs refused at most {gate.false_refusal_at_most:g}"
        ),
    )


def _design(known: _Known) -> Iterator[tuple[str, str]]:
    yield "prospective or retrospective", f"{NOT_REPORTED}; see the data's own publications"
    yield "goal", f"to make and measure a model of: {known.manifest.label.definition}"


def _data(known: _Known) -> Iterator[tuple[str, str]]:
    manifest, use = known.manifest, known.manifest.intended_use
    credits_ = [f"{data.name} ({data.instances}; {data.citation})" for data in manifest.provenance.data]
    yield "sources", "; ".join(credits_) or NOT_REPORTED
    yield (
        "inclusion and exclusion",
        "every radiograph that can be read, has a label and repeats no other; outside the intended use: "
        + ", ".join(use.exclusions),
    )
    yield "preprocessing", _preprocessing(known)
    sample = known.recipe.data.sample
    yield "subsets", "all radiographs of the source" if sample is None else f"{sample} radiographs drawn by seed"
    yield "de-identification", f"{NOT_REPORTED}; done, if at all, by who published the data"
    yield (
        "missing data",
        "a radiograph without a label takes no part; one without a patient counts as a patient of its own",
    )
    yield (
        "acquisition",
        f"{NOT_REPORTED}; meant for {', '.join(use.modalities)} of {', '.join(use.view_positions)} view",
    )


def _preprocessing(known: _Known) -> str:
    steps = known.manifest.preprocessing
    seen = "the box around the lungs" if known.recipe.classifier.network.sees is Sight.LUNGS else "the whole picture"
    return (
        f"bone bright, resized to {steps.width} x {steps.height} pixels ({steps.resize}), divided by "
        f"{steps.scale_divisor:g}; the classifier sees {seen}, standardised, at {known.recipe.classifier.network.side} "
        "pixels"
    )


def _reference_standard(known: _Known) -> Iterator[tuple[str, str]]:
    yield "definition", known.manifest.label.reference_standard
    yield "why this one", NOT_REPORTED
    yield "who annotated", f"{known.manifest.label.reference_standard}; qualifications {NOT_REPORTED}"
    yield "annotation of the test set", "the same labels"
    yield "variability between and within readers", NOT_REPORTED


def _partitions(known: _Known) -> Iterator[tuple[str, str]]:
    split = known.recipe.split
    yield (
        "how radiographs were assigned",
        f"at random by seed {known.recipe.seed}, each label alike: tuning {split.tuning:.0%}, test {split.test:.0%}, "
        f"{split.folds} folds; digest {known.manifest.provenance.split_digest[:12]}"
        if split.by != "source"
        else "as the source itself names its parts",
    )
    yield (
        "level at which parts are disjoint",
        {
            "patient": "patients",
            "image": "radiographs only: a patient may stand on both sides, so every number flatters",
            "source": "as the source made them",
        }[split.by],
    )
    sample = known.recipe.data.sample
    taken = "all radiographs there were" if sample is None else f"{sample} radiographs were drawn by seed"
    yield "intended sample size", f"{NOT_REPORTED}; {taken}"


def _model(known: _Known) -> Iterator[tuple[str, str]]:
    outputs = ", ".join(spec.name for spec in known.manifest.outputs)
    yield "the model in detail", f"{describe_network(known.recipe)}; one ONNX graph that gives {outputs}"
    yield "software", f"lingula {known.manifest.provenance.code_version}, PyTorch, ONNX Runtime"
    yield "initial weights", describe_beginnings(known.manifest, known.recipe, known.finder_of)


def _training(known: _Known) -> Iterator[tuple[str, str]]:
    classifier = known.recipe.classifier
    loss = classifier.loss
    epochs = classifier.final_epochs or classifier.schedule.epochs
    yield (
        "training",
        (
            f"{epochs} epochs, {describe_schedule(classifier.schedule, known.findings.arithmetic)}, {loss.kind} loss; "
            f"pictures {describe_augmentation(classifier.augment)}"
        ),
    )
    patience = classifier.schedule.patience
    yield (
        "how the final model was chosen",
        "the last weights; no choice among epochs or networks"
        if patience is None
        else f"the weights of the least tuning loss, stopped after {patience} epochs without a better one",
    )
    if loss.teacher_weight > 0:
        yield "ensembling", f"one network, {loss.teacher_weight:.0%} of its target what the folds' networks say"
    else:
        yield "ensembling", "none"


def _evaluation(known: _Known) -> Iterator[tuple[str, str]]:
    stressed = known.findings.stressed
    yield "metrics", "AUROC, sensitivity and specificity at two thresholds, calibration error, Brier score"
    yield (
        "uncertainty",
        (
            "95 % intervals by drawing patients again; where no error was seen, a share's is Wilson's over the "
            "patients and a ranking's reaches as far as with one misordered pair"
        ),
    )
    worst = known.findings.worst_stress
    yield (
        "robustness",
        (
            f"{len(stressed)} changes of the radiograph, worst {worst}: AUROC {stressed[worst].in_words()}; lungs "
            f"blanked: {known.findings.lungs_blanked.in_words()}"
        ),
    )
    yield (
        "explainability",
        (
            "activation map and lung mask from the same pass; how much lies inside the lungs, and whether shuffled "
            f"weights change it: {_WITHIN}"
        ),
    )
    yield (
        "internal data",
        (
            f"{known.manifest.evidence.method}; calibration error, Brier score and operating points: "
            f"{_how_decided(known.findings)}"
        ),
    )
    yield "external data", _WITHIN
    yield "registration of a clinical trial", f"{NOT_REPORTED}; no clinical trial is claimed"


def _results(known: _Known) -> Iterator[tuple[str, str]]:
    findings, points = known.findings, known.manifest.operating_points
    yield (
        "numbers included",
        (
            f"{findings.radiographs} radiographs of {findings.patients} patients judged, {findings.tuning_radiographs} "
            f"of {findings.tuning_patients} for tuning; numbers left out {NOT_REPORTED}"
        ),
    )
    yield "who they were, part by part", f"{NOT_REPORTED}; {known.manifest.intended_use.population}"
    yield "performance", f"AUROC {findings.auroc.in_words()}"
    yield (
        "diagnostic performance",
        (
            f"rule out: {_point(points.rule_out)}; rule in: {_point(points.rule_in)}; probabilities hold at a "
            f"prevalence of {BALANCED:.0%}, calibration error {findings.expected_calibration_error:.4f}; "
            f"{_how_decided(findings)}"
        ),
    )
    by_finding = "; ".join(f"{name} {value.in_words()}" for name, value in findings.by_finding.items())
    refused = findings.false_refusal.in_words()
    yield "failures", f"AUROC by finding: {by_finding or 'none known'}; refused: {refused}; single cases {_WITHIN}"


def _rest(known: _Known) -> Iterator[tuple[str, str]]:
    provenance = known.manifest.provenance
    yield "limitations", "see Limits above"
    yield "implications for practice", f"{known.manifest.intended_use.statement}; never a diagnosis"
    yield (
        "full protocol",
        (
            f"the recipe, whole, in the package's manifest; commit {provenance.commit or NOT_REPORTED}; "
            f"split {provenance.split_digest[:12]}"
        ),
    )
    licences = "; ".join(f"{data.name}: {data.licence}" for data in provenance.data)
    yield "availability", f"program and package open ({known.manifest.licence}); data: {licences or NOT_REPORTED}"
    yield "funding", NOT_REPORTED


def _how_decided(findings: Findings) -> str:
    return _CROSS_FITTED if findings.cross_fitted else _CHOSEN_AND_MEASURED


def _point(point: OperatingPoint) -> str:
    return f"sensitivity {point.sensitivity.in_words()}, specificity {point.specificity.in_words()}"
