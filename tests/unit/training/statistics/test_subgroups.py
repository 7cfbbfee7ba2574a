from dataclasses import replace

import numpy as np
import pytest
from made.labels import made_scores
from made.outcomes import made_outcomes
from made.packages import made_manifest

from lingula.training.data.outcomes import Outcome
from lingula.training.statistics.cases import Cases
from lingula.training.statistics.metrics import auroc, decide
from lingula.training.statistics.subgroups import FEWEST, UNKNOWN, Subgroup, Subgroups, measure_subgroups

POINTS = made_manifest().operating_points  # rule out 0.3, rule in 0.7


def measured(outcomes: list[Outcome]) -> Subgroups:
    return measure_subgroups(Cases.of(outcomes), POINTS, repeats=200)


def of_kind(found: Subgroups, kind: str) -> dict[str, Subgroup]:
    return {group.name: group for group in found.groups if group.kind == kind}


def test_a_group_s_numbers_are_those_of_its_radiographs_alone() -> None:
    outcomes = [
        replace(entry, sex="F" if number % 3 else "m")
        for number, entry in enumerate(made_outcomes(300, separation=1.2))
    ]

    groups = of_kind(measured(outcomes), "sex")

    assert list(groups) == ["F", "M"]
    for name, group in groups.items():
        alone = Cases.of([entry for entry in outcomes if (entry.sex or "").upper() == name])
        made = decide(alone.labels, alone.probabilities, 0.3)
        assert group.radiographs == len(alone)
        assert group.patients == len(set(alone.patients.tolist()))
        assert group.auroc is not None
        assert group.auroc.value == pytest.approx(auroc(alone.labels, alone.probabilities))
        assert group.auroc.low < group.auroc.value < group.auroc.high
        assert group.sensitivity_rule_out is not None
        assert group.sensitivity_rule_out.value == pytest.approx(made.sensitivity)
        assert group.specificity_rule_out is not None
        assert group.specificity_rule_out.value == pytest.approx(made.specificity)
        assert group.note == ""


def test_a_small_group_is_counted_and_not_measured() -> None:
    outcomes = made_outcomes(300)
    few = [number for number, entry in enumerate(outcomes) if entry.label == 1][: FEWEST - 1]
    outcomes = [replace(entry, site="south" if number in few else "north") for number, entry in enumerate(outcomes)]

    found = measured(outcomes)

    south = of_kind(found, "site")["south"]
    assert (south.radiographs, south.positives, south.negatives) == (19, 19, 0)
    assert south.auroc is None
    assert south.sensitivity_rule_out is None
    assert south.note == "not computed below 20: 19 with pneumonia and 0 with normal"
    assert not [gap for gap in found.gaps if gap.kind == "site"]


def test_a_finding_is_told_from_all_radiographs_of_the_other_label() -> None:
    outcomes = made_outcomes(400)
    outcomes = [
        replace(entry, finding=("virus" if number % 2 else "bacteria") if entry.label else "normal")
        for number, entry in enumerate(outcomes)
    ]

    found = measured(outcomes)

    groups = of_kind(found, "finding")
    assert list(groups) == ["bacteria", "virus"]  # there is one kind of normal
    virus = Cases.of([entry for entry in outcomes if entry.finding != "bacteria"])
    assert groups["virus"].auroc is not None
    assert groups["virus"].auroc.value == pytest.approx(auroc(virus.labels, virus.probabilities))
    assert groups["virus"].specificity_rule_out is None
    assert groups["virus"].negatives == sum(entry.label == 0 for entry in outcomes)


