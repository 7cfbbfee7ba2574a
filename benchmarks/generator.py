"""Posts radiographs over raw sockets from a process of its own, so cheaply that the server is what is measured.

``python -m benchmarks.generator FOLDER HOST PORT KEY CONNECTIONS COUNT`` prints one JSON object: seconds of the whole,
milliseconds of each answer, and failures.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lingula.doors.cli.renewed import renew

_WAIT_SECONDS = 30
_OK = b"200"


@dataclass
class Sent:
    """What was measured; `milliseconds` from the first byte sent to the last byte of the answer."""

    milliseconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def request(data: bytes, host: str, key: str, wait_seconds: int = _WAIT_SECONDS) -> bytes:
    """Write one upload that waits for its assessment."""
    head = (
        f"POST /api/v1/instances?wait={wait_seconds} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/octet-stream\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data


async def post(host: str, port: int, requests: Iterator[bytes], sent: Sent) -> None:
    """Keep one connection busy until the requests are used up; one that breaks is a failure, and opened again."""
    reader, writer = await asyncio.open_connection(host, port)
    for data in requests:
        started = time.perf_counter()
        try:
            writer.write(data)
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            body = await reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError) as error:
            head, body = b"HTTP/1.1 000 " + type(error).__name__.encode(), b""
            writer.close()
            reader, writer = await asyncio.open_connection(host, port)
        sent.milliseconds.append((time.perf_counter() - started) * 1000)
        if head.split(b" ", 2)[1] != _OK or b'"status":"received"' in body:
            sent.failures.append((head.split(b"\r\n")[0] + b" " + body[:200]).decode(errors="replace"))
    writer.close()


def renewed(originals: Sequence[bytes], count: int) -> Iterator[bytes]:
    """Give `count` files that are all new to the server: one in order, each with a comment of its own.

    Each is made when it is sent: it costs a tenth of a millisecond, and 20,000 of them would fill the memory.
    """
    return (renew(originals[number % len(originals)]) for number in range(count))


async def measure(host: str, port: int, connections: int, requests: Iterator[bytes]) -> dict[str, object]:
    """Send everything over so many connections at once."""
    sent = Sent()
    started = time.perf_counter()
    await asyncio.gather(*(post(host, port, requests, sent) for _ in range(connections)))
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "milliseconds": sent.milliseconds, "failures": sent.failures}


def main(words: Sequence[str]) -> None:
    """Read the originals first, then measure."""
    folder, host, port, key, connections, count = words
    originals = [path.read_bytes() for path in sorted(Path(folder).rglob("*.jp*g"))]
    requests = (request(data, host, key) for data in renewed(originals, int(count)))
    print(json.dumps(asyncio.run(measure(host, int(port), int(connections), requests))))


if __name__ == "__main__":
    main(sys.argv[1:])
