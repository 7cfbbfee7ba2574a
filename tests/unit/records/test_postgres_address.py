"""A database's address is read from a URL, safely by default, and repeats no password."""

import ssl
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingula.errors import SettingsError
from lingula.records.postgres_address import SslMode, address_of


def test_a_url_names_everything() -> None:
    address = address_of("postgresql://ann:p%40ss@db.example:6543/lingula?sslmode=verify-ca&pool=8")
    assert (address.user, address.password, address.host, address.port) == ("ann", "p@ss", "db.example", 6543)
    assert (address.database, address.sslmode, address.connections) == ("lingula", SslMode.VERIFY_CA, 8)


def test_another_machine_is_spoken_to_in_tls_unless_the_url_says_otherwise() -> None:
    assert address_of("postgresql://ann@db.example/lingula").sslmode is SslMode.VERIFY_FULL
    for host in ("localhost", "127.0.0.1", "[::1]"):
        assert address_of(f"postgresql://ann@{host}/lingula").sslmode is SslMode.DISABLE
    assert address_of("postgresql://ann@db.example/lingula?sslmode=disable").tls() is None


@pytest.mark.parametrize(
    ("mode", "verifies", "checks_name"),
    [
        (SslMode.REQUIRE, ssl.CERT_NONE, False),
        (SslMode.VERIFY_CA, ssl.CERT_REQUIRED, False),
        (SslMode.VERIFY_FULL, ssl.CERT_REQUIRED, True),
    ],
)
def test_each_mode_verifies_what_its_name_says(mode: SslMode, verifies: ssl.VerifyMode, *, checks_name: bool) -> None:
    context = address_of(f"postgresql://ann@db/lingula?sslmode={mode}").tls()
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (verifies, checks_name)


def test_a_file_that_holds_no_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("no certificate")
    for name in ("notes", "missing"):
        with pytest.raises(SettingsError, match="sslrootcert"):
            address_of(f"postgresql://ann@db/lingula?sslrootcert={tmp_path / name}").tls()


def test_a_socket_on_this_machine_is_named_by_its_folder() -> None:
    address = address_of("postgresql://ann@/lingula?host=/run/postgresql&sslmode=verify-full")
    assert address.socket_folder == "/run/postgresql"
    assert address.tls() is None


def test_neither_text_nor_repr_repeats_the_password() -> None:
    address = address_of("postgresql://ann:hunter2@db/lingula")
    assert "hunter2" not in f"{address} {address!r}"
    assert "'lingula' at db:5432" in str(address)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://db/lingula",
        "postgresql://ann:hunter2@db",
        "postgresql://ann:hunter2@db/",
        "postgresql://ann:hunter2@db/a/b",
        "postgresql://ann:hunter2@db:port/lingula",
        "postgresql://ann:hunter/2@db/lingula",
        "postgresql://ann:hunter2@db/lingula?sslmode=prefer",
        "postgresql://ann:hunter2@db/lingula?pool=0",
        "postgresql://ann:hunter2@db/lingula?pool=many",
        "postgresql://ann:hunter2@db/lingula?connect_timeout=3",
        "postgresql://ann:hunter2@db/lingula?sslmode",
        "postgresql://ann:hunter2@db/lingula#x",
        "postgresql://ann:hunter2@[db/lingula",
    ],
)
def test_another_form_is_refused_without_repeating_the_password(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        address_of(url)
    assert "hunter" not in str(refused.value)


@given(st.text())
def test_anything_else_is_refused_in_words(written: str) -> None:
    try:
        address = address_of("postgresql://" + written)
    except SettingsError:
        return
    assert address.user
    assert address.database
