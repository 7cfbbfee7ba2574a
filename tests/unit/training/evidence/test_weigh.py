"""The numbers of a run, from what was said of each radiograph to what a reader must mind."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made.labels import made_dataset
from numpy.typing import NDArray

from lingula.errors import TrainingError
from lingula.modelpackage.manifest import Estimate
from lingula.radiology.study import Status
from lingula.training.data.labelled import Part
from lingula.training.data.split import Split, split_dataset
from lingula.training.evidence.findings import Findings
from lingula.training.evidence.judging import NOWHERE, Judged
from lingula.training.evidence.settle import Observed
from lingula.training.evidence.weigh import effort_of, weigh
from lingula.training.learning.journal import Epoch
from lingula.training.probes.stress import STRESSES
from lingula.training.recipe import Precision, Recipe
from lingula.training.recipe_file import read_recipe
from lingula.training.statistics.calibrate import Calibration
from lingula.training.statistics.metrics import auroc
from lingula.training.statistics.reliability import brier_score

PATIENTS = 120
LABELS = np.arange(PATIENTS) % 2
DATASET = made_dataset([f"p{number}" for number in range(PATIENTS)], LABELS.tolist())
DEFAULT = read_recipe(Path(__file__).parents[4] / "recipes" / "default.toml")
RECIPE = DEFAULT.model_copy(
    update={
        "operating_points": DEFAULT.operating_points.model_copy(
            update={"rule_out_sensitivity": 0.8, "rule_in_specificity": 0.8}
        )
    }
)


def split_in(folds: int, *, tuning: float = 0.3, test: float = 0.0) -> Split:
    return split_dataset(DATASET, tuning=tuning, test=test, folds=folds, seed=1)


def said(shift: NDArray[np.float64] | float = 0.0, *, folds: NDArray[np.int64] | None = None) -> Judged:
    """Give logits around -1 for normal and 1 for pneumonia, moved by `shift`."""
    logits = 2.0 * LABELS - 1.0 + np.random.default_rng(0).normal(0, 0.7, PATIENTS) + shift
    where = np.zeros(PATIENTS, np.int64) if folds is None else folds
    logits[where == NOWHERE] = np.nan
    return Judged(
        way="somebody",
        logits=logits,
        stressed=dict.fromkeys(STRESSES, logits),
        is_probed=where != NOWHERE,
        blanked=np.where(where == NOWHERE, np.nan, np.cos(np.arange(PATIENTS))),
        novelty=np.where(np.arange(PATIENTS) < 12, 1.5, 0.5),
        fills_frame=np.zeros(PATIENTS, np.bool_),
        folds=where,
    )


def seen(split: Split, *, sign: float = 1.0) -> Observed:
    logits = sign * said().logits[split.rows(Part.TUNING)]
    return Observed(
        logits=logits,
        peaks=logits,
        outlier=logits,
        embeddings=torch.zeros(len(logits), 2),
        lung=np.full(len(logits), 0.3),
        fills_frame=np.zeros(len(logits), np.bool_),
    )


def weighed(judged: Judged, split: Split, *, recipe: Recipe = RECIPE, sign: float = 1.0) -> Findings:
    return weigh(recipe, DATASET, split, judged, seen(split, sign=sign), ())[0]


def test_folds_of_different_scale_spoil_the_pooled_ranking_but_not_their_mean() -> None:
    split = split_in(2)
    apart = weighed(said(split.folds.astype(np.float64) * 4, folds=split.folds), split)
    alike = weighed(said(folds=split.folds), split)
    assert apart.fold_aurocs == alike.fold_aurocs
    assert apart.mean_auroc == pytest.approx(np.mean(apart.fold_aurocs))
    assert apart.auroc.value < alike.auroc.value - 0.1


def test_accuracy_is_of_the_networks_own_answer() -> None:
    split = split_in(2)
    always_yes = weighed(said(100.0, folds=split.folds), split)
    assert always_yes.accuracy.value == pytest.approx(0.5)
    right = np.mean((said().logits >= 0) == (LABELS == 1))
    assert weighed(said(folds=split.folds), split).accuracy.value == pytest.approx(right)


def test_only_what_was_judged_counts() -> None:
    split = split_in(3)
    some = np.where(split.folds == 0, 0, NOWHERE)
    findings = weighed(said(folds=some), split)
    assert findings.radiographs == findings.patients == int((split.folds == 0).sum())
    refused = np.mean(np.flatnonzero(some == 0) < 12)
    assert findings.false_refusal.value == pytest.approx(refused)


def test_stress_and_blanked_lungs_are_weighed_on_what_was_asked_of_and_the_note_counts_it() -> None:
    split = split_in(2)
    whole = said(folds=split.folds)
    upside_down = np.where(np.arange(PATIENTS) < 40, whole.logits, -whole.logits)  # right where it was asked alone
    some = replace(whole, is_probed=np.arange(PATIENTS) < 40, stressed=dict.fromkeys(STRESSES, upside_down))
    findings = weighed(some, split)
    right = auroc(LABELS[:40], whole.logits[:40])
    assert {name: value.value for name, value in findings.stressed.items()} == pytest.approx(
        dict.fromkeys(STRESSES, right)
    )
    assert findings.probed_auroc is not None
    assert findings.probed_auroc.value == pytest.approx(right)
    assert any("AUROC unchanged, of the radiographs probed" in line for line in findings.lines())
    assert weighed(whole, split).probed_auroc is None
    assert "stress and blanked lungs were judged on 40 of 120 radiographs" in findings.notes
    assert not any("were judged on" in note for note in weighed(whole, split).notes)


def test_calibration_is_measured_on_patients_who_did_not_fit_it() -> None:
    split = split_in(2)
    findings, calibration = weigh(RECIPE, DATASET, split, said(folds=split.folds), seen(split), ())
    rows = split.rows(Part.TUNING)
    flattered = brier_score(LABELS[rows], calibration.probability(seen(split).logits), prevalence=0.5)
    assert flattered < findings.brier_score < flattered + 0.05
    assert findings.operating_points is not None
    assert findings.operating_points.rule_out.measured_on.startswith("tuning set, cross-fitted: ")


def test_a_network_that_ranks_the_wrong_way_round_is_measured_without_operating_points() -> None:
    split = split_in(2)
    findings = weighed(said(folds=split.folds), split, sign=-1.0)
    assert findings.operating_points is None
    assert findings.no_points.startswith("not calibrated: higher logits mean pneumonia less often")
    assert findings.auroc.value > 0.9
    assert f"  {findings.no_points}" in findings.lines()


def test_promises_that_too_few_patients_can_keep_are_not_made() -> None:
    split = split_in(2)
    points = RECIPE.operating_points.model_copy(update={"rule_out_sensitivity": 0.99})
    findings = weighed(said(folds=split.folds), split, recipe=RECIPE.model_copy(update={"operating_points": points}))
    assert findings.operating_points is None
    assert "too few to promise 0.99" in findings.no_points
    assert findings.notes == weighed(said(folds=split.folds), split).notes


def test_only_the_reason_why_there_are_no_operating_points_refuses_a_package() -> None:
    split = split_in(2, test=0.2)
    findings = weighed(said(folds=np.where(split.folds < 2, split.folds, NOWHERE)), split, sign=-1.0)
    assert findings.notes == ("the test part of 24 radiographs was not looked at",)
    with pytest.raises(TrainingError, match=r"^no package is written: not calibrated: higher logits .*exchanged\?$"):
        findings.chosen_points()
    old = Findings.model_validate(findings.model_dump(exclude={"no_points", "arithmetic"}))
    with pytest.raises(TrainingError, match="the test part of 24"):  # whose notes are all there is
        old.chosen_points()


def test_what_is_refused_is_a_share_with_an_interval_over_patients() -> None:
    split = split_in(2)
    one_each = weighed(said(folds=split.folds), split).false_refusal
    pairs = replace(DATASET, patients=np.array([f"p{number // 12}" for number in range(PATIENTS)]))
    in_dozens = weigh(RECIPE, pairs, split, said(folds=split.folds), seen(split), ())[0].false_refusal
    assert one_each.value == in_dozens.value == pytest.approx(0.1)
    assert in_dozens.high - in_dozens.low > 2 * (one_each.high - one_each.low)
    nobody = weighed(replace(said(folds=split.folds), novelty=np.zeros(PATIENTS)), split).false_refusal
    assert (nobody.value, nobody.low) == (0.0, 0.0)
    assert nobody.high == pytest.approx(0.031, abs=0.001)  # Wilson's of 0 in 120


@pytest.mark.parametrize(("lost", "is_said"), [(12, False), (13, True)])
def test_lungs_that_were_not_found_are_counted(lost: int, is_said: bool) -> None:  # noqa: FBT001 - a parameter
    split = split_in(2)
    judged = replace(said(folds=split.folds), fills_frame=np.arange(PATIENTS) < lost)
    note = "the lungs' box is the whole frame in 13 of 120 radiographs: the lung finder found no lungs there"
    assert (note in weighed(judged, split).notes) is is_said


def test_judging_the_part_that_calibrates_is_said_and_judging_the_test_part_needs_no_note() -> None:
    split = split_in(0, test=0.3)
    for part, flatters in ((Part.TUNING, True), (Part.TEST, False)):
        where = np.where(split.parts == part.value, 0, NOWHERE)
        notes = weighed(said(folds=where), split).notes
        assert any("calibrated the probabilities of predictions.csv" in note for note in notes) == flatters


def test_what_the_recipe_gives_away_is_said() -> None:
    classifier = RECIPE.classifier.model_copy(
        update={
            "network": RECIPE.classifier.network.model_validate({"sees": "frame"}),
            "schedule": RECIPE.classifier.schedule.model_copy(update={"patience": 3}),
        }
    )
    split = split_dataset(DATASET, by="image", tuning=0.3, test=0.2, folds=2, seed=1)
    folds = np.where(split.folds < 2, split.folds, NOWHERE)
    notes = weighed(said(folds=folds), split, recipe=RECIPE.model_copy(update={"classifier": classifier})).notes
    assert len(notes) == 4
    for words in ("split by image", "chose the epoch", "whole frame", "test part of 24 radiographs was not looked at"):
        assert any(words in note for note in notes)


def epoch(
    stage: str, fold: int | None, seconds: float = 1.0, speed: float = 1.0, *, precision: Precision | None = None
) -> Epoch:
    return Epoch(
        stage=stage,
        fold=fold,
        epoch=1,
        epochs=1,
        training_loss=0.5,
        learning_rate=0.1,
        seconds=seconds,
        images_per_second=speed,
        precision=precision,
    )


def test_effort_adds_up_epochs_and_weighs_speed_by_time() -> None:
    effort = effort_of(
        [epoch("lung finder", 1, 10, 999), epoch("classifier", 1, 10, 100), epoch("classifier", None, 30, 20)]
    )
    assert (effort.seconds, effort.shipped_seconds, effort.images_per_second) == (50, 30, 40)
    assert effort_of([]).images_per_second == 0


def test_the_arithmetic_of_the_classifier_that_ships_is_kept() -> None:
    split = split_in(2)
    history = [
        epoch("lung finder", None, precision=Precision.FP32),
        epoch("classifier", 1, precision=Precision.FP32),
        epoch("classifier", None),
        epoch("classifier", None, precision=Precision.BF16),
    ]
    findings = weigh(RECIPE, DATASET, split, said(folds=split.folds), seen(split), history)[0]
    assert findings.arithmetic == (Precision.BF16,)
    assert Findings.model_validate_json(findings.model_dump_json()) == findings


def test_predictions_carry_the_calibrated_probability_and_who_would_be_refused() -> None:
    outcomes = said().outcomes(DATASET, Calibration(scale=2.0, bias=1.0))
    assert len(outcomes) == PATIENTS
    assert [outcome.status for outcome in outcomes[11:13]] == [Status.NOT_ELIGIBLE, Status.ASSESSED]
    assert outcomes[3].probability == pytest.approx(1 / (1 + np.exp(-(2 * said().logits[3] + 1))))
    assert all(outcome.band is None for outcome in outcomes)


def test_the_numbers_runs_are_compared_by_are_the_findings_own() -> None:
    findings = weighed(said(folds=split_in(2).folds), split_in(2))
    assert findings.measured["auroc"] == findings.auroc.value
    assert isinstance(findings.lungs_blanked, Estimate)
    assert findings.measured["lungs_blanked_auroc"] == pytest.approx(0.5, abs=0.2)
