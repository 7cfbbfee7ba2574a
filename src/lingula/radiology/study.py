"""The words for a radiograph's way: status, band, priority, and what a file says of itself.

Status says how far an instance has come, band what a probability means at the operating points, priority in which
order studies are read. They are never mixed.

References
----------
HL7 FHIR request-priority code system, http://hl7.org/fhir/request-priority; DICOM PS3.3 C.7.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from lingula.radiology.identifiers import (
    AccessionNumber,
    PatientId,
    PatientName,
    SeriesInstanceUid,
    SopInstanceUid,
    StudyInstanceUid,
)


class Status(StrEnum):
    """How far an instance has come."""

    RECEIVED = "received"  # stored and recorded, not yet assessed
    ASSESSED = "assessed"  # a model package has made a statement
    NOT_ELIGIBLE = "not eligible"  # kept, outside the intended use, a doctor reads it unassessed
    FAILED = "failed"  # could not be assessed after all attempts


class Band(StrEnum):
    """What a probability means at the package's two operating points."""

    LIKELY = "likely"  # at or above rule-in
    UNSURE = "unsure"  # between
    UNLIKELY = "unlikely"  # below rule-out


class Priority(StrEnum):
    """The order of reading, in the words of FHIR's request-priority; earlier members are read first."""

    STAT = "stat"  # the sender says: at once
    ASAP = "asap"  # pneumonia likely
    URGENT = "urgent"  # unsure, failed or not eligible: a doctor must look
    ROUTINE = "routine"  # pneumonia unlikely

    @property
    def rank(self) -> int:
        """0 is read first."""
        return list(Priority).index(self)


class FileFormat(StrEnum):
    """What the bytes are, told by their content and never by a file's name."""

    DICOM = "dicom"
    JPEG = "jpeg"
    PNG = "png"
    TIFF = "tiff"


@dataclass(frozen=True, kw_only=True)
class Instance:
    """What one file says of itself before its pixels are looked at.

    Elements a file does not carry are None; a plain picture carries only format, rows and columns.
    """

    file_format: FileFormat
    rows: int | None = None
    columns: int | None = None
    sop_instance_uid: SopInstanceUid | None = None
    series_instance_uid: SeriesInstanceUid | None = None
    study_instance_uid: StudyInstanceUid | None = None
    patient_id: PatientId | None = None
    patient_name: PatientName | None = None
    accession_number: AccessionNumber | None = None
    age_years: float | None = None
    patient_sex: str | None = None
    study_date: date | None = None
    modality: str | None = None
    body_part_examined: str | None = None
    view_position: str | None = None
    photometric_interpretation: str | None = None
    transfer_syntax_uid: str | None = None
    has_pixels: bool = True
    is_stat: bool = False  # the sender marked the request STAT or HIGH
