"""The manifest and the model card of a package, both from the run's own numbers and never by hand.

References
----------
Mitchell et al. 2019, model cards; CLAIM 2024, the checklist for artificial intelligence in medical imaging.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, StrictUndefined

import lingula
from lingula.modelpackage.manifest import (
    Evidence,
    Forebear,
    Manifest,
    Novelty,
    Provenance,
    Rounding,
    TensorSpec,
)
from lingula.modelpackage.preprocessing import DEFAULT_PREPROCESSING
from lingula.training.evidence.findings import Findings
from lingula.training.packaging.claim import claim_items
from lingula.training.packaging.words import describe_augmentation, describe_beginnings, describe_network
from lingula.training.recipe import Recipe, Sight
from lingula.training.statistics.measures import BALANCED


@dataclass(frozen=True, kw_only=True)
class Origin:
    """How a package came to be.

    Parameters
    ----------
    begun_from
        The package whose weights the classifier began with.
    finder_of
        The package whose lung finder is used as it is.
    """

    recipe_text: str
    split_digest: str
    commit: str | None
    parity: float
    rounding: Rounding | None = None
    graph: tuple[TensorSpec, tuple[TensorSpec, ...]]
    begun_from: Forebear | None = None
    finder_of: Forebear | None = None


def assemble_manifest(recipe: Recipe, findings: Findings, origin: Origin) -> Manifest:
    """Put together what the package says of itself; the members' digests follow when it is written.

    Raises
    ------
    TrainingError
        If no operating points could be chosen, saying why.
    """
    package, points = recipe.package, findings.chosen_points()
    pixels, outputs = origin.graph
    return Manifest(
        name=package.name,
        version=package.version,
        created_at=datetime.now(UTC).replace(microsecond=0),
        licence=package.licence,
        intended_use=package.intended_use,
        label=package.label,
        preprocessing=DEFAULT_PREPROCESSING,
        input=pixels,
        outputs=outputs,
        operating_points=points,
        novelty=Novelty(
            false_refusal=findings.false_refusal,
            components="greatest of: outlier logit, Mahalanobis distance of the embedding, too little lung",
        ),
        references=findings.references,
        evidence=_evidence(findings, origin),
        gate=recipe.gate,
        provenance=_provenance(recipe, origin),
        members={},
    )


def _evidence(findings: Findings, origin: Origin) -> Evidence:
    again = "cross-fitted" if findings.cross_fitted else "again"
    calibrated = f"calibrated on the tuning part by the shipped network, and measured there {again}"
    finder = () if (of := origin.finder_of) is None else (f"lungs found by the finder of {of.label}",)
    return Evidence(
        method="; ".join((findings.judged, calibrated, *finder, *findings.notes)),
        auroc=findings.auroc,
        lungs_blanked_auroc=findings.lungs_blanked,
        worst_stress_auroc=findings.stressed[findings.worst_stress],
        worst_stress=findings.worst_stress,
        expected_calibration_error=findings.expected_calibration_error,
        brier_score=findings.brier_score,
        parity=origin.parity,
        rounding=origin.rounding,
    )


def _provenance(recipe: Recipe, origin: Origin) -> Provenance:
    return Provenance(
        recipe=origin.recipe_text,
        split_digest=origin.split_digest,
        commit=origin.commit,
        code_version=lingula.__version__,
        seed=recipe.seed,
        data=recipe.data.credits,
        begun_from=origin.begun_from,
    )


def write_card(manifest: Manifest, findings: Findings, recipe: Recipe, *, finder_of: Forebear | None = None) -> str:
    """Give the model card as Markdown; `finder_of` is the package whose lung finder is used, if any."""
    points = manifest.operating_points
    template = Environment(autoescape=False, undefined=StrictUndefined, trim_blocks=True).from_string(  # noqa: S701 - Markdown, not HTML
        Path(__file__).with_name("model_card.md.jinja").read_text()
    )
    return template.render(
        manifest=manifest,
        use=manifest.intended_use,
        findings=findings,
        prevalence=BALANCED,
        network=describe_network(recipe),
        beginnings=describe_beginnings(manifest, recipe, finder_of),
        sees_lungs=recipe.classifier.network.sees is Sight.LUNGS,
        augmentation=describe_augmentation(recipe.classifier.augment),
        blanks_lungs=recipe.classifier.augment.blank_lungs > 0,
        leaks=recipe.split.by == "image",
        claim=claim_items(manifest, findings, recipe, finder_of),
        points=(
            ("rule out: below is `unlikely`", points.rule_out),
            ("rule in: at or above is `likely`", points.rule_in),
        ),
        row=lambda name, value: f"| {name} | {value.value:.4f} | {value.interval()} |",
        cell=lambda words: words.replace("|", "\\|").replace("\n", " "),
        range=lambda value: value.in_words(),
    )
