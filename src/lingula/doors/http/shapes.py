"""The JSON of the API: what a study, an instance and an assessment look like to other programs.

No shape carries an identity: programs that know the patient know the ids they sent. Every assessment says that it is
not a diagnosis, so that the sentence travels with the number wherever it is copied.
"""

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from lingula.radiology.identifiers import InstanceId, SiteName, StudyId
from lingula.radiology.study import Band, FileFormat, Priority, Status
from lingula.records.records import Assessment, StoredInstance

NOT_A_DIAGNOSIS = "Supports a doctor's decision; not a diagnosis."
PREFIX = "/api/v1"


class Shape(BaseModel):
    """Frozen, and strict about unknown members."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AssessmentShape(Shape):
    """One package's statement on one instance, or why there is none."""

    status: Status
    priority: Priority
    band: Band | None = Field(description="What the probability means at the package's two operating points.")
    probability: float | None = Field(description="Calibrated probability of pneumonia; null unless assessed.")
    rule_out: float | None = Field(description="Below this probability pneumonia is unlikely.")
    rule_in: float | None = Field(description="From this probability on pneumonia is likely.")
    novelty: float | None = Field(description="1.0 is the limit above which a picture is not assessed.")
    reason: str | None = Field(description="Why there is no statement.")
    package: str | None
    package_sha256: str | None
    code_version: str
    assessed_at: datetime
    seconds: float
    statement: str = NOT_A_DIAGNOSIS

    @classmethod
    def of(cls, assessment: Assessment) -> "AssessmentShape":
        """Write an assessment."""
        name, version = assessment.package_name, assessment.package_version
        return cls(
            status=assessment.status,
            priority=assessment.priority,
            band=assessment.band,
            probability=assessment.probability,
            rule_out=assessment.rule_out_threshold,
            rule_in=assessment.rule_in_threshold,
            novelty=assessment.novelty,
            reason=assessment.reason,
            package=f"{name}-{version}" if name and version else None,
            package_sha256=assessment.package_sha256,
            code_version=assessment.code_version,
            assessed_at=assessment.assessed_at,
            seconds=assessment.seconds,
        )


class UploadShape(Shape):
    """What the sender of a radiograph is told."""

    instance: InstanceId
    study: StudyId
    site: SiteName
    status: Status
    is_new: bool = Field(description="False if the same radiograph had been received before.")
    assessment: AssessmentShape | None = Field(description="Filled when `wait` was given and the time sufficed.")


class InstanceShape(Shape):
    """One instance with its newest assessment."""

    instance: InstanceId
    study: StudyId
    site: SiteName
    status: Status
    door: str
    received_at: datetime
    size_bytes: int
    sha256: str
    attempts: int
    file_format: FileFormat
    rows: int | None
    columns: int | None
    age_years: float | None
    patient_sex: str | None
    study_date: date | None
    modality: str | None
    body_part_examined: str | None
    view_position: str | None
    assessment: AssessmentShape | None
    links: dict[str, str]

    @classmethod
    def of(cls, stored: StoredInstance) -> "InstanceShape":
        """Write a stored instance."""
        new, described = stored.new, stored.new.description
        return cls(
            instance=new.id,
            study=new.study,
            site=new.site,
            status=stored.status,
            door=new.door,
            received_at=new.received_at,
            size_bytes=new.size_bytes,
            sha256=new.sha256,
            attempts=stored.attempts,
            file_format=described.file_format,
            rows=described.rows,
            columns=described.columns,
            age_years=described.age_years,
            patient_sex=described.patient_sex,
            study_date=described.study_date,
            modality=described.modality,
            body_part_examined=described.body_part_examined,
            view_position=described.view_position,
            assessment=AssessmentShape.of(stored.assessment) if stored.assessment else None,
            links=_instance_links(stored),
        )


class ProblemShape(BaseModel):
    """An error, RFC 9457; `event_id` is what an engineer can find in the log."""

    model_config = ConfigDict(json_schema_extra={"required": ["type", "title", "status", "detail", "event_id"]})

    type: str = Field(examples=["urn:lingula:problem:not-found"])
    title: str = Field(examples=["Nothing is known under this address"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["no study has the id 'sabc'; the worklist shows all that are known"])
    instance: str = Field(examples=["/api/v1/studies/sabc"])
    event_id: str = Field(examples=["8d1f0c5a2b7e4f90"])
    errors: list[dict[str, str]] | None = None


class HealthShape(Shape):
    """Whether Lingula can work; the rest only for those who may know."""

    status: Literal["live", "ready", "not ready"]
    parts: dict[str, str] | None = None
    package: str | None = Field(default=None, description="The package that assesses now, name-version.")


def _instance_links(stored: StoredInstance) -> dict[str, str]:
    base = f"{PREFIX}/instances/{stored.new.id}"
    links = {"self": base, "study": f"{PREFIX}/studies/{stored.new.study}", "original": f"{base}/original"}
    if stored.new.description.has_pixels:
        links |= {"image": f"{base}/image.png", "thumbnail": f"{base}/thumbnail.jpeg"}
    if stored.assessment and stored.assessment.activation_map:
        links["heatmap"] = f"{base}/heatmap.png"
    return links
