"""The worklist page around its rows: the summary, the filters, the pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from lingula.doors.http.shapes_study import StudiesQuery
from lingula.doors.http.views import waiting_words
from lingula.modelpackage.manifest import Manifest
from lingula.radiology.study import Band, Priority, Status
from lingula.records.records import Summary


@dataclass(frozen=True, kw_only=True)
class Choice:
    """An option of a filter; an empty value means any."""

    value: str
    words: str


@dataclass(frozen=True, kw_only=True)
class Choices:
    """The options of every filter."""

    priorities: Sequence[Choice]
    bands: Sequence[Choice]
    statuses: Sequence[Choice]
    sites: Sequence[Choice]
    reviewed: Sequence[Choice]


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What is filtered for now."""

    priority: str | None
    band: str | None
    status: str | None
    site: str | None
    reviewed: str
    q: str | None
    is_any: bool


@dataclass(frozen=True, kw_only=True)
class Pages:
    """Where one is among the pages of the list."""

    number: int
    last: int
    previous_url: str | None
    next_url: str | None


@dataclass(frozen=True, kw_only=True)
class Count:
    """How many studies of a priority are to be read; a link to them."""

    name: str
    number: int
    url: str
    is_chosen: bool


def url_of(query: StudiesQuery, **changes: str | int | None) -> str:
    """Give the address of the list with something changed."""
    values = {**query.model_dump(mode="json", exclude_defaults=True), **changes}
    kept = {name: value for name, value in values.items() if value is not None}
    return f"/?{urlencode(kept)}" if kept else "/"


def pages_of(query: StudiesQuery, total: int, page_size: int) -> Pages:
    """Say where one is, and where the next and the previous page are."""
    last = max(1, -(-total // page_size))
    return Pages(
        number=query.page,
        last=last,
        previous_url=url_of(query, page=min(query.page - 1, last)) if query.page > 1 else None,
        next_url=url_of(query, page=query.page + 1) if query.page < last else None,
    )


def summary_values(summary: Summary, query: StudiesQuery, now: datetime) -> dict[str, object]:
    """Give the line above the list, and the counts beside it."""
    counts = [
        Count(
            name=priority,
            number=summary.by_priority.get(priority, 0),
            url=url_of(query, priority=None if query.priority is priority else priority.value, page=None),
            is_chosen=query.priority is priority,
        )
        for priority in Priority
    ]
    return {"summary": summary, "summary_line": summary_words(summary, now), "counts": counts}


def summary_words(summary: Summary, now: datetime) -> str:
    """Say in one line how things stand."""
    if summary.unreviewed == 0:
        first = "Nothing to read"
    else:
        studies = "study" if summary.unreviewed == 1 else "studies"
        first = f"{summary.unreviewed} {studies} to read"
    parts = [first]
    if summary.oldest_received_at is not None:
        parts.append(f"longest wait {waiting_words(summary.oldest_received_at, now)}")
    waiting = summary.by_status.get(Status.RECEIVED, 0)
    if waiting:
        parts.append(f"{waiting} being assessed")
    if summary.parked:
        parts.append(f"{summary.parked} could not be assessed")
    parts.append(f"{summary.reviewed} read")
    return " · ".join(parts)


def choice_values(query: StudiesQuery, sites: Sequence[str]) -> dict[str, object]:
    """Give the filters' options and what is chosen."""
    any_one = Choice(value="", words="any")
    choices = Choices(
        priorities=[any_one, *(Choice(value=one, words=one) for one in Priority)],
        bands=[any_one, *(Choice(value=one, words=one) for one in Band)],
        statuses=[any_one, *(Choice(value=one, words=one) for one in Status)],
        sites=[any_one, *(Choice(value=one, words=one) for one in sites)],
        reviewed=[
            Choice(value="", words="to read"),
            Choice(value="yes", words="already read"),
            Choice(value="all", words="both"),
        ],
    )
    chosen = Chosen(
        priority=query.priority,
        band=query.band,
        status=query.status,
        site=query.site,
        reviewed="" if query.reviewed == "no" else query.reviewed,
        q=query.q,
        is_any=url_of(query, page=None) != "/",
    )
    return {"choices": choices, "chosen": chosen}


def model_line(manifest: Manifest) -> str:
    """Name the package that assesses now and whom it is for."""
    return f"Model {manifest.name} {manifest.version}, for {manifest.intended_use.population}."
