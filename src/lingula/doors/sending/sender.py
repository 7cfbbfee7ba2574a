"""What every way of sending a radiograph has in common, and the one place where its URL decides which.

A sender is patient with whoever does not answer and final with a file that is no radiograph. What a file was called
stays at the sender: hospitals put patients' names into file names.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from urllib.parse import urlsplit

from pydantic import SecretStr

from lingula.doors.sending.patience import Patience
from lingula.errors import SettingsError


class Outcome(StrEnum):
    """What became of one file."""

    RECEIVED = "received"  # it is kept there now
    KNOWN = "known"  # it was kept there before
    REFUSED = "refused"  # it is no radiograph, or too large; sending it again will not help


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What the receiving side said of one file; ids only where its protocol gives them."""

    outcome: Outcome
    instance: str | None = None
    study: str | None = None
    reason: str | None = None


class Sender(Protocol):
    """Keeps a way to one receiver open; safe to use from several threads."""

    def send(self, data: bytes, name: str = "") -> Sent:
        """Send one file; returns when it has been answered for good.

        Parameters
        ----------
        data
            The file's bytes.
        name
            Its name here. Only the ending goes along, and only where the receiver names files.

        Raises
        ------
        BackendUnavailable
            If nobody answered after all attempts.
        NotAllowed
            If the receiver does not know who sends.
        NotFound
            If there is no Lingula, bucket or folder at this address.
        """

    def close(self) -> None:
        """Let go of connections."""


def open_sender(url: str, key: SecretStr | None = None, patience: Patience | None = None) -> Sender:
    """Open the way a URL names; nothing is connected before the first radiograph.

    Parameters
    ----------
    url
        ``https://lingula.example[?ca=FILE&cert=FILE&key=FILE]`` ·
        ``dicom://AET@host:port[?calling=AET&tls=1&ca=FILE&cert=FILE&key=FILE]`` ·
        ``s3://bucket/prefix[?endpoint=https://host:9000&region=...&encryption=AES256|aws:kms&kms_key=...]`` ·
        ``file:///folder``. Credentials of S3 come from the AWS variables and files, never from the URL.
    key
        The sending site's API key; only HTTP shows it.
    patience
        How long and how often to try again.

    Raises
    ------
    SettingsError
        If the URL cannot be understood or what speaks it is not installed.
    """
    patience = patience or Patience()
    match urlsplit(url).scheme:
        case "http" | "https":
            from lingula.doors.sending.http import HttpSender

            return HttpSender(url, key, patience)
        case "dicom":
            from lingula.doors.sending.dicom import DicomSender

            return DicomSender(url, patience)
        case "s3":
            from lingula.doors.sending.s3 import S3Sender

            return S3Sender(url, patience)
        case "file":
            from lingula.doors.sending.file import FileSender

            return FileSender(url, patience)
        case scheme:
            raise SettingsError(
                f"cannot send to an address that begins with {scheme or 'nothing'!r}; "
                "use http://, https://, dicom://, s3:// or file:///"
            )
