"""The parts one installation is made of, and what they must share to be one.

`lingula serve` is all three in one process; `lingula receive`, `lingula work` and `lingula web` are one each, any
number of them. They know of one another only through the three places: whatever one of them must hear of another
stands in the record.
"""

from collections.abc import Collection
from enum import StrEnum
from urllib.parse import urlsplit

from lingula.errors import SettingsError
from lingula.settings import Settings

_OF_ONE_PROCESS = "memory"


class Part(StrEnum):
    """What a process does."""

    RECEIVE = "receive"  # the doors through which radiographs come
    WORK = "work"  # assessing, and looking after what was lost
    WEB = "web"  # pages, and the API that reads and reviews


ALL = frozenset(Part)


def is_alone(settings: Settings) -> bool:
    """Tell whether a place lives in this process's memory, so that no other process can share the work."""
    return any(_is_of_one_process(url) for url in (settings.store_url, settings.queue_url, settings.records_url))


def must_be_shared(settings: Settings, parts: Collection[Part]) -> None:
    """Return if these parts can work with the places the settings name.

    Raises
    ------
    SettingsError
        If a part that needs others is told of a place that lives in one process's memory; says what to set.
    """
    if frozenset(parts) >= ALL:
        return
    places = {
        "LINGULA_STORE_URL": (settings.store_url, "s3://bucket/prefix, or file:///folder on a disk all parts see"),
        "LINGULA_QUEUE_URL": (settings.queue_url, "nats://, kafka:// or redis://"),
        "LINGULA_RECORDS_URL": (settings.records_url, "postgresql://, or sqlite:///file where all parts run here"),
    }
    for name, (url, advice) in places.items():
        if _is_of_one_process(url):
            raise SettingsError(
                f"{name} is {url.split('?', maxsplit=1)[0]}, which lives in one process and no other part sees it: "
                f"set it to {advice} for every part, or run everything in one process with `lingula serve`"
            )


def _is_of_one_process(url: str) -> bool:
    return urlsplit(url).scheme == _OF_ONE_PROCESS
