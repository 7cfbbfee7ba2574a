"""What is found on one radiograph: a probability and what it means, or the reason why there is none."""

from dataclasses import dataclass
from math import isfinite

from lingula.modelpackage.manifest import Manifest
from lingula.radiology.study import Band, Priority, Status
from lingula.triage.infer import Inference
from lingula.triage.priority import priority_of


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The statement on one radiograph, before it is recorded.

    `activation_map` and `lung_mask` are square maps in the frame of the prepared pixels, one byte per cell, row by row.
    """

    status: Status  # ASSESSED, NOT_ELIGIBLE or FAILED
    priority: Priority
    seconds: float
    reason: str | None = None
    probability: float | None = None
    band: Band | None = None
    novelty: float | None = None
    activation_map: bytes | None = None
    lung_mask: bytes | None = None


def conclude(inference: Inference, manifest: Manifest, *, is_stat: bool, seconds: float) -> Finding:
    """Say what the graph's answer means at the package's limits.

    A novel picture has no probability: the number would be a guess about something the model never saw. An answer
    that is no number is a failure, never a negative.
    """
    if not isfinite(inference.probability) or not isfinite(inference.novelty):
        return fail("the model gave no number for this radiograph", is_stat=is_stat, seconds=seconds)
    limit = manifest.novelty.limit
    if inference.novelty > limit:
        return refuse(
            "does not look like the radiographs the model was trained on "
            f"(novelty {_above(inference.novelty, limit)}, limit {limit:.1f})",
            is_stat=is_stat,
            seconds=seconds,
            novelty=inference.novelty,
        )
    band = manifest.operating_points.band(inference.probability)
    return Finding(
        status=Status.ASSESSED,
        priority=priority_of(band, is_stat=is_stat),
        seconds=seconds,
        probability=inference.probability,
        band=band,
        novelty=inference.novelty,
        activation_map=inference.activation_map.tobytes(),
        lung_mask=inference.lung_mask.tobytes(),
    )


def refuse(reason: str, *, is_stat: bool, seconds: float, novelty: float | None = None) -> Finding:
    """Say that a radiograph is kept but not assessed."""
    return Finding(
        status=Status.NOT_ELIGIBLE,
        priority=priority_of(None, is_stat=is_stat),
        seconds=seconds,
        reason=reason,
        novelty=novelty,
    )


def fail(reason: str, *, is_stat: bool, seconds: float) -> Finding:
    """Say that a radiograph could not be assessed; a doctor must look."""
    return Finding(status=Status.FAILED, priority=priority_of(None, is_stat=is_stat), seconds=seconds, reason=reason)


def _above(novelty: float, limit: float) -> str:
    """Round so that a number above the limit never reads as the limit itself."""
    return f"{novelty:.1f}" if round(novelty, 1) > limit else f"{novelty:.4g}"
