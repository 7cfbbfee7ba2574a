"""Why nobody was reached over HTTP, in words that say what to do.

httpx names only its own class of error; what went wrong stands in the errors behind it.
"""

import errno
import socket
import ssl
from collections.abc import Iterator, Mapping

import httpx

from lingula.doors.sending.patience import NOT_SAID
from lingula.errors import BackendUnavailable, SettingsError

_EXPIRED, _NOT_YET_VALID = 10, 9  # X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_CERT_NOT_YET_VALID
_OTHER_NAMES = frozenset({62, 63, 64})  # X509_V_ERR_HOSTNAME_MISMATCH, _EMAIL_MISMATCH, _IP_ADDRESS_MISMATCH

_NETWORK: Mapping[type[Exception], str] = {  # the first that fits, of the outermost error first
    httpx.ConnectTimeout: "it did not answer in time; see whether it runs and no firewall is between",
    httpx.TimeoutException: "it was reached, but did not answer in time; it may be overloaded",
    httpx.RemoteProtocolError: "it does not answer as HTTP does; see whether the port is right, and http:// or https://",
    socket.gaierror: "its name is not known here; check the spelling, or the name service",
    ConnectionRefusedError: "nobody listens there; see whether Lingula runs and the port is right",
    ConnectionError: "the connection broke in the middle; try again later",
}


def unreached(address: str, error: httpx.TransportError) -> BackendUnavailable | SettingsError:
    """Give the error to raise: a `SettingsError` where waiting will not help, because a person must change something.

    Parameters
    ----------
    address
        Whom we tried to reach, without its options.
    """
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return SettingsError(f"{address}: {_certificate(cause)}")
        if isinstance(cause, ssl.SSLError):
            return SettingsError(f"{address}: {_tls(cause)}")
    return BackendUnavailable(f"{address} does not take radiographs: {_network(error)}", retry_after_seconds=NOT_SAID)


def _certificate(error: ssl.SSLCertVerificationError) -> str:
    said = error.verify_message.rstrip(".")
    if error.verify_code in _OTHER_NAMES:
        return f"its certificate is another's ({said}); use the name that the certificate states"
    if error.verify_code == _EXPIRED:
        return "its certificate has expired; it must be renewed there"
    if error.verify_code == _NOT_YET_VALID:
        return "its certificate is not valid yet; see whether both clocks are right"
    return (
        f"its certificate is of no authority known here ({said}); if it is your hospital's own, add ?ca=FILE with the "
        "authority's certificate (PEM) to the address"
    )


def _tls(error: ssl.SSLError) -> str:
    if error.reason in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"}:
        return "it speaks no TLS there; use http://, or its other port"
    if error.reason and ("CERTIFICATE_REQUIRED" in error.reason or "ALERT" in error.reason):
        return f"it does not accept us ({error.reason}); if it asks senders for a certificate, add ?cert=FILE&key=FILE"
    return f"no TLS connection could be made ({error.reason})"


def _network(error: httpx.TransportError) -> str:
    for cause in _causes(error):
        for kind, words in _NETWORK.items():
            if isinstance(cause, kind):
                return words
        if isinstance(cause, OSError) and cause.errno in {errno.ENETUNREACH, errno.EHOSTUNREACH}:
            return "there is no way to it from here; check the address and the network"
    return f"{type(error).__name__}; try again later"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Give the error and those behind it, the outermost first."""
    behind: BaseException | None = error
    while behind is not None:
        yield behind
        behind = behind.__cause__ or behind.__context__
