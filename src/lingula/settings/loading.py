"""Reading the settings, and describing them."""

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pydantic import SecretStr, ValidationError

from lingula.errors import SettingsError
from lingula.settings.fields import PREFIX, TOML, Settings
from lingula.settings.links import is_service_link, without_service_links

SHORTEST_SECRET = 12  # characters, NIST SP 800-63B asks for at least 8 and recommends 15
_WELL_KNOWN = frozenset({"admin", "changeme", "default", "demo", "lingula", "password", "secret", "test"})
_OUTSIDE = ("LINGULA_TEST_",)  # variables of the test suite, not of the program

FlagValue = str | int | float | bool | Path | SecretStr | None


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
    variables = without_service_links(os.environ)
    described = []
    for name, info in Settings.model_fields.items():
        if name in given:
            source = Source.FLAG
        elif variables.get(_spelt(name)):
            source = Source.VARIABLE
        else:
            source = Source.FILE if name in in_file else Source.DEFAULT
        value = _printable(getattr(settings, name))
        described.append(Described(name=_spelt(name), value=value, source=source, meaning=info.description or ""))
    return described


def _printable(value: object) -> str | None:
    if value is None:
        return None
    return _masked(str(value))  # a SecretStr prints stars


def _masked(text: str) -> str:
    """Hide the password of a URL, also where somebody forgot to percent-encode its ``/``, ``#``, ``?`` or ``@``."""
    scheme, is_url, rest = text.partition("://")
    before, is_named, place = rest.rpartition("@")
    user, is_secret, _ = before.partition(":")
    if not (is_url and is_named and is_secret) or rest.startswith("/"):  # a file's path names nobody
        return text
    return f"{scheme}://{user}:***@{place}"


def _spelt(name: str) -> str:
    return PREFIX + name.upper()


def _refuse_unknown_variables() -> None:
    known = [_spelt(name) for name in Settings.model_fields]
    for name, value in os.environ.items():
        is_ours = name.startswith(PREFIX) and not name.startswith(_OUTSIDE) and not is_service_link(name, value)
        if is_ours and name not in known:
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