def test_ages_fall_into_bands_in_order_and_unknown_ones_stand_apart() -> None:
    ages = [0.01, 1.99, 2.0, 11.9, 12.0, 17.9, 18.0, 64.9, 65.0, None]
    outcomes = [replace(entry, age_years=ages[number % 10]) for number, entry in enumerate(made_outcomes(100))]

    groups = of_kind(measured(outcomes), "age")

    assert [(name, group.radiographs) for name, group in groups.items()] == [
        ("under 28 days", 10),
        ("28 days to 23 months", 10),
        ("2 to 11 years", 20),
        ("12 to 17 years", 20),
        ("18 to 64 years", 20),
        ("65 years and over", 10),
        (UNKNOWN, 10),
    ]


def test_sizes_fall_into_quarters_named_by_their_range() -> None:
    outcomes = [replace(entry, rows=1000, columns=1000 + number) for number, entry in enumerate(made_outcomes(200))]

    groups = of_kind(measured(outcomes), "size")

    assert [group.radiographs for group in groups.values()] == [50, 50, 50, 50]
    assert next(iter(groups)) == "1.00 to 1.05 megapixels"


def test_what_is_one_group_only_is_left_out() -> None:
    outcomes = [replace(entry, view="AP", rows=500, columns=400) for entry in made_outcomes(100)]

    assert measured(outcomes) == Subgroups(groups=(), gaps=())


def test_the_worst_gap_is_the_largest_that_is_certain() -> None:
    good, bad = made_scores(400, separation=3.0), made_scores(400, seed=1, separation=0.4)
    outcomes = [replace(entry, site="good", sex="F") for entry in made_outcomes(400, separation=3.0)]
    outcomes += [
        replace(entry, site="bad", patient=f"other {entry.patient}", sex="M" if number % 2 else "F")
        for number, entry in enumerate(made_outcomes(400, seed=1, separation=0.4))
    ]

    found = measured(outcomes)

    gap = next(gap for gap in found.gaps if gap.kind == "site" and gap.measure == "AUROC")
    assert (gap.best, gap.worst) == ("good", "bad")
    expected = auroc(good.labels, good.probabilities) - auroc(bad.labels, bad.probabilities)
    assert gap.difference.value == pytest.approx(expected)
    assert gap.difference.low > 0
    assert found.worst_gap is not None
    assert found.worst_gap.kind == "site"
    assert found.worst_gap.difference.value == max(entry.difference.value for entry in found.gaps)


def test_a_group_without_any_error_is_not_certain() -> None:
    outcomes = [
        replace(entry, probability=0.9 if entry.label else 0.1, sex="F" if number % 2 else "M")
        for number, entry in enumerate(made_outcomes(200))
    ]

    for group in of_kind(measured(outcomes), "sex").values():
        assert group.sensitivity_rule_out is not None
        assert group.sensitivity_rule_out.value == 1
        assert group.sensitivity_rule_out.low < 0.97


def test_the_same_set_gives_the_same_numbers() -> None:
    rng = np.random.default_rng(1)
    outcomes = [replace(entry, sex=str(rng.choice(["F", "M"]))) for entry in made_outcomes(150)]

    assert measured(outcomes) == measured(outcomes)


def test_a_group_without_an_error_is_not_certain_and_its_lead_over_another_neither() -> None:
    outcomes = made_outcomes(240, separation=1.2)
    flawless = [replace(entry, sex="F", probability=0.9 if entry.label else 0.1) for entry in made_outcomes(60)]
    others = [replace(entry, sex="M", name=f"m{entry.name}", patient=f"m{entry.patient}") for entry in outcomes]

    found = measured([*flawless, *others])

    lead = of_kind(found, "sex")["F"].auroc
    assert lead is not None
    assert (lead.value, lead.high) == (1.0, 1.0)
    assert 0.5 < lead.low < 0.99
    (gap,) = [gap for gap in found.gaps if (gap.kind, gap.measure) == ("sex", "AUROC")]
    behind = of_kind(found, "sex")["M"].auroc
    assert behind is not None
    assert gap.difference.value == pytest.approx(1.0 - behind.value)
    assert gap.difference.low < gap.difference.value - (1.0 - lead.low)
