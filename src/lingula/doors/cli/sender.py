"""Sends radiographs to a Lingula over HTTP as a hospital's gateway would: patiently, and keeping count.

An answer that says "later" is obeyed; a server that does not answer is tried again after longer and longer waits; an
answer that says the file is no radiograph is final. Names of files stay here: hospitals put patients' names into them.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

import httpx
from pydantic import SecretStr

from lingula.errors import BackendUnavailable, NotAllowed, NotFound, SettingsError

ATTEMPTS = 8
LONGEST_WAIT_SECONDS = 30.0
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


class Outcome(StrEnum):
    """What became of one file."""

    RECEIVED = "received"  # it is kept there now
    KNOWN = "known"  # it was kept there before
    REFUSED = "refused"  # it is no radiograph, or too large; sending it again will not help


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What the receiving Lingula said of one file."""

    outcome: Outcome
    instance: str | None = None
    study: str | None = None
    reason: str | None = None


class Sender:
    """Keeps connections to one Lingula; safe to use from several threads.

    Parameters
    ----------
    url
        The Lingula's address, such as ``https://lingula.hospital.example``.
    key
        The sending site's API key.
    wait
        Called with the seconds to pause between two attempts; injected for tests.
    """

    def __init__(self, url: str, key: SecretStr | None, wait: Callable[[float], object] = time.sleep) -> None:
        if not url.startswith(("http://", "https://")):
            raise SettingsError(f"cannot send to {url!r}; the address begins with http:// or https://")
        self._address = url.rstrip("/")
        self._wait = wait
        headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}
        self._client = httpx.Client(
            headers=headers, timeout=TIMEOUT_SECONDS, limits=httpx.Limits(max_connections=CONNECTIONS)
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def send(self, data: bytes) -> Sent:
        """Send one file; returns when the receiving Lingula has answered for good.

        Raises
        ------
        BackendUnavailable
            If it did not answer after all attempts.
        NotAllowed
            If the key is not accepted.
        NotFound
            If there is no Lingula at this address.
        """
        reason = ""
        for attempt in range(ATTEMPTS):
            try:
                answer = self._client.post(f"{self._address}/api/v1/instances", files={"file": ("radiograph", data)})
            except httpx.TransportError as error:
                reason, seconds = type(error).__name__, _growing(attempt)
            else:
                if answer.status_code not in _AGAIN:
                    return self._read(answer)
                reason, seconds = f"HTTP {answer.status_code}", _retry_after(answer, attempt)
            if attempt + 1 < ATTEMPTS:
                self._wait(seconds)
        raise BackendUnavailable(f"{self._address} does not take radiographs ({reason}); try again later")

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


def _growing(attempt: int) -> float:
    """Wait longer each time, and never in step with other senders."""
    return float(min(LONGEST_WAIT_SECONDS, 0.25 * 2**attempt) * random.uniform(0.5, 1.0))  # noqa: S311 - no secret


def _retry_after(answer: httpx.Response, attempt: int) -> float:
    said = answer.headers.get("retry-after", "")
    return min(LONGEST_WAIT_SECONDS, float(said)) if said.replace(".", "", 1).isdigit() else _growing(attempt)
