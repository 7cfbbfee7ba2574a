"""A JetStream stream read by one durable pull consumer that all workers share.

The server keeps the leases: what is not acknowledged in time it hands out again. A receipt is the subject on which a
message is acknowledged, so any process can do it, and nothing is remembered here but how many leases are ours.

References
----------
NATS ADR-13, pull subscriptions, and ADR-15, JetStream subscribing workflow: https://github.com/nats-io/nats-architecture-and-design.
"""

import json
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from threading import Lock
from typing import TypeVar

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, StreamConfig
from nats.js.errors import APIError, BadRequestError, NoStreamResponseError, NotFoundError

from lingula.gathering import Gathering
from lingula.queues.nats_answers import NatsAnswers
from lingula.queues.nats_link import ANSWER_SECONDS, NatsLink

_T = TypeVar("_T")

_NAME_IN_USE = 10058  # the server's code for a stream that exists with another configuration
_GRACE_SECONDS = 1.0  # for the server to say that nothing came


class _Gone(NatsError):
    """The consumer is no more."""


class NatsStream:
    """Leases messages of one stream.

    Parameters
    ----------
    stream
        How the stream is made if none holds its subject.
    consumer
        The durable consumer; its `ack_wait` is the lease, in seconds.
    """

    def __init__(self, link: NatsLink, stream: StreamConfig, consumer: ConsumerConfig) -> None:
        self._link = link
        self._config = stream
        self._consumer = consumer
        self._stream: str | None = None  # its name, once it is known to be there
        self._leases: dict[str, float] = {}  # our own: receipts and when they end
        self._lock = Lock()
        self._answers = NatsAnswers()
        self._puts = Gathering(self._put_all)

    def put(self, data: bytes) -> None:
        """Publish, perhaps together with what other threads put, and wait until the server has it.

        Raises
        ------
        BackendUnavailable
            If it does not say that it has.
        """
        self._puts.ask(data)

    def _put_all(self, some: Sequence[bytes]) -> Sequence[None]:
        (subject,) = self._config.subjects or [""]

        async def publish(client: Client, _: str) -> None:
            # No Nats-Msg-Id: within its window it would swallow a second note that is wanted, such as a replay's.
            for answer in await self._answers.to(client, [(subject, data) for data in some]):
                if b'"error"' in answer.data:
                    raise APIError.from_error(json.loads(answer.data)["error"])

        self._do(publish)
        return [None] * len(some)

    def take(self, at_most: int, wait_seconds: float) -> Sequence[tuple[bytes, str]]:
        """Lease up to `at_most` messages and give their data and receipts; raises `BackendUnavailable`."""
        durable = self._consumer.durable_name
        deadline = time.monotonic() + wait_seconds

        async def pull(client: Client, stream: str) -> list[Msg]:
            subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}"
            taken = await _pull(client, subject, at_most, 0.0)
            left = deadline - time.monotonic()
            if not taken and left > 0:
                taken = await _pull(client, subject, 1, left)
                if taken and at_most > 1:
                    taken += await _pull(client, subject, at_most - 1, 0.0)
            return taken

        messages = self._do(pull, wait_seconds + _GRACE_SECONDS)
        until = time.monotonic() + (self._consumer.ack_wait or 0.0)
        with self._lock:
            self._leases.update((message.reply, until) for message in messages)
        return [(message.data, message.reply) for message in messages]

    def done(self, *receipts: str) -> None:
        """Take messages away for good; raises `BackendUnavailable`."""
        self._answer(receipts, b"+ACK")

    def give_back(self, receipt: str, delay_seconds: float) -> None:
        """Let the server hand a message out again after a delay; raises `BackendUnavailable`."""
        delay = json.dumps({"delay": round(delay_seconds * 1e9)}) if delay_seconds > 0 else ""
        with self._lock:
            is_ours = self._leases.get(receipt, 0.0) > time.monotonic()
        if is_ours:  # or else it may be somebody else's already
            self._answer([receipt], f"-NAK {delay}".strip().encode())

    def depth(self) -> int:
        """Count messages waiting, delayed, or leased to other processes; raises `BackendUnavailable`."""
        durable = self._consumer.durable_name or ""

        async def count(client: Client, stream: str) -> int:
            known = await client.jetstream().consumer_info(stream, durable, timeout=ANSWER_SECONDS)
            return (known.num_pending or 0) + (known.num_ack_pending or 0)

        held = self._do(count)
        now = time.monotonic()
        with self._lock:
            self._leases = {receipt: until for receipt, until in self._leases.items() if until > now}
            return max(0, held - len(self._leases))

    def check(self) -> None:
        """Return if the server answers and JetStream is on; raises `BackendUnavailable`."""

        async def look(client: Client) -> None:
            await client.jetstream().account_info()

        self._link.call(look)

    def close(self) -> None:
        """Close the connection."""
        self._link.close()

    def _answer(self, receipts: Sequence[str], word: bytes) -> None:
        async def answer(client: Client) -> None:
            with suppress(NoRespondersError):  # the consumer is no more, and so is this lease
                await self._answers.to(client, [(receipt, word) for receipt in receipts])

        self._link.call(answer)
        with self._lock:
            for receipt in receipts:
                self._leases.pop(receipt, None)

    def _do(self, work: Callable[[Client, str], Awaitable[_T]], wait_seconds: float = 0.0) -> _T:
        """Do something with the stream; if the server has lost it, make it and try once more."""

        async def attempt(client: Client) -> _T:
            was_known = self._stream is not None
            try:
                return await work(client, await self._ensured(client))
            except (NoRespondersError, NoStreamResponseError, NotFoundError, _Gone):
                self._stream = None
                if not was_known:
                    raise
            return await work(client, await self._ensured(client))

        return self._link.call(attempt, wait_seconds)

    async def _ensured(self, client: Client) -> str:
        if self._stream is None:
            context = client.jetstream()
            name = await self._found_or_made(context)
            await context.add_consumer(name, self._consumer, timeout=ANSWER_SECONDS)
            self._stream = name
        return self._stream

    async def _found_or_made(self, context: JetStreamContext) -> str:
        (subject,) = self._config.subjects or [""]
        try:
            return await context.find_stream_name_by_subject(subject)
        except NotFoundError:
            name = self._config.name or ""
        try:
            await context.add_stream(self._config)
        except BadRequestError as error:
            if error.err_code != _NAME_IN_USE:  # another process was quicker
                raise
        return name


