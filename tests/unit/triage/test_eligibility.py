"""Eligibility: only what a file states can refuse it, and a refusal names the value and the rule."""

from dataclasses import replace

import pytest
from made.packages import made_manifest

from lingula.modelpackage.manifest import IntendedUse
from lingula.radiology.study import FileFormat, Instance
from lingula.triage.eligibility import reason_not_eligible

USE = made_manifest().intended_use
PLAIN = Instance(file_format=FileFormat.DICOM)


@pytest.mark.parametrize(
    "instance",
    [
        PLAIN,
        Instance(file_format=FileFormat.JPEG, rows=900, columns=1200),
        replace(PLAIN, modality="DX", view_position="PA", body_part_examined="CHEST", age_years=4.0),
        replace(PLAIN, modality=" cr ", view_position="ap", body_part_examined="Chest "),
        replace(PLAIN, age_years=0.0),
        replace(PLAIN, age_years=18.0),
        replace(PLAIN, modality="", view_position=" ", body_part_examined=""),
    ],
)
def test_nothing_stated_against_it_lets_an_instance_pass(instance: Instance) -> None:
    assert reason_not_eligible(instance, USE) is None


@pytest.mark.parametrize(
    ("instance", "reason"),
    [
        (replace(PLAIN, has_pixels=False), "the file carries no picture; only radiographs are assessed"),
        (replace(PLAIN, modality="CT"), "modality 'CT' is outside the intended use; only CR and DX are assessed"),
        (replace(PLAIN, view_position="LL"), "view position 'LL' is lateral; only AP and PA are assessed"),
        (replace(PLAIN, view_position="lateral"), "view position 'LATERAL' is lateral; only AP and PA are assessed"),
        (
            replace(PLAIN, view_position="RLO"),
            "view position 'RLO' is outside the intended use; only AP and PA are assessed",
        ),
        (
            replace(PLAIN, body_part_examined="HAND"),
            "body part 'HAND' is outside the intended use; only CHEST is assessed",
        ),
        (
            replace(PLAIN, age_years=54.0),
            "age 54 years is outside the intended use; only ages 0 to 18 years are assessed",
        ),
        (
            replace(PLAIN, age_years=18.02),
            "age 18.02 years is outside the intended use; only ages 0 to 18 years are assessed",
        ),
        (
            replace(PLAIN, modality="DOE^JANE"),
            "modality (no DICOM code string) is outside the intended use; only CR and DX are assessed",
        ),
    ],
)
def test_what_is_stated_against_the_intended_use_refuses(instance: Instance, reason: str) -> None:
    assert reason_not_eligible(instance, USE) == reason


def test_a_package_for_lateral_views_assesses_them() -> None:
    use = USE.model_copy(update={"view_positions": ("LL",)})

    assert reason_not_eligible(replace(PLAIN, view_position="LL"), use) is None


def test_an_empty_list_allows_all() -> None:
    use: IntendedUse = USE.model_copy(update={"modalities": (), "view_positions": (), "body_parts": ()})

    assert (
        reason_not_eligible(replace(PLAIN, modality="CT", view_position="LL", body_part_examined="HAND"), use) is None
    )
