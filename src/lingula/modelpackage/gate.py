"""The evidence gate: a package's own evidence against what was asked of it before it was measured.

Export asks before a package is written, the registry asks again before one is promoted; both call `shortfalls`, so a
package that one of them lets through is never refused by the other.
"""

from lingula.modelpackage.manifest import Gate, Manifest

__all__ = ["Gate", "asks_for_little", "shortfalls", "unasked"]

_FLOORS = {
    "AUROC": "auroc_at_least",
    "sensitivity at the rule-out point": "sensitivity_at_least",
    "specificity at the rule-out point": "specificity_at_least",
    "worst AUROC under stress": "worst_stress_auroc_at_least",
}
_CEILINGS = {
    "calibration error": "calibration_error_at_most",
    "AUROC with the lungs blanked": "lungs_blanked_auroc_at_most",
    "share of real radiographs refused": "false_refusal_at_most",
    "parity": "parity_at_most",
}


def shortfalls(manifest: Manifest) -> tuple[str, ...]:
    """Name every number that does not reach the package's gate, with what was asked; empty if all do.

    A package without a gate (format 1) falls short of nothing: whoever promotes it is told that none was asked.
    A number that is no number falls short.

    >>> shortfalls(read_package(path).manifest)  # doctest: +SKIP
    ('sensitivity at the rule-out point is 0.9312, at least 0.97 is asked',)
    """
    gate = manifest.gate
    if gate is None:
        return ()
    measured = _measured(manifest)
    floors = [(name, measured[name], _limit(gate, field)) for name, field in _FLOORS.items()]
    ceilings = [(name, measured[name], _limit(gate, field)) for name, field in _CEILINGS.items()]
    # `not >=` and not `<`: NaN, which compares with nothing, falls short.
    return (
        *(
            f"{name} is {value:.6g}, at least {least:.6g} is asked"
            for name, value, least in floors
            if not value >= least
        ),
        *(
            f"{name} is {value:.6g}, at most {most:.6g} is allowed"
            for name, value, most in ceilings
            if not value <= most
        ),
    )


def unasked(gate: Gate) -> tuple[str, ...]:
    """Name the numbers that a gate asks nothing about: whatever they are, it holds.

    >>> unasked(Gate(auroc_at_least=0.9, sensitivity_at_least=0.9, specificity_at_least=0.5, false_refusal_at_most=0.1))
    ('worst AUROC under stress', 'calibration error', 'AUROC with the lungs blanked')
    """
    return (
        *(name for name, field in _FLOORS.items() if _limit(gate, field) <= 0),
        *(name for name, field in _CEILINGS.items() if _limit(gate, field) >= 1),
    )


def asks_for_little(gate: Gate) -> bool:
    """Whether a gate leaves most numbers unasked."""
    return 2 * len(unasked(gate)) > len(_FLOORS) + len(_CEILINGS)


def _measured(manifest: Manifest) -> dict[str, float]:
    evidence, rule_out = manifest.evidence, manifest.operating_points.rule_out
    return {
        "AUROC": evidence.auroc.value,
        "sensitivity at the rule-out point": rule_out.sensitivity.value,
        "specificity at the rule-out point": rule_out.specificity.value,
        "worst AUROC under stress": evidence.worst_stress_auroc.value,
        "calibration error": evidence.expected_calibration_error,
        "AUROC with the lungs blanked": evidence.lungs_blanked_auroc.value,
        "share of real radiographs refused": manifest.novelty.false_refusal.value,
        "parity": evidence.parity,
    }


def _limit(gate: Gate, field: str) -> float:
    return float(getattr(gate, field))
