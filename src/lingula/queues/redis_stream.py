"""A Redis stream read by a group: leases, returns and delays, each step one script, so that none is done by half.

All processes share one consumer name: a lease is the time an entry has been pending, whoever took it, and so no names
of processes long gone pile up. Times are the server's. After a restart with empty data the group is made again.

References
----------
Redis commands XREADGROUP, XPENDING (IDLE, since 6.2), XCLAIM; https://redis.io/docs/latest/develop/data-types/streams/.
"""

import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from lingula.errors import BackendUnavailable
from lingula.queues.address import TLS_OPTIONS, Address, read_address

_T = TypeVar("_T")

OPTIONS = ("stream", "lease_seconds", *TLS_OPTIONS)
_ANSWER_SECONDS = 5.0  # a script on a busy server takes milliseconds
_CONNECT_SECONDS = 2.0
_LOOK_AGAIN_SECONDS = 1.0  # how late a lease that has ended is seen by who waits, at most
_CONSUMER = "lingula"

_TAKE = """
local now = redis.call('TIME')
local now_ms = now[1] * 1000 + math.floor(now[2] / 1000)
for _, data in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now_ms, 'LIMIT', 0, 1000)) do
  redis.call('XADD', KEYS[1], '*', 'data', data)
  redis.call('ZREM', KEYS[2], data)
end
local taken = {}
local ended = redis.call('XPENDING', KEYS[1], ARGV[1], 'IDLE', ARGV[3], '-', '+', ARGV[4])
for _, lease in ipairs(ended) do
  local entry = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], lease[1])[1]
  if entry then
    taken[#taken + 1] = {entry[1], lease[4] + 1, entry[2]}
  else
    redis.call('XACK', KEYS[1], ARGV[1], lease[1])
  end
end
local room = ARGV[4] - #taken
if room > 0 then
  local new = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', room, 'STREAMS', KEYS[1], '>')
  if new then
    for _, entry in ipairs(new[1][2]) do taken[#taken + 1] = {entry[1], 1, entry[2]} end
  end
end
local first = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
local due_ms = -1
if first[2] then due_ms = math.max(1, tonumber(first[2]) - now_ms) end
return {due_ms, taken}
"""

_DONE = """
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
if ARGV[3] == '1' then redis.call('XDEL', KEYS[1], ARGV[2]) end
"""

_GIVE_BACK = """
local lease = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[2], ARGV[2], 1)[1]
if not lease or lease[4] ~= tonumber(ARGV[3]) then return end
local entry = redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2])[1]
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
redis.call('XDEL', KEYS[1], ARGV[2])
if not entry then return end
local data = entry[2][2]
if tonumber(ARGV[4]) <= 0 then
  redis.call('XADD', KEYS[1], '*', 'data', data)
else
  local now = redis.call('TIME')
  redis.call('ZADD', KEYS[2], 'LT', now[1] * 1000 + math.floor(now[2] / 1000) + ARGV[4], data)
end
"""

