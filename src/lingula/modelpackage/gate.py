"""The evidence gate: a package's own evidence against what was asked of it before it was measured.

Export asks before a package is written, the registry asks again before one is promoted; both call `shortfalls`, so a
package that one of them lets through is never refused by the other.
"""

from lingula.modelpackage.manifest import Gate, Manifest

__all__ = ["Gate", "shortfalls"]


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
    evidence, rule_out = manifest.evidence, manifest.operating_points.rule_out
    floors = (
        ("AUROC", evidence.auroc.value, gate.auroc_at_least),
        ("sensitivity at the rule-out point", rule_out.sensitivity.value, gate.sensitivity_at_least),
        ("specificity at the rule-out point", rule_out.specificity.value, gate.specificity_at_least),
        ("worst AUROC under stress", evidence.worst_stress_auroc.value, gate.worst_stress_auroc_at_least),
    )
    ceilings = (
        ("calibration error", evidence.expected_calibration_error, gate.calibration_error_at_most),
        ("AUROC with the lungs blanked", evidence.lungs_blanked_auroc.value, gate.lungs_blanked_auroc_at_most),
        ("share of real radiographs refused", manifest.novelty.false_refusal.value, gate.false_refusal_at_most),
        ("parity", evidence.parity, gate.parity_at_most),
    )
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
