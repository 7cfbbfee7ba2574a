"""What a run might have found, for cards and gates; the numbers describe nothing real."""

from lingula.modelpackage.manifest import Estimate
from lingula.training.evidence.findings import Effort, Findings
from made.packages import made_manifest


def made_findings() -> Findings:
    """Give findings whose every interval is 0.1 to each side."""

    def about(value: float) -> Estimate:
        return Estimate(value=value, low=value - 0.1, high=min(1.0, value + 0.1))

    manifest = made_manifest()
    return Findings(
        radiographs=90,
        patients=40,
        judged="cross-validation by patient, 3 of 5 folds",
        auroc=about(0.95),
        fold_aurocs=(0.94, 0.95, 0.97),
        accuracy=about(0.9),
        by_finding={"bacteria": about(0.96), "virus": about(0.94)},
        stressed={"blurred": about(0.93), "noisy": about(0.9)},
        lungs_blanked=about(0.6),
        false_refusal=about(0.2),
        tuning_radiographs=30,
        tuning_patients=12,
        tuning_auroc=about(0.94),
        expected_calibration_error=0.03,
        brier_score=0.08,
        operating_points=manifest.operating_points,
        cross_fitted=True,
        references=manifest.references,
        effort=Effort(seconds=30.0, shipped_seconds=10.0, images_per_second=100.0),
        notes=(),
    )
