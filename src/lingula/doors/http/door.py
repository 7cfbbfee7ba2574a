"""What every route of this door shares: the running system, who may pass, and one small pool of threads for uploads.

The core is synchronous, so routes that ask it are plain functions, which FastAPI runs in threads. Only uploads and
events, which mostly wait, are coroutines; an upload makes one hop into the pool, where the disk is waited for.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, TypeVar

from fastapi import Depends
from starlette.requests import Request

from lingula.doors.bucket.arrivals import Arrivals
from lingula.doors.http.access import AccessNotes
from lingula.doors.http.budget import Budget
from lingula.doors.http.pictures import Thumbnails
from lingula.doors.http.security import Caller, Gate, Origins, bearer_key, machine
from lingula.doors.http.sessions import Sessions, cookie_name
from lingula.doors.http.throttle import Throttle
from lingula.wiring import System

FORM_BYTES = 64 * 1024  # what a form may add around the radiograph
MOST_LISTENERS = 200

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Door:
    """The shared parts; made once by `open_door`."""

    system: System
    origins: Origins
    cookie: str
    gate: Gate
    sessions: Sessions
    access: AccessNotes
    uploads: Budget  # bytes
    listeners: Budget
    pool: ThreadPoolExecutor
    thumbnails: Thumbnails
    pushed: Arrivals  # objects that notifications tell of

    async def in_pool(self, work: Callable[[], T]) -> T:
        """Let one of the upload threads do something and wait for it."""
        return await asyncio.get_running_loop().run_in_executor(self.pool, work)

    async def sender(self, request: Request) -> Caller:
        """Tell who sends; without a hop to a thread for a key that was seen a moment ago."""
        key = bearer_key(request)
        site = self.gate.remembered_site(key) if key else None
        return machine(site) if site else await self.in_pool(lambda: self.gate.caller(request))

    def close(self) -> None:
        """Let the threads finish what they have and end them."""
        self.pool.shutdown(wait=True)
        self.pushed.close()


def open_door(system: System) -> Door:
    """Make the shared parts from the system and its settings."""
    settings = system.settings
    origins = Origins(public_url=settings.public_url)
    cookie = cookie_name(is_https=origins.is_https)
    idle = timedelta(minutes=settings.session_idle_minutes)
    lasts = timedelta(hours=settings.session_hours)
    return Door(
        system=system,
        origins=origins,
        cookie=cookie,
        gate=Gate(system.accounts, system.clock, origins, idle, cookie),
        sessions=Sessions(system.accounts, system.clock, lasts, Throttle()),
        access=AccessNotes(system.accounts, system.clock),
        uploads=Budget(
            max(settings.uploads_in_flight_bytes, settings.upload_limit_bytes + FORM_BYTES),
            "more is being received than fits into memory; keep the original and send it again in a moment",
        ),
        listeners=Budget(MOST_LISTENERS, "too many pages listen for events; they refresh when they are loaded again"),
        pool=ThreadPoolExecutor(settings.receive_threads, thread_name_prefix="lingula-receive"),
        thumbnails=Thumbnails(),
        pushed=Arrivals(system),
    )


def door_in(request: Request) -> Door:
    """Give the door of the application that serves this request."""
    door = request.app.state.door
    if not isinstance(door, Door):
        raise TypeError("the application was made without create_app")
    return door


async def door_of(request: Request) -> Door:
    """Give the door; a coroutine, so that FastAPI does not hop to a thread for it."""
    return door_in(request)


ADoor = Annotated[Door, Depends(door_of)]


def caller_of(request: Request, door: ADoor) -> Caller:
    """Tell who asks; runs in a thread, because the records are asked."""
    return door.gate.caller(request)


ACaller = Annotated[Caller, Depends(caller_of)]
