"""Between rows of tables and the words of `records`.

Identifying values are taken out of their wrapping here to be stored, and put into it again, and nowhere else.
"""

from sqlalchemy import RowMapping

from lingula.radiology.identifiers import (
    AccessionNumber,
    Identifying,
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
from lingula.records.records import Assessment, NewInstance, StoredInstance
from lingula.records.reviews import Claim, NewReview, Review, Verdict
from lingula.records.study_state import InstanceState, waiting_priority
from lingula.records.tables import instances, statements

PRIORITIES = tuple(Priority)  # by rank

# A statement's columns as they are read beside an instance's, whose names they partly share.
STATEMENT_COLUMNS = [column.label(f"statement_{column.name}") for column in statements.c]
INSTANCE_COLUMNS = list(instances.c)
_DESCRIPTION = (
    "file_format rows columns sop_instance_uid series_instance_uid study_instance_uid patient_id patient_name "
    "accession_number age_years patient_sex study_date modality body_part_examined view_position "
    "photometric_interpretation transfer_syntax_uid has_pixels is_stat"
)
DESCRIPTION_COLUMNS = [instances.c[name] for name in _DESCRIPTION.split()]
STATE_COLUMNS = [instances.c[name] for name in ("id", "status", "priority_rank", "received_at", "band", "probability")]


def values_of_arrival(new: NewInstance) -> dict[str, object]:
    """Give the row of an instance that has just arrived."""
    return {
        "id": new.id,
        "study_id": new.study,
        "site": new.site,
        "door": new.door,
        "sha256": new.sha256,
        "size_bytes": new.size_bytes,
        "store_key": new.store_key,
        "source_name": _revealed(new.source_name),
        "received_at": new.received_at,
        "status": Status.RECEIVED.value,
        "attempts": 0,
        "band": None,
        "priority_rank": waiting_priority(is_stat=new.description.is_stat).rank,
        "probability": None,
        "statement_count": 0,
        "standing_statement": None,
        **_values_of_description(new.description),
    }


def _values_of_description(description: Instance) -> dict[str, object]:
    return {
        "file_format": description.file_format.value,
        "rows": description.rows,
        "columns": description.columns,
        "sop_instance_uid": _revealed(description.sop_instance_uid),
        "series_instance_uid": _revealed(description.series_instance_uid),
        "study_instance_uid": _revealed(description.study_instance_uid),
        "patient_id": _revealed(description.patient_id),
        "patient_name": _revealed(description.patient_name),
        "accession_number": _revealed(description.accession_number),
        "age_years": description.age_years,
        "patient_sex": description.patient_sex,
        "study_date": description.study_date,
        "modality": description.modality,
        "body_part_examined": description.body_part_examined,
        "view_position": description.view_position,
        "photometric_interpretation": description.photometric_interpretation,
        "transfer_syntax_uid": description.transfer_syntax_uid,
        "has_pixels": description.has_pixels,
        "is_stat": description.is_stat,
    }


def values_of_statement(assessment: Assessment, number: int) -> dict[str, object]:
    """Give the row of an instance's `number`-th statement."""
    return {
        "instance_id": assessment.instance,
        "number": number,
        "status": assessment.status.value,
        "priority_rank": assessment.priority.rank,
        "assessed_at": assessment.assessed_at,
        "seconds": assessment.seconds,
        "code_version": assessment.code_version,
        "reason": assessment.reason,
        "probability": assessment.probability,
        "band": None if assessment.band is None else assessment.band.value,
        "novelty": assessment.novelty,
        "package_name": assessment.package_name,
        "package_version": assessment.package_version,
        "package_sha256": assessment.package_sha256,
        "rule_out_threshold": assessment.rule_out_threshold,
        "rule_in_threshold": assessment.rule_in_threshold,
        "activation_map": assessment.activation_map,
        "lung_mask": assessment.lung_mask,
    }


def instance_state(row: RowMapping) -> InstanceState:
    """Read what an instance contributes to its study."""
    return InstanceState(
        id=InstanceId(row["id"]),
        status=Status(row["status"]),
        priority=PRIORITIES[row["priority_rank"]],
        received_at=row["received_at"],
        band=band_of(row["band"]),
        probability=row["probability"],
    )


def stored_instance(row: RowMapping) -> StoredInstance:
    """Read an instance with the statement that stands, if the row carries one."""
    return StoredInstance(
        new=NewInstance(
            id=InstanceId(row["id"]),
            study=StudyId(row["study_id"]),
            site=SiteName(row["site"]),
            door=row["door"],
            sha256=row["sha256"],
            size_bytes=row["size_bytes"],
            store_key=row["store_key"],
            description=description_of(row),
            received_at=row["received_at"],
            source_name=None if row["source_name"] is None else SourceName(row["source_name"]),
        ),
        status=Status(row["status"]),
        attempts=row["attempts"],
        assessment=None if row.get("statement_number") is None else _assessment(row),
    )


def description_of(row: RowMapping) -> Instance:
    """Read what a file says of itself."""
    sop, series, study = row["sop_instance_uid"], row["series_instance_uid"], row["study_instance_uid"]
    patient_id, patient_name, accession = row["patient_id"], row["patient_name"], row["accession_number"]
    return Instance(
        file_format=FileFormat(row["file_format"]),
        rows=row["rows"],
        columns=row["columns"],
        sop_instance_uid=None if sop is None else SopInstanceUid(sop),
        series_instance_uid=None if series is None else SeriesInstanceUid(series),
        study_instance_uid=None if study is None else StudyInstanceUid(study),
        patient_id=None if patient_id is None else PatientId(patient_id),
        patient_name=None if patient_name is None else PatientName(patient_name),
        accession_number=None if accession is None else AccessionNumber(accession),
        age_years=row["age_years"],
        patient_sex=row["patient_sex"],
        study_date=row["study_date"],
        modality=row["modality"],
        body_part_examined=row["body_part_examined"],
        view_position=row["view_position"],
        photometric_interpretation=row["photometric_interpretation"],
        transfer_syntax_uid=row["transfer_syntax_uid"],
        has_pixels=bool(row["has_pixels"]),
        is_stat=bool(row["is_stat"]),
    )


def _assessment(row: RowMapping) -> Assessment:
    return Assessment(
        instance=InstanceId(row["statement_instance_id"]),
        status=Status(row["statement_status"]),
        priority=PRIORITIES[row["statement_priority_rank"]],
        assessed_at=row["statement_assessed_at"],
        seconds=row["statement_seconds"],
        code_version=row["statement_code_version"],
        reason=row["statement_reason"],
        probability=row["statement_probability"],
        band=band_of(row["statement_band"]),
        novelty=row["statement_novelty"],
        activation_map=row["statement_activation_map"],
        lung_mask=row["statement_lung_mask"],
        package_name=row["statement_package_name"],
        package_version=row["statement_package_version"],
        package_sha256=row["statement_package_sha256"],
        rule_out_threshold=row["statement_rule_out_threshold"],
        rule_in_threshold=row["statement_rule_in_threshold"],
    )


def values_of_review(new: NewReview, number: int) -> dict[str, object]:
    """Give the row of a study's `number`-th verdict."""
    return {
        "study_id": new.study,
        "number": number,
        "reviewer": new.reviewer,
        "verdict": new.verdict.value,
        "reviewed_at": new.reviewed_at,
        "finding": new.finding,
        "note": new.note,
    }


def review_of(row: RowMapping) -> Review:
    """Read a verdict."""
    return Review(
        number=row["number"],
        new=NewReview(
            study=StudyId(row["study_id"]),
            reviewer=row["reviewer"],
            verdict=Verdict(row["verdict"]),
            reviewed_at=row["reviewed_at"],
            finding=row["finding"],
            note=row["note"],
        ),
    )


def claim_of(row: RowMapping) -> Claim | None:
    """Read who has a study open, whether or not the claim still lasts."""
    return None if row["claimed_by"] is None else Claim(reviewer=row["claimed_by"], until=row["claimed_until"])


def band_of(value: str | None) -> Band | None:
    """Read a band."""
    return None if value is None else Band(value)


def _revealed(value: Identifying | None) -> str | None:
    return None if value is None else value.reveal()
