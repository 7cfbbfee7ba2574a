import json
from collections.abc import Sequence
from dataclasses import replace
from math import comb
from pathlib import Path

import numpy as np
import pytest
from made.labels import made_dataset
from made.outcomes import made_outcomes

from lingula.errors import TrainingError
from lingula.radiology.study import Band
from lingula.training.comparing import Comparison, JudgedRun, compare, compare_runs, read_run, table_lines
from lingula.training.comparing.measuring import holm
from lingula.training.comparing.pairing import mcnemar
from lingula.training.data.outcomes import Outcome
from lingula.training.data.predictions import write_predictions
from lingula.training.data.split import split_dataset, write_split
from lingula.training.statistics.cases import Cases
from lingula.training.statistics.metrics import average_precision, decide
from lingula.training.statistics.paired import clustered_delong_test, delong_test
from lingula.training.statistics.reliability import brier_score


def run(name: str, outcomes: Sequence[Outcome]) -> JudgedRun:
    return JudgedRun(name=name, cases=Cases.of(outcomes))


def worse(outcomes: Sequence[Outcome], *, noise: float = 0.25, seed: int = 0) -> list[Outcome]:
    """Give the same radiographs judged by a run that guesses more."""
    moved = np.random.default_rng(seed).normal(scale=noise, size=len(outcomes))
    probabilities = [
        float(np.clip((entry.probability or 0) + by, 0, 1)) for entry, by in zip(outcomes, moved, strict=True)
    ]
    return [
        replace(entry, probability=value, band=Band.UNLIKELY if value < 0.3 else Band.LIKELY)
        for entry, value in zip(outcomes, probabilities, strict=True)
    ]


def folder(place: Path, outcomes: Sequence[Outcome], *, split_by: str | None = None) -> Path:
    place.mkdir(parents=True)
    write_predictions(place / "predictions.csv", outcomes)
    if split_by is not None:
        (place / "recipe.toml").write_text(f'[split]\nby = "{split_by}"\n')
    return place


def test_each_run_has_the_numbers_of_its_own_radiographs() -> None:
    outcomes = made_outcomes(200)
    outcomes[0] = replace(outcomes[0], band=None)  # not eligible
    cases = Cases.of(outcomes)

    (found, _) = compare([run("one", outcomes), run("two", outcomes)]).runs

    assert (found.radiographs, found.positives, found.without_band) == (200, int(cases.labels.sum()), 1)
    assert found.average_precision is not None
    assert found.average_precision.value == pytest.approx(average_precision(cases.labels, cases.probabilities))
    assert found.brier is not None
    assert found.brier.value == pytest.approx(brier_score(cases.labels, cases.probabilities))
    at_rule_out = decide(cases.labels[1:], cases.probabilities[1:], 0.3)
    assert found.sensitivity is not None
    assert found.sensitivity.value == pytest.approx(at_rule_out.sensitivity)
    assert found.specificity is not None
    assert found.specificity.value == pytest.approx(at_rule_out.specificity)
    assert found.accuracy is not None
    assert found.accuracy.value == pytest.approx(decide(cases.labels, cases.probabilities, 0.5).accuracy)


def test_tests_are_of_the_shared_radiographs_whatever_their_order() -> None:
    outcomes = made_outcomes(300)
    other = worse(outcomes)

    (whole,) = compare([run("one", outcomes), run("two", other)]).pairs
    (pair,) = compare([run("one", outcomes[:200]), run("two", other[::-1][50:])]).pairs

    shared = Cases.of(outcomes[:200])
    theirs = Cases.of(other[:200])
    assert pair.radiographs == 200
    assert pair.delong == delong_test(shared.labels, theirs.probabilities, shared.probabilities)
    assert pair.clustered_delong == clustered_delong_test(
        shared.labels, theirs.probabilities, shared.probabilities, shared.patients
    )
    assert whole.drawn.difference.value == pytest.approx(whole.second_auroc - whole.first_auroc)
    assert whole.drawn.difference.high < 0
    assert whole.drawn.p_value < 0.01
    assert whole.most_apart == pytest.approx(
        np.abs(Cases.of(outcomes).probabilities - Cases.of(other).probabilities).max()
    )


def test_decisions_are_counted_where_only_one_run_was_right() -> None:
    def judged(bands: str) -> list[Outcome]:
        named = {"u": Band.UNLIKELY, "s": Band.UNSURE, "l": Band.LIKELY}
        first = made_outcomes(8)
        return [
            replace(entry, label=int(number < 4), band=named[band], patient=str(number))
            for number, (entry, band) in enumerate(zip(first, bands, strict=True))
        ]

    (pair,) = compare([run("one", judged("lsuuuuul")), run("two", judged("ulslulus"))]).pairs

    ill, well, _ = pair.decisions
    assert ill.name == "sensitivity at own rule-out point"
    assert (ill.radiographs, ill.only_second_right, ill.only_first_right) == (4, 2, 1)
    assert (well.radiographs, well.only_second_right, well.only_first_right) == (4, 0, 1)
    assert ill.drawn.difference.value == pytest.approx(1 / 4)
    assert well.drawn.difference.value == pytest.approx(-1 / 4)
    assert pair.same_band == pytest.approx(2 / 8)


