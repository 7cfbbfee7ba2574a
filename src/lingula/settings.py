"""Every setting once: name, type, unit, default and one sentence of meaning.

Values come from command line flags, then ``LINGULA_*`` variables, then ``lingula.toml`` in the working directory, then
the defaults, which run on one laptop with nothing else installed. The class is read in `wiring` and `doors` only;
nothing in the core knows where a number came from.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from lingula.errors import SettingsError

PREFIX = "LINGULA_"
TOML = Path("lingula.toml")
SHORTEST_SECRET = 12  # characters, NIST SP 800-63B asks for at least 8 and recommends 15
_WELL_KNOWN = frozenset({"admin", "changeme", "default", "demo", "lingula", "password", "secret", "test"})
_OUTSIDE = ("LINGULA_TEST_",)  # variables of the test suite, not of the program

FlagValue = str | int | float | bool | Path | SecretStr | None


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
        description="Place of the originals: file:///folder or memory://.",
    )
    queue_url: str = Field(default="memory://", description="Place of the waiting work: memory://.")
    records_url: str = Field(
        default_factory=lambda data: _inside_home(data, "sqlite", "records.sqlite"),
        description="Place of what is known and what happened: sqlite:///file or memory://.",
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
    upload_limit_bytes: int = Field(
        default=64 * 1024 * 1024, ge=1024, description="Bytes of the largest upload accepted."
    )
    uploads_in_flight_bytes: int = Field(
        default=128 * 1024 * 1024,
        ge=1024,
        description="Bytes of all uploads held in memory at one time; senders beyond it are told to try again.",
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
        description="Folder of real radiographs for development: tests, `make bench`, `make default-model`.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe lines that are logged."
    )
    log_style: Literal["auto", "line", "json"] = Field(
        default="auto", description="Readable lines, JSON, or (auto) lines on a terminal and JSON elsewhere."
    )

    @field_validator("home", "registry", "demo_source", "data")
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
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, TOML)


class Source(StrEnum):
    """Where a value came from."""

    FLAG = "flag"  # given on the command line
    VARIABLE = "variable"  # a LINGULA_* variable
    FILE = "file"  # lingula.toml
    DEFAULT = "default"  # built in


@dataclass(frozen=True, kw_only=True)
class Described:
    """One effective setting for people: secrets and passwords inside URLs masked."""

    name: str
    value: str | None
    source: Source
    meaning: str


def load_settings(flags: Mapping[str, FlagValue] | None = None) -> Settings:
    """Read the effective settings.

    Parameters
    ----------
    flags
        Values from the command line by field name; None means not given.

    Raises
    ------
    SettingsError
        If a value is wrong, a name is unknown, or a secret is one that everybody knows outside a demonstration.
    """
    _refuse_unknown_variables()
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    try:
        settings = Settings(**given)  # type: ignore[arg-type]  # pydantic checks each value by field
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"{_spelt(name)}: {first['msg']}; see `lingula settings --help`") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{TOML} is no valid TOML: {error}") from error
    if settings.demo and "demo" not in given:
        raise SettingsError("LINGULA_DEMO cannot be set from outside; run `lingula serve --demo`")
    if not settings.demo:
        _refuse_known_secrets(settings)
    return settings


def describe_settings(settings: Settings, flags: Mapping[str, FlagValue] | None = None) -> list[Described]:
    """Give every effective setting with its source, fit to be printed."""
    in_file = tomllib.loads(TOML.read_text()) if TOML.is_file() else {}
    given = {name for name, value in (flags or {}).items() if value is not None}
    described = []
    for name, info in Settings.model_fields.items():
        if name in given:
            source = Source.FLAG
        elif os.environ.get(_spelt(name)):
            source = Source.VARIABLE
        else:
            source = Source.FILE if name in in_file else Source.DEFAULT
        value = _printable(getattr(settings, name))
        described.append(Described(name=_spelt(name), value=value, source=source, meaning=info.description or ""))
    return described


def _printable(value: object) -> str | None:
    if value is None:
        return None
    text = str(value)  # a SecretStr prints stars
    password = urlsplit(text).password if "://" in text else None
    return text.replace(f":{password}@", ":***@") if password else text


def _spelt(name: str) -> str:
    return PREFIX + name.upper()


def _refuse_unknown_variables() -> None:
    known = [_spelt(name) for name in Settings.model_fields]
    for name in os.environ:
        if name.startswith(PREFIX) and name not in known and not name.startswith(_OUTSIDE):
            near = difflib.get_close_matches(name, known, n=1)
            advice = f"did you mean {near[0]}?" if near else "`lingula settings` lists all names"
            raise SettingsError(f"there is no setting {name}; {advice}")


def _refuse_known_secrets(settings: Settings) -> None:
    text = settings.admin_password.get_secret_value() if settings.admin_password else None
    if text is not None and (text.lower() in _WELL_KNOWN or len(text) < SHORTEST_SECRET):
        raise SettingsError(
            f"{_spelt('admin_password')} is well known or shorter than {SHORTEST_SECRET} characters; choose another "
            "or unset it"
        )
