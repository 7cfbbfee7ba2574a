"""Sends radiographs to a Lingula over HTTP as a hospital's gateway would: patiently, and keeping count.

An answer that says "later" is obeyed; a server that does not answer is tried again after longer and longer waits; an
answer that says the file is no radiograph is final.
"""

from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

import httpx
from pydantic import SecretStr

from lingula.doors.sending.patience import NOT_SAID, Patience
from lingula.doors.sending.sender import Outcome, Sent
from lingula.doors.sending.trust import TLS_OPTIONS, trusting_context
from lingula.doors.sending.unreached import unreached
from lingula.errors import BackendUnavailable, NotAllowed, NotFound, SettingsError

TIMEOUT_SECONDS = 60.0
CONNECTIONS = 64
_AGAIN = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


class HttpSender:
    """Keeps connections to one Lingula; safe to use from several threads.

    Parameters
    ----------
    url
        The Lingula's address, such as ``https://lingula.hospital.example[?ca=FILE&cert=FILE&key=FILE]``.
    key
        The sending site's API key.
    patience
        How long and how often to try again.
    """

    def __init__(self, url: str, key: SecretStr | None, patience: Patience) -> None:
        self._address, options = _parts_of(url)
        self._patience = patience
        headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}
        self._client = httpx.Client(
            headers=headers,
            timeout=TIMEOUT_SECONDS,
            limits=httpx.Limits(max_connections=CONNECTIONS),
            verify=trusting_context(options) if self._address.startswith("https") else True,
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def send(self, data: bytes, name: str = "") -> Sent:  # noqa: ARG002 - a name stays at the sender
        """Send one file; see `Sender.send`."""
        return self._patience.until_answered(lambda: self._ask(data))

    def _ask(self, data: bytes) -> Sent:
        try:
            answer = self._client.post(f"{self._address}/api/v1/instances", files={"file": ("radiograph", data)})
        except httpx.TransportError as error:
            raise unreached(self._address, error) from error
        if answer.status_code in _AGAIN:
            raise self._not_now(f"HTTP {answer.status_code}", _retry_after_seconds(answer))
        return self._read(answer)

    def _not_now(self, reason: str, seconds: float) -> BackendUnavailable:
        return BackendUnavailable(
            f"{self._address} does not take radiographs ({reason}); try again later", retry_after_seconds=seconds
        )

    def _read(self, answer: httpx.Response) -> Sent:
        if answer.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise NotAllowed(f"{self._address} does not accept the key; give the site's with --key or LINGULA_API_KEY")
        if answer.status_code == HTTPStatus.NOT_FOUND:
            raise NotFound(f"there is no Lingula at {self._address}; check the address")
        try:
            body = answer.json()
        except ValueError:
            body = {}
        if not answer.is_success:
            reason = str(body.get("detail") or body.get("title") or f"HTTP {answer.status_code}")
            return Sent(outcome=Outcome.REFUSED, reason=reason)
        return Sent(
            outcome=Outcome.RECEIVED if body.get("is_new", True) else Outcome.KNOWN,
            instance=body.get("instance"),
            study=body.get("study"),
        )


def _parts_of(url: str) -> tuple[str, dict[str, str]]:
    """Take the options for TLS off an address; raises `SettingsError`."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := sorted(options.keys() - TLS_OPTIONS):
        raise SettingsError(f"an {parts.scheme}:// address has no option {unknown[0]!r}; it has ca, cert and key")
    if options and parts.scheme != "https":
        raise SettingsError("ca, cert and key of a receiver only mean something with https://")
    return parts._replace(query="", fragment="").geturl().rstrip("/"), options


def _retry_after_seconds(answer: httpx.Response) -> float:
    said = answer.headers.get("retry-after", "")
    return float(said) if said.replace(".", "", 1).isdigit() else NOT_SAID