@pytest.mark.parametrize(("only_first", "only_second"), [(0, 0), (0, 5), (3, 12), (7, 7), (400, 330)])
def test_mcnemars_p_is_the_binomial_s(only_first: int, only_second: int) -> None:
    count = only_first + only_second
    tail = sum(comb(count, ways) for ways in range(min(only_first, only_second) + 1)) / 2**count

    assert mcnemar(only_first, only_second) == pytest.approx(min(1, 2 * tail))


def test_several_tests_are_adjusted_by_holm() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])  # worked by hand
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([0.2]) == [0.2]


def test_a_run_against_itself_does_not_differ() -> None:
    outcomes = made_outcomes(100)

    found = compare([run("one", outcomes), run("two", outcomes)])

    (pair,) = found.pairs
    assert (pair.drawn.p_value, pair.delong.p_value, pair.clustered_delong.p_value) == (1, 1, 1)
    assert pair.same_band == 1
    assert all(each.mcnemar_p == 1 for each in pair.decisions)
    assert ("difference of AUROC, patients drawn again", "none seen") in table_lines(found)[1]


def test_runs_without_bands_are_ranked_and_not_decided() -> None:
    outcomes = [replace(entry, band=None) for entry in made_outcomes(100)]

    found = compare([run("one", outcomes), run("two", worse(outcomes))])

    assert found.runs[0].sensitivity is None
    assert found.pairs[0].same_band is None
    assert [decision.name for decision in found.pairs[0].decisions] == ["accuracy at one half"]
    assert table_lines(found)[0][6][:2] == ("sensitivity at own rule-out point", "no bands")


def test_radiographs_are_known_by_their_files_where_folders_are_named_otherwise() -> None:
    outcomes = made_outcomes(100)
    moved = [replace(entry, name=f"test/NORMAL/{entry.name}") for entry in outcomes]

    (pair,) = compare([run("one", outcomes), run("two", moved)]).pairs

    assert pair.radiographs == 100


def test_runs_that_cannot_be_compared_are_refused_with_the_reason() -> None:
    outcomes = made_outcomes(60)
    strange = [replace(entry, name=f"other-{entry.name}") for entry in outcomes]
    contradicting = [replace(outcomes[0], label=1 - (outcomes[0].label or 0)), *outcomes[1:]]

    with pytest.raises(TrainingError, match=r"one and two share no radiograph.* one has 0.png, the other other-0.png"):
        compare([run("one", outcomes), run("two", strange)])
    with pytest.raises(TrainingError, match=r"disagree on the label of 0.png and 0 others"):
        compare([run("one", outcomes), run("two", contradicting)])


def test_folders_are_read_named_apart_and_their_leaks_told(tmp_path: Path) -> None:
    outcomes = made_outcomes(80)
    first = folder(tmp_path / "a" / "report", outcomes, split_by="patient")
    second = folder(tmp_path / "b" / "report", worse(outcomes[:70]), split_by="image")

    found = compare_runs([first, second], out=tmp_path / "out")

    assert [each.name for each in found.runs] == ["a/report", "b/report"]
    assert found.runs[0].notes == ()
    assert "split by image" in found.runs[1].notes[0]
    assert found.notes[0].startswith("b/report: split by image")
    assert "judged 80 radiographs and b/report 70, both of them 70" in found.notes[1]


def test_a_run_s_own_split_says_what_leaks(tmp_path: Path) -> None:
    dataset = made_dataset([str(number // 2) for number in range(80)], [number // 2 % 2 for number in range(80)])
    place = folder(tmp_path / "run", made_outcomes(80))
    write_split(split_dataset(dataset, by="image", tuning=0.2, test=0.2, folds=2, seed=1), place / "split.json")

    warning = read_run(place).warning

    assert warning is not None
    assert "of 40 patients are on both sides" in warning


def test_a_comparison_is_written_for_people_and_programs(tmp_path: Path) -> None:
    outcomes = made_outcomes(80)
    runs = [folder(tmp_path / name, worse(outcomes, seed=seed)) for seed, name in enumerate(("x", "y|z", "w"))]

    found = compare_runs(runs, out=tmp_path / "out")

    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "comparison.csv",
        "comparison.json",
        "comparison.md",
        "precision-recall.png",
        "precision-recall.svg",
        "roc-corner.png",
        "roc-corner.svg",
        "roc.png",
        "roc.svg",
    }
    text = (tmp_path / "out" / "comparison.md").read_text()
    assert "y\\|z" in text
    assert "p for 2 tests at once (Holm)" in text
    said = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert said["pairs"][1]["drawn"]["p_value"] == found.pairs[1].drawn.p_value
    assert all(row.count("|") == 5 for row in text.splitlines() if row.startswith("| AUROC |"))


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ill = [entry for entry in made_outcomes(50) if entry.label == 1]

    with pytest.raises(TrainingError, match=r"has no predictions\.csv"):
        read_run(tmp_path / "empty")
    with pytest.raises(TrainingError, match="no radiographs of both labels"):
        read_run(folder(tmp_path / "ill", ill))
    with pytest.raises(TrainingError, match="name two runs or more"):
        compare_runs([tmp_path / "empty"])
    with pytest.raises(TrainingError, match="is named twice"):
        compare_runs([tmp_path / "ill", tmp_path / "ill"])


def test_the_same_runs_give_the_same_comparison() -> None:
    outcomes = made_outcomes(60)

    def once() -> Comparison:
        return compare([run("one", outcomes), run("two", worse(outcomes))])

    assert once() == once()
