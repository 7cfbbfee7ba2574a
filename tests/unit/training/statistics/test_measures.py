import numpy as np
import pytest
from made.labels import made_scores
from made.packages import made_manifest

from lingula.errors import TrainingError
from lingula.training.statistics.measures import measure, measure_findings
from lingula.training.statistics.metrics import auroc, decide

POINTS = made_manifest().operating_points  # rule out 0.3, rule in 0.7


def test_every_number_is_the_metrics_own_and_lies_in_its_interval() -> None:
    made = made_scores(300)

    found = measure(made.labels, made.probabilities, made.patients, POINTS)

    assert (found.radiographs, found.positives) == (300, made.labels.sum())
    assert found.patients == len(set(made.patients.tolist()))
    assert found.auroc is not None
    assert found.auroc.value == auroc(made.labels, made.probabilities)
    assert [point.name for point in found.points] == ["rule out", "rule in", "one half"]
    for point, threshold in zip(found.points, (0.3, 0.7, 0.5), strict=True):
        assert point.decisions == decide(made.labels, made.probabilities, threshold)
        for name, estimate in point.estimates.items():
            assert estimate is not None
            assert estimate.value == pytest.approx(getattr(point.decisions, name))
            assert estimate.low < estimate.value < estimate.high


def test_a_share_without_any_error_is_not_certain() -> None:
    labels = np.array([0, 1] * 40)
    patients = np.arange(80).astype(np.str_)

    found = measure(labels, np.where(labels == 1, 0.9, 0.1), patients, POINTS)
    point = found.points[0]

    assert found.recalibration is None
    for name, trials in {"sensitivity": 40, "specificity": 40, "ppv": 40, "npv": 40, "accuracy": 80}.items():
        estimate = point.estimates[name]
        assert estimate is not None
        assert estimate.value == estimate.high == 1
        assert estimate.low == pytest.approx(trials / (trials + 1.96**2), abs=1e-3)  # Wilson, all of them


def test_a_flawless_set_is_not_certain_of_f1_and_mcc_either() -> None:
    labels = np.repeat([0, 1], 20)
    found = measure(labels, np.repeat([0.1, 0.9], 20), np.arange(40).astype(np.str_), POINTS)

    for point in found.points:
        for what in ("f1", "mcc"):
            estimate = point.estimates[what]
            assert estimate is not None
            assert estimate.value == estimate.high == 1
            assert 0.7 < estimate.low < 0.99


def test_probabilities_that_hold_need_no_recalibration() -> None:
    rng = np.random.default_rng(0)
    said = rng.uniform(0.02, 0.98, size=20_000)
    labels = (rng.random(20_000) < said).astype(np.int64)
    kept = (labels == 1) | (rng.random(20_000) < 0.2)  # pneumonia is made common, as in collected data
    alone = np.arange(int(kept.sum())).astype(np.str_)

    holds = measure(labels[kept], said[kept], alone, POINTS)
    bold = measure(labels[kept], said[kept] ** 2 / (said[kept] ** 2 + (1 - said[kept]) ** 2), alone, POINTS)

    assert holds.recalibration is not None
    assert holds.recalibration.scale == pytest.approx(1, abs=0.05)
    assert holds.recalibration.bias == pytest.approx(0, abs=0.08)
    assert bold.recalibration is not None
    assert bold.recalibration.scale == pytest.approx(0.5, abs=0.03)  # log-odds were doubled
    assert bold.log_loss > holds.log_loss


def test_what_is_undefined_is_absent() -> None:
    labels = np.array([0, 1] * 40)

    point = measure(labels, np.full(80, 0.6), np.arange(80).astype(np.str_), POINTS).points[0]

    assert point.decisions.npv is None
    assert point.estimates["npv"] is None
    assert point.at_prevalence[0].npv is None
    assert point.at_prevalence[0].ppv == pytest.approx(0.05)


def test_findings_are_ranked_against_the_other_label() -> None:
    labels = np.array([0] * 20 + [1] * 20)
    findings = ["normal"] * 20 + ["bacteria"] * 10 + ["virus"] * 10
    probabilities = np.concatenate([np.linspace(0, 0.4, 20), np.linspace(0.75, 1, 10), np.linspace(0.1, 0.6, 10)])

    found = measure_findings(findings, labels, probabilities, np.arange(40).astype(np.str_), POINTS)

    assert [(entry.finding, entry.label, entry.radiographs) for entry in found] == [
        ("normal", 0, 20),
        ("bacteria", 1, 10),
        ("virus", 1, 10),
    ]
    assert [entry.rule_in for entry in found] == [1, 1, 0]
    areas = [entry.auroc.value for entry in found if entry.auroc is not None]
    assert areas[1] == 1
    assert areas[2] == pytest.approx(auroc(labels[:30], np.concatenate([probabilities[:20], probabilities[30:]])))


def test_one_label_alone_is_refused() -> None:
    with pytest.raises(TrainingError, match="at least one of each"):
        measure(np.zeros(5, dtype=np.int64), np.linspace(0, 1, 5), np.arange(5).astype(np.str_), POINTS)