async def _pull(client: Client, subject: str, at_most: int, wait_seconds: float) -> list[Msg]:
    """Ask the server for messages; each request has an inbox of its own, so threads never take each other's."""
    inbox = client.new_inbox()
    asked = {"batch": at_most, **({"expires": int(wait_seconds * 1e9)} if wait_seconds > 0 else {"no_wait": True})}
    answers = await client.subscribe(inbox)
    try:
        await client.publish(subject, json.dumps(asked).encode(), reply=inbox)
        return await _collect(answers, at_most, wait_seconds + (_GRACE_SECONDS if wait_seconds > 0 else ANSWER_SECONDS))
    finally:
        with suppress(NatsError):  # or else the connection is gone, and the subscription with it
            await answers.unsubscribe()


async def _collect(answers: Subscription, at_most: int, limit_seconds: float) -> list[Msg]:
    taken: list[Msg] = []
    deadline = time.monotonic() + limit_seconds
    while len(taken) < at_most:
        try:
            message = await answers.next_msg(timeout=max(0.0, deadline - time.monotonic()))
        except NatsTimeoutError:
            if taken:
                break  # what was handed out is ours, whatever became of the rest
            raise
        status = (message.headers or {}).get("Status")
        if status in {"404", "408"}:  # nothing there, nothing came
            break
        if status is not None:
            if taken:
                break
            raise _Gone(f"the server says {status} {(message.headers or {}).get('Description', '')}")
        taken.append(message)
    return taken
