"""What people write to bind a site to a door, checked and brought into the one form that doors compare.

A bucket or a folder is bound by its beginning: what arrives below the longest one that fits belongs to its site. Names
are compared whole, so `s3://images/north` is not the beginning of `s3://images/north-east`.
"""

import os.path
import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from lingula.errors import SettingsError
from lingula.radiology.identifiers import SiteName
from lingula.records.accounts import Binding, BindingKind

# PS3.5 6.2, AE: 16 characters of the default repertoire without backslash; small letters are legal, but those who type
# titles into two machines get their case wrong.
_AE_TITLE = re.compile(r"[A-Z0-9_.-](?:[A-Z0-9_ .-]{0,14}[A-Z0-9_.-])?")
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html, and capitals of older places
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}")


def binding_value(kind: BindingKind, written: str) -> str:
    """Check what somebody wrote to bind and give it in the form that is kept.

    Raises
    ------
    SettingsError
        If it is no AE title, bucket or folder; keys are made and never written.

    Examples
    --------
    >>> binding_value(BindingKind.BUCKET, "s3://images/north/")
    's3://images/north'
    """
    match kind:
        case BindingKind.AE_TITLE:
            return _ae_title(written)
        case BindingKind.BUCKET:
            return _bucket(written)
        case BindingKind.FOLDER:
            return _folder(written)
        case BindingKind.API_KEY:
            raise SettingsError("an API key is made by Lingula, not chosen: `lingula sites new-key NAME` prints one")


def site_of_address(bindings: Iterable[Binding], address: str) -> SiteName | None:
    """Give the site that has bound the longest beginning of an object's address or a file's path; None if none has.

    Examples
    --------
    >>> north = Binding(kind=BindingKind.BUCKET, value="s3://images/north", site=SiteName("north"))
    >>> site_of_address([north], "s3://images/north/2026/a.dcm")
    'north'
    >>> site_of_address([north], "s3://images/northern/a.dcm") is None
    True
    """
    fitting = (one for one in bindings if address == one.value or address.startswith(one.value.rstrip("/") + "/"))
    longest = max(fitting, key=lambda one: len(one.value), default=None)
    return None if longest is None else longest.site


def _ae_title(written: str) -> str:
    title = written.strip()  # spaces around a title have no meaning
    if not _AE_TITLE.fullmatch(title):
        raise SettingsError(f"AE title {written!r}: 1 to 16 capitals, digits, '_', '.', '-' and spaces between")
    return title


def _bucket(written: str) -> str:
    try:
        parts = urlsplit(written)
    except ValueError as error:
        raise SettingsError(f"bucket {written!r} is no address: {error}") from error
    prefix = parts.path.strip("/")
    if parts.scheme != "s3" or not _BUCKET.fullmatch(parts.netloc) or parts.query or parts.fragment or "//" in prefix:
        raise SettingsError(
            f"bucket {written!r} is not of the form s3://bucket or s3://bucket/prefix; where it lies and who may read "
            "it is said by settings, not here"
        )
    return f"s3://{parts.netloc}/{prefix}".rstrip("/")


def _folder(written: str) -> str:
    if not Path(written).is_absolute() or "\0" in written:
        raise SettingsError(f"folder {written!r}: name it from the root, such as /srv/radiographs/north")
    return "/" + os.path.normpath(written).lstrip("/")  # two slashes at the beginning mean one
