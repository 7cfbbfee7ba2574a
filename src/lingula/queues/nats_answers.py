"""Answers to what is published: many messages, one waiting.

The driver's own `request` makes a future, a timer and a task for each message. Here a group of messages shares one
subject for its answers, under one subscription for the life of the connection; whoever asks bounds the time.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoRespondersError

_NOBODY = "503"


@dataclass(frozen=True, kw_only=True)
class _Group:
    """Messages whose answers are awaited together."""

    size: int
    whole: "asyncio.Future[list[Msg]]"
    answers: list[Msg] = field(default_factory=list)


class NatsAnswers:
    """Publishes messages and waits for one answer to each; lives in the connection's event loop."""

    def __init__(self) -> None:
        self._client: Client | None = None
        self._inbox = ""
        self._numbers = count()
        self._groups: dict[str, _Group] = {}

    async def to(self, client: Client, messages: Sequence[tuple[str, bytes]]) -> Sequence[Msg]:
        """Publish messages, each on its subject, and give their answers as they came.

        Raises
        ------
        NoRespondersError
            If nobody listens to one of them.
        """
        if not messages:
            return []
        if client is not self._client:
            self._inbox = client.new_inbox()
            await client.subscribe(f"{self._inbox}.*", cb=self._take_in)
            self._client = client
        reply = f"{self._inbox}.{next(self._numbers)}"
        group = _Group(size=len(messages), whole=asyncio.get_running_loop().create_future())
        self._groups[reply] = group
        try:
            for subject, data in messages:
                await client.publish(subject, data, reply=reply)
            answers = await group.whole
        finally:
            del self._groups[reply]
        if any((answer.headers or {}).get("Status") == _NOBODY for answer in answers):
            raise NoRespondersError
        return answers

    async def _take_in(self, answer: Msg) -> None:
        group = self._groups.get(answer.subject)
        if group is None:
            return  # too late: nobody waits any more
        group.answers.append(answer)
        if len(group.answers) == group.size and not group.whole.done():
            group.whole.set_result(group.answers)
