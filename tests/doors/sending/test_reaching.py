"""Whoever cannot be reached or trusted over HTTP is named, with what is wrong and what to do about it."""

import ssl
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from made.receivers import served
from servers.authority import Authority, Identity
from servers.process import free_port

from lingula.doors.sending.patience import Patience
from lingula.doors.sending.sender import Outcome, Sent, open_sender
from lingula.doors.sending.unreached import unreached
from lingula.errors import BackendUnavailable, LingulaError, SettingsError


@pytest.fixture(scope="module")
def ours(authority: Authority) -> Identity:
    return authority.identity("web")


def sent_to(url: str, waits: list[float] | None = None) -> Sent:
    patience = Patience(wait=(waits if waits is not None else []).append, attempts=2)
    with closing(open_sender(url, patience=patience)) as sender:
        return sender.send(b"x")


def test_a_hospital_s_own_authority_is_trusted_if_its_file_is_named(authority: Authority, ours: Identity) -> None:
    with served(ours) as port:
        sent = sent_to(f"https://127.0.0.1:{port}?ca={authority.certificate}")
    assert sent.outcome is Outcome.RECEIVED


def test_a_sender_shows_its_certificate_where_it_is_asked_for(authority: Authority, ours: Identity) -> None:
    theirs = authority.identity("north")
    with served(ours, senders=authority) as port:
        url = f"https://127.0.0.1:{port}/?ca={authority.certificate}"
        assert sent_to(f"{url}&cert={theirs.certificate}&key={theirs.key}").outcome is Outcome.RECEIVED
        with pytest.raises(LingulaError) as refused:
            sent_to(url)
    assert "add ?cert=FILE&key=FILE" in str(refused.value) or "broke in the middle" in str(refused.value)


def test_an_unknown_authority_is_said_at_once_and_how_to_trust_it(ours: Identity) -> None:
    waits: list[float] = []
    with served(ours) as port, pytest.raises(SettingsError) as refused:
        sent_to(f"https://127.0.0.1:{port}", waits)
    assert f"https://127.0.0.1:{port}: its certificate is of no authority known here" in str(refused.value)
    assert "add ?ca=FILE with the authority's certificate (PEM)" in str(refused.value)
    assert waits == [], "waiting does not make it trusted"


def test_another_s_certificate_and_an_expired_one_are_told_apart(authority: Authority) -> None:
    other, said = (
        authority.identity("else", address="DNS:elsewhere.example"),
        r"its certificate is another's \(.*127\.0",
    )
    with served(other) as port, pytest.raises(SettingsError, match=said):
        sent_to(f"https://127.0.0.1:{port}?ca={authority.certificate}")
    with served(authority.identity("old", days=-1)) as port, pytest.raises(SettingsError, match="has expired"):
        sent_to(f"https://127.0.0.1:{port}?ca={authority.certificate}")


def test_https_to_a_port_without_tls_and_http_to_one_with_it(ours: Identity) -> None:
    with served() as port, pytest.raises(SettingsError, match="it speaks no TLS there; use http://, or its other port"):
        sent_to(f"https://127.0.0.1:{port}")
    with served(ours) as port, pytest.raises(BackendUnavailable, match="see whether the port is right, and http://"):
        sent_to(f"http://127.0.0.1:{port}")


def test_nobody_listening_and_an_unknown_host_are_tried_again_and_told_apart() -> None:
    waits: list[float] = []
    with pytest.raises(
        BackendUnavailable, match="nobody listens there; see whether Lingula runs and the port is right"
    ):
        sent_to(f"http://127.0.0.1:{free_port()}", waits)
    with pytest.raises(BackendUnavailable, match="its name is not known here; check the spelling"):
        sent_to("https://lingula.invalid", waits)
    assert len(waits) == 2


@pytest.mark.parametrize(
    ("error", "behind", "said"),
    [
        (httpx.ConnectTimeout("timed out"), None, "it did not answer in time; see whether it runs and no firewall"),
        (httpx.ReadTimeout("timed out"), TimeoutError(), "it was reached, but did not answer in time; it may be"),
        (httpx.ConnectError("x"), OSError(101, "Network is unreachable"), "there is no way to it from here"),
        (httpx.ReadError("x"), ConnectionResetError(104, "reset"), "the connection broke in the middle"),
        (httpx.ConnectError("x"), OSError(99, "odd"), "ConnectError; try again later"),
    ],
)
def test_what_a_test_cannot_bring_about_is_told_by_the_error_behind(
    error: httpx.TransportError, behind: OSError | None, said: str
) -> None:
    error.__cause__ = behind
    found = unreached("http://there", error)
    assert isinstance(found, BackendUnavailable)
    assert f"http://there does not take radiographs: {said}" in str(found)


def verifying(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError("odd")
    error.verify_code, error.verify_message = code, "said"
    return error


def tls(reason: str) -> ssl.SSLError:
    error = ssl.SSLError("odd")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("behind", "said"),
    [
        (verifying(9), "is not valid yet; see whether both clocks are right"),
        (tls("TLSV13_ALERT_CERTIFICATE_REQUIRED"), "does not accept us (TLSV13_ALERT_CERTIFICATE_REQUIRED)"),
        (tls("UNEXPECTED_MESSAGE"), "no TLS connection could be made (UNEXPECTED_MESSAGE)"),
    ],
)
def test_other_troubles_of_tls_are_told(behind: ssl.SSLError, said: str) -> None:
    error = httpx.ConnectError("x")
    error.__cause__ = behind
    assert said in str(unreached("https://there", error))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://there?ca=/nowhere.pem", "ca names '/nowhere.pem', which is no file"),
        ("https://there?key=KEY", "key belongs to a certificate"),
        ("https://there?verify=0", "an https:// address has no option 'verify'; it has ca, cert and key"),
        ("http://there?ca=KEY", "only mean something with https://"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_anything_is_sent(url: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("no key")
    with pytest.raises(SettingsError) as refused:
        open_sender(url.replace("KEY", str(tmp_path / "key.pem")))
    assert said in str(refused.value)
