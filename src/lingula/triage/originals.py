"""Where originals lie in the store, so that a key alone says whose and when.

``originals/YYYYMM/SITE/ID-DDHHMMSS-TOKEN``: every arrival has a key of its own, so nothing is ever overwritten, and an
original that was stored but never recorded (a power cut between the two) can be found by its time and recorded late.
The key carries Lingula's own id and the hospital, never an identity.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from lingula.radiology.identifiers import InstanceId, SiteName

_FOLDER = "originals"
_READABLE = re.compile(r"[A-Za-z0-9_-]+")
_KEY = re.compile(
    rf"{_FOLDER}/(?P<month>\d{{6}})/(?P<site>[^/]+)/(?P<id>i[a-z2-7]+)-(?P<time>\d{{8}})-(?P<token>[a-z0-9]+)"
)


@dataclass(frozen=True, kw_only=True)
class Original:
    """What a store key says."""

    key: str
    site: SiteName
    instance: InstanceId
    received_at: datetime


def original_key(site: SiteName, instance: InstanceId, received_at: datetime, token: str) -> str:
    """Build the key of one arrival; `token` makes it unique."""
    at = received_at.astimezone(UTC)
    return f"{_FOLDER}/{at:%Y%m}/{_segment(site)}/{instance}-{at:%d%H%M%S}-{token}"


def read_original_key(key: str) -> Original | None:
    """Read a key back; None if it is not one of ours."""
    match = _KEY.fullmatch(key)
    if match is None:
        return None
    try:
        received_at = datetime.strptime(match["month"] + match["time"] + "+0000", "%Y%m%d%H%M%S%z")
        site = _site(match["site"])
    except ValueError:
        return None
    return Original(key=key, site=site, instance=InstanceId(match["id"]), received_at=received_at)


def month_prefixes(since: datetime, until: datetime) -> Iterator[str]:
    """Give the prefixes under which the originals of these months lie."""
    year, month = since.astimezone(UTC).year, since.astimezone(UTC).month
    last = until.astimezone(UTC)
    while (year, month) <= (last.year, last.month):
        yield f"{_FOLDER}/{year:04}{month:02}/"
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)  # noqa: PLR2004  months of a year


def _segment(site: SiteName) -> str:
    """Hospitals' names may have letters that keys may not; those are written as hexadecimal after a dot."""
    return site if _READABLE.fullmatch(site) else "." + site.encode().hex()


def _site(segment: str) -> SiteName:
    return SiteName(bytes.fromhex(segment[1:]).decode() if segment.startswith(".") else segment)
