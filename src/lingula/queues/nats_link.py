"""One connection to NATS, for threads: the driver is asynchronous, so it lives in an event loop of its own thread.

The connection is made when it is first needed, and again for ever when it is lost; while there is none, every call
fails at once instead of hanging.
"""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from threading import Lock, Thread
from typing import TypeVar

from nats.aio.client import Client
from nats.errors import Error as NatsError

from lingula.errors import BackendUnavailable
from lingula.queues.address import TLS_OPTIONS, Address

_T = TypeVar("_T")

ANSWER_SECONDS = 5.0
_CONNECT_SECONDS = 3.0  # how long the first call waits for the connection
_RECONNECT_EVERY_SECONDS = 0.5
_PING_EVERY_SECONDS = 5  # two unanswered: the connection is dead, even if nobody said so


class _OnlyOverTls(Client):
    """Says nothing, no password least of all, to a server that offers no TLS.

    The driver goes on in the clear if the server, or whoever sits in between, does not ask for TLS. Its own
    `tls_handshake_first` needs servers from 2.10.4. To be removed once no older server matters, or the driver refuses.
    """

    async def _process_info(self, info: dict[str, object], initial_connection: bool = False) -> None:  # noqa: FBT001, FBT002 - the driver's
        if initial_connection and not info.get("tls_required"):
            raise NatsError("the server offers no TLS, which tls:// asks for; let it require TLS, or use nats://")
        await super()._process_info(info, initial_connection)


class NatsLink:
    """Runs coroutines on the connection, from any thread.

    >>> link = NatsLink(address)  # doctest: +SKIP
    >>> link.call(lambda client: client.request("time.now", b""))  # doctest: +SKIP
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._tls = _tls(address)
        self._lock = Lock()
        self._thread: Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: Client | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._wait_until = 0.0
        self._last_error = "no answer yet"
        self._is_closed = False

    @property
    def where(self) -> str:
        """The servers, for people."""
        return self._address.shown

    def call(self, work: Callable[[Client], Awaitable[_T]], wait_seconds: float = 0.0) -> _T:
        """Do something with the connection and give its result.

        Parameters
        ----------
        wait_seconds
            How much longer than usual the answer may take.

        Raises
        ------
        BackendUnavailable
            If there is no connection, the server refuses, or it does not answer in time.
        """
        loop = self._running_loop()
        limit = ANSWER_SECONDS + wait_seconds
        future = asyncio.run_coroutine_threadsafe(self._bounded(work, limit), loop)
        try:
            return future.result(limit + _CONNECT_SECONDS + 1)
        except (NatsError, OSError, TimeoutError) as error:
            future.cancel()
            raise self.unavailable(str(error) or type(error).__name__) from error

    def unavailable(self, why: str) -> BackendUnavailable:
        """Make the error that says so."""
        return BackendUnavailable(f"NATS at {self.where} does not answer: {self._address.with_advice(why)}")

    def close(self) -> None:
        """Close the connection and end its thread."""
        with self._lock:
            self._is_closed = True
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._close(), loop).result(ANSWER_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(ANSWER_SECONDS)
        loop.close()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._is_closed:
                raise self.unavailable("it was closed here")
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._wait_until = time.monotonic() + _CONNECT_SECONDS
                self._thread = Thread(target=self._loop.run_forever, name="nats", daemon=True)
                self._thread.start()
            return self._loop

    async def _bounded(self, work: Callable[[Client], Awaitable[_T]], seconds: float) -> _T:
        client = await self._connected()
        async with asyncio.timeout(seconds):
            return await work(client)

    async def _connected(self) -> Client:
        if self._client is None or self._connecting is None:
            self._client = Client() if self._tls is None else _OnlyOverTls()
            self._connecting = asyncio.create_task(self._connect(self._client))
        if not self._connecting.done():
            await asyncio.wait([self._connecting], timeout=max(0.0, self._wait_until - time.monotonic()))
        if not self._client.is_connected:
            raise self.unavailable(self._last_error)
        return self._client

    async def _connect(self, client: Client) -> None:
        async def note(error: Exception) -> None:
            self._last_error = f"{type(error).__name__} {error}".strip()

        await client.connect(
            servers=[f"{self._address.scheme}://{host}" for host in self._address.hosts],
            user=self._address.user,
            password=self._address.password if self._address.user is not None else None,
            token=self._address.password if self._address.user is None else None,
            tls=self._tls,
            name="lingula",
            error_cb=note,
            connect_timeout=2,
            reconnect_time_wait=_RECONNECT_EVERY_SECONDS,  # type: ignore[arg-type] # seconds, of any kind
            max_reconnect_attempts=-1,
            ping_interval=_PING_EVERY_SECONDS,
        )

    async def _close(self) -> None:
        if self._connecting is not None and not self._connecting.done():
            self._connecting.cancel()
            await asyncio.wait([self._connecting])
        if self._client is not None:
            try:
                await asyncio.wait_for(self._client.close(), _CONNECT_SECONDS)
            except (NatsError, OSError, TimeoutError):
                return  # it is gone already
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


def _tls(address: Address) -> ssl.SSLContext | None:
    files = {option: address.file(option) for option in TLS_OPTIONS}
    if address.scheme != "tls":
        if any(files.values()):
            raise address.refused(f"{', '.join(TLS_OPTIONS)} belong to tls://")
        return None
    try:
        context = ssl.create_default_context(cafile=files["ca"])
        if files["certificate"] is not None:
            context.load_cert_chain(files["certificate"], files["key"])
    except (ssl.SSLError, OSError) as error:
        raise address.refused(f"the certificates cannot be used: {error}") from error
    return context
