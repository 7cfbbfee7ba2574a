"""Bands follow from the operating points, and nothing is lost on the way through JSON."""

import pytest
from made.packages import RULE_IN, RULE_OUT, made_manifest

from lingula.modelpackage.manifest import Manifest
from lingula.radiology.study import Band


@pytest.mark.parametrize(
    ("probability", "band"),
    [
        (0.0, Band.UNLIKELY),
        (RULE_OUT - 1e-9, Band.UNLIKELY),
        (RULE_OUT, Band.UNSURE),
        (RULE_IN - 1e-9, Band.UNSURE),
        (RULE_IN, Band.LIKELY),
        (1.0, Band.LIKELY),
    ],
)
def test_a_threshold_itself_belongs_to_the_band_above(probability: float, band: Band) -> None:
    assert made_manifest().operating_points.band(probability) is band


def test_a_manifest_survives_its_own_json() -> None:
    manifest = made_manifest()
    assert Manifest.model_validate_json(manifest.model_dump_json()) == manifest
