"""The gate names every number that falls short, at the very value and not before."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made.packages import made_manifest

from lingula.modelpackage.gate import Gate, asks_for_little, shortfalls, unasked
from lingula.modelpackage.manifest import Estimate, Manifest

FLOORS = {
    "auroc_at_least": "AUROC is",
    "sensitivity_at_least": "sensitivity at the rule-out point is",
    "specificity_at_least": "specificity at the rule-out point is",
    "worst_stress_auroc_at_least": "worst AUROC under stress is",
}
CEILINGS = {
    "calibration_error_at_most": "calibration error is",
    "lungs_blanked_auroc_at_most": "AUROC with the lungs blanked is",
    "false_refusal_at_most": "share of real radiographs refused is",
    "parity_at_most": "parity is",
}


def measured(value: float, gate: Gate | None) -> Manifest:
    """Give a manifest in which every number the gate looks at is the same."""
    made = made_manifest(gate=gate)
    estimate = Estimate(value=value, low=0.0, high=1.0)
    rule_out = made.operating_points.rule_out.model_copy(update={"sensitivity": estimate, "specificity": estimate})
    evidence = made.evidence.model_copy(
        update={
            "auroc": estimate,
            "lungs_blanked_auroc": estimate,
            "worst_stress_auroc": estimate,
            "expected_calibration_error": value,
            "parity": value,
        }
    )
    return made.model_copy(
        update={
            "evidence": evidence,
            "operating_points": made.operating_points.model_copy(update={"rule_out": rule_out}),
            "novelty": made.novelty.model_copy(update={"false_refusal": estimate}),
        }
    )


@pytest.mark.parametrize("field", [*FLOORS, *CEILINGS])
@given(value=st.floats(0.0, 1.0, allow_subnormal=False), limit=st.floats(0.0, 1.0, allow_subnormal=False))
def test_each_number_is_held_against_its_own_limit(field: str, value: float, limit: float) -> None:
    open_gate = Gate(parity_at_most=1.0)
    found = shortfalls(measured(value, open_gate.model_copy(update={field: limit})))

    falls_short = value < limit if field in FLOORS else value > limit
    assert [line.startswith((FLOORS | CEILINGS)[field]) for line in found] == [True] * falls_short


def test_every_number_that_falls_short_is_named_with_what_was_asked() -> None:
    gate = Gate(auroc_at_least=0.992, calibration_error_at_most=0.03, parity_at_most=1.0)

    assert shortfalls(measured(0.99196, gate)) == (
        "AUROC is 0.99196, at least 0.992 is asked",
        "calibration error is 0.99196, at most 0.03 is allowed",
    )


def test_what_is_no_number_falls_short_of_everything_even_of_nothing() -> None:
    assert len(shortfalls(measured(math.nan, Gate()))) == len(FLOORS) + len(CEILINGS)


def test_without_a_gate_nothing_falls_short() -> None:
    assert shortfalls(measured(math.nan, None)) == ()


def test_what_a_gate_leaves_open_is_named_and_a_limit_that_always_holds_is_none() -> None:
    assert unasked(Gate(parity_at_most=1.0)) == (
        "AUROC",
        "sensitivity at the rule-out point",
        "specificity at the rule-out point",
        "worst AUROC under stress",
        "calibration error",
        "AUROC with the lungs blanked",
        "share of real radiographs refused",
        "parity",
    )
    assert "parity" not in unasked(Gate())


@pytest.mark.parametrize(
    ("gate", "is_little"),
    [
        (Gate(), True),
        (Gate(auroc_at_least=0.9, sensitivity_at_least=0.9), True),
        (Gate(auroc_at_least=0.9, sensitivity_at_least=0.9, specificity_at_least=0.5), False),
    ],
)
def test_a_gate_asks_for_little_where_most_numbers_are_left_open(gate: Gate, is_little: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert asks_for_little(gate) is is_little
