"""Instances, statements and verdicts as the records take them: synthetic, alike but for what a test asks."""

from datetime import UTC, date, datetime, timedelta

from lingula.radiology.identifiers import (
    AccessionNumber,
    InstanceId,
    PatientId,
    PatientName,
    SeriesInstanceUid,
    SiteName,
    SopInstanceUid,
    SourceName,
    StudyId,
    StudyInstanceUid,
)
from lingula.radiology.study import Band, FileFormat, Instance, Priority, Status
from lingula.records.records import Assessment, NewInstance
from lingula.records.reviews import NewReview, Verdict
from lingula.records.shadows import ShadowStatement

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
NORTH, SOUTH = SiteName("north"), SiteName("south")
PRIORITY_OF = {Band.LIKELY: Priority.ASAP, Band.UNSURE: Priority.URGENT, Band.UNLIKELY: Priority.ROUTINE}
PROBABILITY_OF = {Band.LIKELY: 0.93, Band.UNSURE: 0.4, Band.UNLIKELY: 0.02}


def after(seconds: float) -> datetime:
    """Give a time after noon."""
    return NOON + timedelta(seconds=seconds)


def made_description(*, is_stat: bool = False) -> Instance:
    """Describe a DICOM file that carries every element."""
    return Instance(
        file_format=FileFormat.DICOM,
        rows=1024,
        columns=1280,
        sop_instance_uid=SopInstanceUid("1.2.3.4"),
        series_instance_uid=SeriesInstanceUid("1.2.3"),
        study_instance_uid=StudyInstanceUid("1.2"),
        patient_id=PatientId("4711"),
        patient_name=PatientName("Doe^Jané"),
        accession_number=AccessionNumber("A1"),
        age_years=3.5,
        patient_sex="F",
        study_date=date(2026, 2, 28),
        modality="DX",
        body_part_examined="CHEST",
        view_position="AP",
        photometric_interpretation="MONOCHROME2",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        is_stat=is_stat,
    )


def made_arrival(
    name: str = "i1",
    study: str = "s1",
    *,
    site: SiteName = NORTH,
    received_at: datetime = NOON,
    is_stat: bool = False,
    sha256: str = "a" * 64,
) -> NewInstance:
    """Give an arrival; only what is asked for differs from the next."""
    return NewInstance(
        id=InstanceId(name),
        study=StudyId(study),
        site=site,
        door="http",
        sha256=sha256,
        size_bytes=130_000,
        store_key=f"{site}/{name}",
        description=made_description(is_stat=is_stat),
        received_at=received_at,
        source_name=SourceName("jane.dcm"),
    )


def made_result(name: str = "i1", band: Band = Band.LIKELY, *, package: str = "1" * 64) -> Assessment:
    """Give a package's result."""
    return Assessment(
        instance=InstanceId(name),
        status=Status.ASSESSED,
        priority=PRIORITY_OF[band],
        assessed_at=after(1),
        seconds=0.25,
        code_version="0.1.0",
        probability=PROBABILITY_OF[band],
        band=band,
        novelty=0.125,
        activation_map=bytes(range(256)),
        lung_mask=bytes(256),
        package_name="pneumonia",
        package_version="1.0.0",
        package_sha256=package,
        rule_out_threshold=0.1,
        rule_in_threshold=0.7,
    )


def made_shadow(name: str = "i1", band: Band = Band.LIKELY, *, package: str = "2" * 64) -> ShadowStatement:
    """Give a candidate's statement."""
    return ShadowStatement(
        instance=InstanceId(name),
        package_name="candidate",
        package_version="2.0.0",
        package_sha256=package,
        status=Status.ASSESSED,
        assessed_at=after(2),
        seconds=0.5,
        code_version="0.1.0",
        probability=PROBABILITY_OF[band],
        band=band,
        novelty=0.25,
        rule_out_threshold=0.2,
        rule_in_threshold=0.8,
    )


def made_refusal(name: str = "i1", status: Status = Status.NOT_ELIGIBLE, reason: str = "lateral view") -> Assessment:
    """Give the statement that there is no result, and why."""
    return Assessment(
        instance=InstanceId(name),
        status=status,
        priority=Priority.URGENT,
        assessed_at=after(1),
        seconds=0.01,
        code_version="0.1.0",
        reason=reason,
    )


def made_review(
    study: str = "s1",
    reviewer: str = "ann",
    verdict: Verdict = Verdict.AGREE,
    reviewed_at: datetime = NOON + timedelta(minutes=5),
) -> NewReview:
    """Give a doctor's verdict."""
    return NewReview(
        study=StudyId(study),
        reviewer=reviewer,
        verdict=verdict,
        reviewed_at=reviewed_at,
        finding="consolidation, left lower zone",
        note="compare with yesterday's",
    )
