"""What happens, as it happens: server-sent events that can be taken up again where they stopped.

The events are the timeline, read from the record; the hub only says when to look. So an id is the record's own number,
and a page that was away for an hour catches up by sending it back.

References
----------
WHATWG HTML, Server-sent events.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import StreamingResponse

from lingula.doors.http.door import ADoor, Door
from lingula.doors.http.problems import LoginNeeded
from lingula.doors.http.security import Caller
from lingula.doors.http.shapes import PREFIX
from lingula.doors.http.shapes_study import TimelineShape
from lingula.errors import BackendUnavailable
from lingula.records.records import TimelineEntry
from lingula.wiring import Signal

AT_A_TIME = 200  # entries
SIGN_OF_LIFE_SECONDS = 15.0  # proxies close what stays silent
GATHER_SECONDS = 0.4  # what happens within is sent together
RETRY_MILLISECONDS = 3000

router = APIRouter(prefix=PREFIX, tags=["events"])
logger = logging.getLogger(__name__)


class EventStream(StreamingResponse):
    """A stream of server-sent events."""

    media_type = "text/event-stream"


@router.get(
    "/events",
    response_class=EventStream,
    responses={200: {"description": "One event for each thing that happens; `data` is a TimelineShape as JSON."}},
    summary="What happens, as it happens",
)
async def events(
    request: Request,
    door: ADoor,
    last_event_id: Annotated[
        str | None, Header(pattern=r"^[0-9]{1,18}$", description="Send what happened after this number.")
    ] = None,
) -> EventStream:
    """Stream the timeline of the caller's sites; without `Last-Event-ID` from now on."""
    caller = await run_in_threadpool(door.gate.caller, request)
    caller.must_read()
    door.listeners.check(1)
    after = int(last_event_id) if last_event_id is not None else await _newest(door, caller)
    return EventStream(_stream(request, door, caller, after))


async def _newest(door: Door, caller: Caller) -> int:
    entries = await run_in_threadpool(door.system.records.timeline, -1, caller.sites, 1)
    return entries[-1].number if entries else 0


async def _stream(request: Request, door: Door, caller: Caller, after: int) -> AsyncIterator[str]:
    with door.listeners.reserve(1), door.system.hub.listen() as listening:
        yield f"retry: {RETRY_MILLISECONDS}\n\n"
        try:
            async for told in _tell(request, door, caller, after, listening):
                yield told
        except BackendUnavailable as error:  # half an answer is out; the page asks again by itself
            logger.warning("a page stops following events", extra={"action": "events_stopped", "reason": str(error)})


async def _tell(request: Request, door: Door, caller: Caller, after: int, listening: Signal) -> AsyncIterator[str]:
    while True:
        read = partial(door.system.records.timeline, after, caller.sites, AT_A_TIME)
        entries = await run_in_threadpool(read)
        if entries:
            after = entries[-1].number
            yield "".join(_write(entry) for entry in entries)
        if len(entries) == AT_A_TIME:
            continue
        if not await listening.changed(SIGN_OF_LIFE_SECONDS):
            yield ": still here\n\n"
            if not await run_in_threadpool(_may_stay, request, door):
                return
        await asyncio.sleep(GATHER_SECONDS)


def _may_stay(request: Request, door: Door) -> bool:
    """Tell whether the session or key still holds; one that ended ends its stream."""
    try:
        door.gate.caller(request, is_refresh=True)
    except LoginNeeded:
        return False
    return True


def _write(entry: TimelineEntry) -> str:
    return f"id: {entry.number}\nevent: {entry.action}\ndata: {TimelineShape.of(entry).model_dump_json()}\n\n"
