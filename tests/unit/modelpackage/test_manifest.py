"""Bands follow from the operating points, and nothing is lost on the way through JSON."""

from pathlib import Path

import pytest
from made.packages import RULE_IN, RULE_OUT, made_graph, made_manifest
from pydantic import ValidationError

from lingula.errors import PackageDamaged
from lingula.modelpackage.archive import read_package, write_package
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


def test_a_package_of_the_second_format_states_a_gate_and_one_of_the_first_need_not() -> None:
    told = made_manifest(gate=None).model_dump(mode="json")
    assert told["format_version"] == 1
    assert Manifest.model_validate(told).gate is None
    for missing in (
        told | {"format_version": 2},
        {key: told[key] for key in told if key != "gate"} | {"format_version": 2},
    ):
        with pytest.raises(
            ValidationError, match="a package of format 2 must say what its numbers have to reach"
        ) as refused:
            Manifest.model_validate(missing)
        assert [error["loc"] for error in refused.value.errors()] == [("gate",)]


def test_a_package_that_hides_its_gate_is_damaged(tmp_path: Path) -> None:
    hidden = made_manifest().model_copy(update={"gate": None})
    with pytest.raises(PackageDamaged, match=r"does not hold at gate: .*must say what its numbers have to reach"):
        read_package(write_package(tmp_path, hidden, made_graph(), "# Card\n"))
