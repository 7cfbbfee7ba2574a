"""A Redis key that others write to: a list, as MinIO's ``format=access`` does, or a stream.

What stands in a list is moved into a stream of ours, one script at a time, so that it is leased like any other message
and nothing is lost between taking and doing. A stream of others is read by a group of ours and left as it is. What is
published on a channel (PUBLISH) is gone if nobody listens: it cannot be read at least once, and is not read here.

References
----------
MinIO, internal/event/target/redis.go: RPUSH of one JSON array for each event (access), HSET (namespace).
"""

import time
from collections.abc import Sequence

import redis

from lingula.errors import BackendUnavailable
from lingula.queues.redis_stream import Entry, RedisStream, open_redis
from lingula.queues.topic import DEFAULT_NAME, SETTING, Message

_LOOK_AGAIN_SECONDS = 0.25  # a list cannot be waited at together with a stream
_FIELDS = ("data", "message", "value", "body", "event", "notification")  # where publishers put what they say

_MOVE = """
local kind = redis.call('TYPE', KEYS[1])['ok']
if kind == 'list' then
  for _, data in ipairs(redis.call('LRANGE', KEYS[1], 0, ARGV[1] - 1)) do
    redis.call('XADD', KEYS[2], '*', 'data', data)
  end
  redis.call('LTRIM', KEYS[1], ARGV[1], -1)
end
return kind
"""
_MOST_MOVED = 100


class RedisTopic:
    """Messages of one key.

    >>> topic = RedisTopic.from_url("redis://127.0.0.1:6379/0?stream=xray-images&lease_seconds=60")
    """

    def __init__(self, client: redis.Redis, key: str, theirs: RedisStream, ours: RedisStream) -> None:
        self._keys = [key, _our_key(key)]
        self._theirs = theirs
        self._ours = ours
        self._move = client.register_script(_MOVE)

    @classmethod
    def from_url(cls, url: str) -> "RedisTopic":
        """Open ``redis://[user:password@]host:6379/0?stream=KEY&lease_seconds=60``; ``rediss://`` with TLS.

        Raises
        ------
        SettingsError
            If the URL is of another form.
        """
        address, client = open_redis(url, SETTING)
        key = address.named(address.options.get("stream", DEFAULT_NAME), "[A-Za-z0-9:._-]{1,200}", "stream")
        lease_seconds = address.seconds("lease_seconds", 60.0)
        theirs = RedisStream(client, address, key=key, lease_seconds=lease_seconds, is_ours=False)
        ours = RedisStream(client, address, key=_our_key(key), lease_seconds=lease_seconds)
        return cls(client, key, theirs, ours)

    def take(self, at_most: int, wait_seconds: float) -> Sequence[Message]:
        """Lease up to `at_most` messages; raises `BackendUnavailable`."""
        deadline = time.monotonic() + wait_seconds
        while True:
            stream, mark = (self._theirs, "t") if self._kind() == "stream" else (self._ours, "o")
            left = deadline - time.monotonic()
            entries = stream.take(at_most, max(0.0, min(left, _LOOK_AGAIN_SECONDS)))
            if entries or left <= 0:
                return [Message(data=_payload(entry), receipt=f"{mark}{entry.receipt}") for entry in entries]

    def done(self, message: Message) -> None:
        """Acknowledge a message; raises `BackendUnavailable`."""
        stream = self._theirs if message.receipt.startswith("t") else self._ours
        stream.done(message.receipt[1:])

    def check(self) -> None:
        """Return if Redis answers and the key can be read; raises `BackendUnavailable`."""
        self._ours.check()
        self._kind()

    def close(self) -> None:
        """Let go of all connections."""
        self._ours.close()

    def _kind(self) -> str:
        """Tell what kind of key it is, once what a list holds has been moved."""
        with self._ours.translated():
            answer = self._move(keys=self._keys, args=[_MOST_MOVED])
        kind = bytes(answer).decode("ascii")
        if kind not in {"list", "stream", "none"}:
            raise BackendUnavailable(
                f"Redis key {self._keys[0]!r} is a {kind}; a list or a stream can be read (MinIO: format=access)"
            )
        return kind


def _our_key(key: str) -> str:
    return f"{{{key}}}:lingula"


def _payload(entry: Entry) -> bytes:
    """Give what a publisher said: the only field, or the one of a usual name."""
    if len(entry.fields) == 1:
        return next(iter(entry.fields.values()))
    return next((entry.fields[name] for name in _FIELDS if name in entry.fields), b"")
