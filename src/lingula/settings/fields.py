"""The fields themselves."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from lingula.settings.links import without_service_links

PREFIX = "LINGULA_"
TOML = Path("lingula.toml")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _default_home() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or Path("~/.local/share").expanduser()
    return Path(base) / "lingula"


def _inside_home(data: Mapping[str, object], scheme: str, name: str) -> str:
    return f"{scheme}://{quote(str(Path(str(data['home'])) / name))}"


class Settings(BaseSettings):
    """The effective settings of one run; frozen, made by `load_settings`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", env_ignore_empty=True, hide_input_in_errors=True
    )

    home: Path = Field(
        default_factory=_default_home, description="Folder under which everything lives that has no place of its own."
    )
    store_url: str = Field(
        default_factory=lambda data: _inside_home(data, "file", "store"),
        description="Place of the originals: file:///folder, s3://bucket/prefix?endpoint=https://host:9000 or memory://.",
    )
    queue_url: str = Field(
        default="memory://", description="Place of the waiting work: memory://, nats://, redis:// or kafka://."
    )
    records_url: str = Field(
        default_factory=lambda data: _inside_home(data, "sqlite", "records.sqlite"),
        description="Place of what is known and what happened: sqlite:///file, "
        "postgresql://user:password@host/database or memory://.",
    )
    registry: Path = Field(
        default_factory=lambda data: Path(str(data["home"])) / "packages",
        description="Folder of the registered model packages.",
    )
    package: str | None = Field(
        default=None,
        description="Model package that assesses: a path or a registered NAME or NAME-VERSION; unset means the one "
        "promoted in the registry, or else the one shipped.",
    )
    http_host: str = Field(default="127.0.0.1", description="Address the pages and the API listen on.")
    http_port: int = Field(
        default=8000, ge=0, le=65535, description="Port the pages and the API listen on; 0 takes any."
    )
    public_url: str | None = Field(
        default=None,
        description="Address people and machines use from outside, such as https://lingula.hospital.example; with "
        "https the session cookie is sent over TLS only.",
    )
    dicom_host: str = Field(default="127.0.0.1", description="Address the DICOM door listens on.")
    dicom_port: int = Field(default=11112, ge=0, le=65535, description="Port of the DICOM door; 0 takes any.")
    dicom_ae_title: str = Field(
        default="LINGULA",
        pattern=r"^[A-Z0-9_ .-]{1,16}$",
        description="AE title that senders call; an association for another one is refused.",
    )
    dicom_default_site: str | None = Field(
        default=None,
        description="Site that radiographs from unknown calling AE titles belong to; unset means that only the AE "
        "titles of sites are let in.",
    )
    dicom_associations: int = Field(
        default=64, ge=1, le=10_000, description="DICOM associations open at one time, at most."
    )
    dicom_idle_seconds: float = Field(
        default=60.0, gt=0, description="Seconds a DICOM association may be silent between two objects."
    )
    dicom_certificate: Path | None = Field(
        default=None, description="File with the DICOM door's TLS certificate (PEM); unset means no TLS."
    )
    dicom_key: Path | None = Field(default=None, description="File with the private key of that certificate (PEM).")
    dicom_client_authority: Path | None = Field(
        default=None,
        description="File with the authorities (PEM) one of which must have signed a DICOM sender's certificate; unset "
        "means that senders need none.",
    )
    notifications_url: str | None = Field(
        default=None,
        description="Topic that S3 event notifications are read from: nats://, kafka:// or redis://; unset means none.",
    )
    bucket_endpoint: str | None = Field(
        default=None,
        description="Server of the buckets that sites put radiographs into, such as https://minio.example:9000; unset "
        "means AWS, or what AWS_ENDPOINT_URL_S3 says.",
    )
    bucket_region: str | None = Field(
        default=None, description="Region of those buckets; unset means what the AWS variables and files say."
    )
    look_every_seconds: float = Field(
        default=5.0, gt=0, description="Seconds between two looks into watched folders and polled buckets."
    )
    workers: int = Field(default_factory=_cores, ge=1, le=256, description="Threads that assess radiographs.")
    batch_size: int = Field(default=4, ge=1, le=64, description="Radiographs one worker assesses at once, at most.")
    engine: Literal["onnxruntime", "openvino"] = Field(
        default="onnxruntime", description="Program that runs the model package's graph; openvino must be installed."
    )
    attempts: int = Field(default=3, ge=1, le=100, description="Attempts before an instance is parked as failed.")
    retry_delay_seconds: float = Field(default=5.0, ge=0, description="Seconds between two attempts on one instance.")
    upkeep_every_seconds: float = Field(
        default=10.0, gt=0, description="Seconds between two looks for instances that were recorded but not assessed."
    )
    note_again_seconds: float = Field(
        default=30.0,
        gt=0,
        description="Seconds after which an instance that is not assessed gets its note written again, if notes are "
        "missing.",
    )
    upload_limit_bytes: int = Field(
        default=64 * 1024 * 1024, ge=1024, description="Bytes of the largest upload accepted."
    )
    uploads_in_flight_bytes: int = Field(
        default=128 * 1024 * 1024,
        ge=1024,
        description="Bytes of all uploads one door holds in memory at one time; senders beyond it are told to try "
        "again.",
    )
    receive_threads: int = Field(default=8, ge=1, le=256, description="Threads that receive uploads.")
    wait_limit_seconds: float = Field(
        default=60.0, gt=0, description="Seconds a sender may wait for the assessment with ?wait=, at most."
    )
    cap_urgent_minutes: float = Field(
        default=60.0, gt=0, description="Minutes after which a study of priority urgent is read as asap."
    )
    cap_routine_minutes: float = Field(
        default=240.0, gt=0, description="Minutes after which a study of priority routine is read as urgent."
    )
    claim_minutes: float = Field(
        default=15.0, gt=0, description="Minutes a study stays claimed by the doctor who opened it."
    )
    session_idle_minutes: float = Field(
        default=30.0, gt=0, description="Minutes without a request after which a person is logged out."
    )
    session_hours: float = Field(default=12.0, gt=0, description="Hours after which a person must log in again.")
    admin_password: SecretStr | None = Field(
        default=None,
        description="Password, at least 12 characters, of the user `admin`, made at the first start if it is set.",
    )
    api_key: SecretStr | None = Field(
        default=None,
        description="Key of a site that `lingula send` and `lingula simulate` show to the receiving Lingula.",
    )
    demo: bool = Field(
        default=False, description="Whether this is a demonstration; only the flag `lingula serve --demo` sets it."
    )
    demo_source: Path | None = Field(
        default=None,
        description="Folder of radiographs that `lingula serve --demo` sends instead of the shipped samples.",
    )
    data: Path | None = Field(
        default=None,
        description="Folder that a recipe's paths are relative to (`lingula train`, `lingula export`); also real "
        "radiographs for tests and benchmarks.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe lines that are logged."
    )
    log_style: Literal["auto", "line", "json"] = Field(
        default="auto", description="Readable lines, JSON, or (auto) lines on a terminal and JSON elsewhere."
    )

    @field_validator(
        "home", "registry", "demo_source", "data", "dicom_certificate", "dicom_key", "dicom_client_authority"
    )
    @classmethod
    def _whole(cls, path: Path | None) -> Path | None:
        return path.expanduser().absolute() if path else path

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic-settings passes all four by name
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let flags win over variables, and variables over the file."""
        if isinstance(env_settings, EnvSettingsSource):
            env_settings.env_vars = without_service_links(env_settings.env_vars)
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, TOML)
