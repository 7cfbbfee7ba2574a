"""URLs of brokers are read without a broker: what they say, what is refused, and that no password is ever shown."""

import contextlib
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingula.errors import SettingsError
from lingula.queues.address import TLS_OPTIONS, Address, read_address
from lingula.queues.queue import open_queue
from lingula.queues.topic import open_topic

SECRET = "hush-hush"  # noqa: S105 - made up


def read(url: str) -> Address:
    return read_address(url, setting="LINGULA_QUEUE_URL", port=4222, options=("lease_seconds", "replicas", "ca"))


def test_all_parts_of_a_url_are_read() -> None:
    address = read("nats://clerk:p%40ss@one:1,two,[::1]:3/WORK?lease_seconds=5&replicas=3")
    assert (address.user, address.password) == ("clerk", "p@ss")
    assert address.hosts == ("one:1", "two:4222", "[::1]:3")
    assert address.name == "WORK"
    assert address.seconds("lease_seconds", 60) == 5
    assert address.whole("replicas", 1, 5) == 3


def test_what_is_not_said_has_a_default() -> None:
    address = read("nats://host")
    assert (address.user, address.password, address.name, address.hosts) == (None, None, "", ("host:4222",))
    assert address.seconds("lease_seconds", 60) == 60
    assert address.file("ca") is None


@pytest.mark.parametrize(
    "url",
    [
        "nats://",
        "nats://host:99999",
        "nats://ho st",
        "nats://[",
        "nats://\u2100",
        "nats://host,",
        "nats://host/A?colour=red",
        "nats://host/A?lease_seconds=0",
        "nats://host/A?lease_seconds=-1",
        "nats://host/A?lease_seconds=nan",
        "nats://host/A?lease_seconds=soon",
        "nats://host/A?replicas=6",
        "nats://host/A?replicas=many",
        "nats://host/A.B",
        "nats://host/A?ca=/no/such/file",
        "redis://host/first",
        "redis://one,two/0",
        "redis://host/0?stream=a%20b",
        "kafka://host/a%20b",
        "kafka://host/A?tls=perhaps",
        "kafka://host/A?mechanism=NONE",
        "kafka://host/A?partitions=0",
    ],
)
def test_another_form_is_refused_with_words_that_hide_the_password(url: str) -> None:
    scheme, _, rest = url.partition("://")
    with pytest.raises(SettingsError, match="LINGULA_QUEUE_URL") as caught:
        open_queue(f"{scheme}://clerk:{SECRET}@{rest}")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("scheme", ["nats", "redis", "kafka"])
def test_certificates_are_for_encrypted_connections_only(scheme: str, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("not used", "utf-8")
    with pytest.raises(SettingsError, match=r"tls|rediss"):
        open_queue(f"{scheme}://host/0?ca={tmp_path / 'ca.pem'}")


def test_a_certificate_that_is_none_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate", "utf-8")
    for url in (f"tls://host/A?ca={tmp_path / 'ca.pem'}", f"kafka://host/A?tls=1&ca={tmp_path / 'ca.pem'}"):
        with pytest.raises(SettingsError, match="LINGULA_QUEUE_URL"):
            open_queue(url)


def test_a_drivers_file_must_hold_names_and_values(tmp_path: Path) -> None:
    (tmp_path / "kafka.properties").write_text("sasl.password\n", "utf-8")
    with pytest.raises(SettingsError, match="name=value"):
        open_queue(f"kafka://host/A?config={tmp_path / 'kafka.properties'}")


def test_a_setting_the_driver_does_not_know_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "kafka.properties").write_text("no.such.setting=1\n", "utf-8")
    with pytest.raises(SettingsError, match=r"no\.such\.setting"):
        open_queue(f"kafka://host/A?config={tmp_path / 'kafka.properties'}")


def test_the_password_is_in_no_repr() -> None:
    assert SECRET not in repr(read(f"nats://clerk:{SECRET}@host/A"))


@given(st.text(max_size=60))
def test_whatever_stands_in_a_url_it_is_read_or_refused_and_nothing_else(words: str) -> None:
    for url in (f"nats://{words}", f"nats://host/{words}", f"nats://host?{words}"):
        with contextlib.suppress(SettingsError):
            read(url)


@pytest.mark.parametrize("url", ["nats://127.0.0.1:1/A", "redis://127.0.0.1:1/0", "kafka://127.0.0.1:1/A"])
def test_opening_never_connects_and_closing_what_was_never_used_is_quick(url: str) -> None:
    open_queue(url).close()
    open_topic(url).close()


@pytest.mark.parametrize(
    ("url", "driver"), [("nats://h", "nats"), ("redis://h", "redis"), ("kafka://h", "confluent_kafka")]
)
def test_a_driver_that_is_not_installed_is_named_with_the_words_that_install_it(
    url: str, driver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith((driver, "lingula.queues."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, driver, None)  # as if it were not there
    for opened in (open_queue, open_topic):
        with pytest.raises(SettingsError, match=rf"{driver}.*pip install 'lingula\[scale\]'"):
            opened(url)


BROKEN_OFF = [
    "BrokenPipeError [Errno 32] Broken pipe",
    "ConnectionResetError Connection lost",
    "Error while reading from host:6379 : (104, 'Connection reset by peer')",
    "EOF occurred in violation of protocol",
    "Connection closed by server.",
]


@pytest.mark.parametrize("reason", BROKEN_OFF)
def test_who_shows_no_certificate_and_is_broken_off_hears_that_one_may_be_asked_for(reason: str) -> None:
    for url in ("tls://host/A", "rediss://host/0", "tls://host/A?ca=ca.pem"):
        said = read(url).with_advice(reason)
        assert (
            said
            == f"{reason}; the broker broke off; if it asks for a certificate: certificate=FILE and key=FILE in the URL"
        )


@pytest.mark.parametrize("reason", BROKEN_OFF)
def test_who_shows_one_or_speaks_no_tls_hears_of_none(reason: str) -> None:
    shown = read_address("tls://host?certificate=us.pem&key=us.key", setting="S", port=4222, options=TLS_OPTIONS)
    assert shown.with_advice(reason) == read("nats://host").with_advice(reason) == reason