_DEPTH = """
local leases = redis.pcall('XPENDING', KEYS[1], ARGV[1])
local leased = 0
if not leases['err'] then leased = leases[1] end
return math.max(0, redis.call('XLEN', KEYS[1]) - leased) + redis.call('ZCARD', KEYS[2])
"""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry of the stream in our hands; `deliveries` counts how often it was handed out."""

    name: str
    deliveries: int
    fields: Mapping[str, bytes]

    @property
    def receipt(self) -> str:
        """The name of this handing-out."""
        return f"{self.name}/{self.deliveries}"


def open_redis(url: str, setting: str) -> "tuple[Address, redis.Redis]":
    """Read a URL and make its client, which connects when it is first used; raises `SettingsError`."""
    address = read_address(url, setting=setting, port=6379, options=OPTIONS)
    if len(address.hosts) != 1:
        raise address.refused("one server must be named; Sentinel and Cluster are not spoken")
    database = address.named(address.name or "0", "[0-9]{1,4}", "database")
    host, _, port = address.hosts[0].rpartition(":")
    files = {option: address.file(option) for option in TLS_OPTIONS}
    if address.scheme != "rediss" and any(files.values()):
        raise address.refused(f"{', '.join(TLS_OPTIONS)} belong to rediss://")
    return address, redis.Redis(
        host=host.strip("[]"),
        port=int(port),
        db=int(database),
        username=address.user,
        password=address.password,
        protocol=2,
        socket_timeout=_ANSWER_SECONDS,
        socket_connect_timeout=_CONNECT_SECONDS,
        # Once: a connection that died while it was idle. Who did not answer in time is not asked again.
        retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
        ssl=address.scheme == "rediss",
        ssl_cert_reqs="required",
        ssl_check_hostname=True,
        ssl_min_version=ssl.TLSVersion.TLSv1_2,
        ssl_ca_certs=files["ca"],
        ssl_certfile=files["certificate"],
        ssl_keyfile=files["key"],
    )


class RedisStream:
    """Leases entries of one stream; what is put or given back carries its bytes in the field ``data``.

    Parameters
    ----------
    is_ours
        Whether entries that are done are deleted; in a stream of others they are only acknowledged.
    """

    def __init__(
        self, client: redis.Redis, address: Address, *, key: str, lease_seconds: float, is_ours: bool = True
    ) -> None:
        self._client = client
        self._address = address
        # A name in braces alone decides the slot, so both keys live together on a cluster's proxy.
        self._keys = [key, f"{{{key}}}:delayed"]
        self._lease_seconds = lease_seconds
        self._is_ours = is_ours
        self._take, self._done, self._give_back, self._depth = (
            client.register_script(script) for script in (_TAKE, _DONE, _GIVE_BACK, _DEPTH)
        )

    def put(self, data: bytes) -> None:
        """Add an entry; raises `BackendUnavailable`."""
        with self.translated():
            self._client.xadd(self._keys[0], {"data": data})

    def take(self, at_most: int, wait_seconds: float) -> Sequence[Entry]:
        """Lease up to `at_most` entries, waiting up to `wait_seconds` for the first; raises `BackendUnavailable`."""
        deadline = time.monotonic() + wait_seconds
        while True:
            due_seconds, entries = self._taken(at_most)
            left = deadline - time.monotonic()
            if entries or left <= 0:
                return entries
            entries = self._wait(at_most, min(left, due_seconds, _LOOK_AGAIN_SECONDS, self._lease_seconds / 4))
            if entries:
                return entries

    def done(self, receipt: str) -> None:
        """Take an entry away for good; raises `BackendUnavailable`."""
        name, _, _ = receipt.partition("/")
        with self.translated():
            self._done(keys=self._keys, args=[_CONSUMER, name, int(self._is_ours)])

    def give_back(self, receipt: str, delay_seconds: float) -> None:
        """Hand an entry to somebody else after a delay, if it is still ours; raises `BackendUnavailable`."""
        name, _, deliveries = receipt.partition("/")
        arguments: list[str | int] = [_CONSUMER, name, int(deliveries), round(delay_seconds * 1000)]
        with self.translated():
            self._asked(lambda: self._give_back(keys=self._keys, args=arguments))

    def depth(self) -> int:
        """Count entries that wait or are delayed; raises `BackendUnavailable`."""
        with self.translated():
            return int(self._depth(keys=self._keys, args=[_CONSUMER]))

    def check(self) -> None:
        """Return if the server answers; raises `BackendUnavailable`."""
        with self.translated():
            self._client.ping()

    def close(self) -> None:
        """Let go of all connections."""
        self._client.close()

    def _taken(self, at_most: int) -> tuple[float, list[Entry]]:
        """Take what is there now; also the seconds until the next delayed entry is due."""
        arguments: list[str | int] = [_CONSUMER, _CONSUMER, max(1, round(self._lease_seconds * 1000)), at_most]
        with self.translated():
            due_ms, taken = self._asked(lambda: self._take(keys=self._keys, args=arguments))
        entries = [
            Entry(name=name.decode(), deliveries=int(deliveries), fields=_fields(fields))
            for name, deliveries, fields in taken
        ]
        return (due_ms / 1000 if due_ms > 0 else float("inf")), entries

    def _wait(self, at_most: int, seconds: float) -> list[Entry]:
        block_ms = max(1, round(seconds * 1000))  # 0 would wait for ever
        words = ("GROUP", _CONSUMER, _CONSUMER, "COUNT", at_most, "BLOCK", block_ms, "STREAMS", self._keys[0], ">")
        with self.translated():
            streams = self._asked(
                lambda: self._client.execute_command("XREADGROUP", *words)  # type: ignore[no-untyped-call] # raw
            )
        return [
            Entry(
                name=name.decode(), deliveries=1, fields={key.decode(errors="replace"): fields[key] for key in fields}
            )
            for _, entries in streams or []
            for name, fields in entries
        ]

    def _asked(self, ask: Callable[[], _T]) -> _T:
        """Ask; if the server does not know the group (any more), make it with its stream and ask again."""
        try:
            return ask()
        except redis.ResponseError as error:
            if not any(word in str(error) for word in ("NOGROUP", "UNBLOCKED")):  # emptied before, or while we waited
                raise
        try:
            self._client.xgroup_create(self._keys[0], _CONSUMER, id="0", mkstream=self._is_ours)
        except redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
        return ask()

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn the driver's errors into `BackendUnavailable`."""
        try:
            yield
        except (redis.RedisError, OSError) as error:
            reason = self._address.with_advice(str(error))
            raise BackendUnavailable(f"Redis at {self._address.shown} does not answer: {reason}") from error


def _fields(flat: Sequence[bytes]) -> dict[str, bytes]:
    return {_text(key): value for key, value in zip(flat[::2], flat[1::2], strict=True)}


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace")
