"""Settings come from where they should, and unsafe or misspelt ones are refused."""

from pathlib import Path

import pytest

from lingula.errors import SettingsError
from lingula.settings import Source, describe_settings, load_settings


@pytest.fixture(autouse=True)
def _empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def test_defaults_live_under_home(tmp_path: Path) -> None:
    settings = load_settings({"home": tmp_path})
    assert settings.store_url == f"file://{tmp_path}/store"
    assert settings.records_url == f"sqlite://{tmp_path}/records.sqlite"
    assert settings.registry == tmp_path / "packages"
    assert (settings.http_host, settings.http_port) == ("127.0.0.1", 8000)


def test_a_flag_wins_over_a_variable_and_a_variable_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("lingula.toml").write_text('http_port = 1\nworkers = 1\nlog_level = "debug"\n')
    monkeypatch.setenv("LINGULA_HTTP_PORT", "2")
    monkeypatch.setenv("LINGULA_WORKERS", "2")
    flags = {"http_port": 3, "package": None}
    settings = load_settings(flags)
    assert (settings.http_port, settings.workers, settings.log_level) == (3, 2, "debug")
    sources = {one.name: one.source for one in describe_settings(settings, flags)}
    assert sources["LINGULA_HTTP_PORT"] == Source.FLAG
    assert sources["LINGULA_WORKERS"] == Source.VARIABLE
    assert sources["LINGULA_LOG_LEVEL"] == Source.FILE
    assert sources["LINGULA_PACKAGE"] == Source.DEFAULT


def test_a_misspelt_variable_is_refused_with_the_name_that_was_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINGULA_STOER_URL", "memory://")
    with pytest.raises(SettingsError, match="did you mean LINGULA_STORE_URL"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LINGULA_SERVICE_HOST", "10.0.0.7"),
        ("LINGULA_SERVICE_PORT", "8000"),
        ("LINGULA_SERVICE_PORT_HTTP", "8000"),
        ("LINGULA_PORT", "tcp://10.0.0.7:8000"),
        ("LINGULA_PORT_8000_TCP", "tcp://10.0.0.7:8000"),
        ("LINGULA_PORT_8000_TCP_PROTO", "tcp"),
        ("LINGULA_WEB_PORT_8000_TCP_ADDR", "fd00::7"),
        ("LINGULA_WEB_PORT", "tcp://[fd00::7]:8000"),
        ("LINGULA_HTTP_PORT", "tcp://10.0.0.7:80"),  # of a service named lingula-http
        ("LINGULA_DICOM_PORT", "tcp://10.0.0.7:11112"),
    ],
)
def test_addresses_that_kubernetes_adds_are_no_settings(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    settings = load_settings()
    assert (settings.http_port, settings.dicom_port) == (8000, 11112)
    assert {one.source for one in describe_settings(settings) if one.name == name} <= {Source.DEFAULT}


@pytest.mark.parametrize(
    ("name", "value"),
    [("LINGULA_HTTP_PRT", "8000"), ("LINGULA_WEB_PORT", "8000"), ("LINGULA_SERVICE", "tcp://10.0.0.7:8000")],
)
def test_what_only_resembles_such_an_address_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name):
        load_settings()


def test_a_misspelt_name_in_the_file_is_refused() -> None:
    Path("lingula.toml").write_text("worker = 1\n")
    with pytest.raises(SettingsError, match="LINGULA_WORKER"):
        load_settings()


def test_a_broken_file_is_named() -> None:
    Path("lingula.toml").write_text("workers = \n")
    with pytest.raises(SettingsError, match=r"lingula\.toml is no valid TOML"):
        load_settings()


def test_a_wrong_value_is_named_but_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINGULA_HTTP_PORT", "70123")
    with pytest.raises(SettingsError, match=r"LINGULA_HTTP_PORT.*less than or equal to 65535") as caught:
        load_settings()
    assert "70123" not in str(caught.value)


@pytest.mark.parametrize("secret", ["changeme", "Password", "too short"])
@pytest.mark.parametrize("name", ["LINGULA_ADMIN_PASSWORD"])
def test_a_known_or_short_secret_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, secret: str) -> None:
    monkeypatch.setenv(name, secret)
    with pytest.raises(SettingsError, match=name) as caught:
        load_settings()
    assert f" {secret} " not in str(caught.value)


def test_the_demo_may_use_a_known_secret_but_only_the_flag_makes_it_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINGULA_ADMIN_PASSWORD", "demo")
    assert load_settings({"demo": True}).demo
    monkeypatch.setenv("LINGULA_DEMO", "true")
    with pytest.raises(SettingsError, match="--demo"):
        load_settings()


def test_secrets_and_passwords_in_urls_are_masked_when_described(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINGULA_API_KEY", "very-secret-key-of-a-site")
    monkeypatch.setenv("LINGULA_RECORDS_URL", "postgresql://lingula:hunter2hunter2@db/lingula")
    described = {one.name: one.value for one in describe_settings(load_settings())}
    assert "very-secret-key" not in str(described)
    assert described["LINGULA_RECORDS_URL"] == "postgresql://lingula:***@db/lingula"


def test_a_home_with_a_tilde_is_the_user_s_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LINGULA_HOME", "~/somewhere")
    assert load_settings().store_url == f"file://{tmp_path}/somewhere/store"


def test_every_setting_has_a_sentence() -> None:
    for one in describe_settings(load_settings()):
        assert one.meaning.endswith("."), one.name


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://lingula:hunt/er2#x?@db:5432/lingula", "postgresql://lingula:***@db:5432/lingula"),
        ("postgresql://lingula:hunter@2@db/lingula", "postgresql://lingula:***@db/lingula"),
        ("redis://:hunter2@db:6379/0", "redis://:***@db:6379/0"),
        ("sqlite:////srv/a:b@c/records.sqlite", "sqlite:////srv/a:b@c/records.sqlite"),
        ("nats://host:4222/LINGULA", "nats://host:4222/LINGULA"),
    ],
)
def test_a_password_that_was_not_encoded_is_masked_too(monkeypatch: pytest.MonkeyPatch, url: str, shown: str) -> None:
    monkeypatch.setenv("LINGULA_RECORDS_URL", url)
    described = {one.name: one.value for one in describe_settings(load_settings())}
    assert described["LINGULA_RECORDS_URL"] == shown
