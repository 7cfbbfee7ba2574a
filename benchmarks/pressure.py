"""More senders than memory allows: what they are told, that all is taken in the end, and how much memory that took.

Over HTTP many connections send at once and come again as often as they are told. Over DICOM the door first lets the
network slow its senders down; only when stuck senders hold all its memory does it tell others to come again.
"""

import asyncio
import socket
import struct
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from pydicom.uid import JPEGBaseline8Bit

from benchmarks.dicom_senders import DX, deliver, write_dicoms
from benchmarks.ground import MEBIBYTE, Ground, say
from benchmarks.kept import Witness
from benchmarks.server import AE_TITLE, CALLED, Running, running
from lingula.doors.cli.renewed import renew
from lingula.doors.dicom.commands import CommandField, write_request
from lingula.doors.dicom.pdus import PduType, ProposedContext, write_association_request, write_command, write_pdu

SENDERS = (64, 256)
_IN_FLIGHT_BYTES = 4 * MEBIBYTE  # 128 MiB unless set: too much for the senders of one small machine to fill
_STUCK, _REFUSED = 16, 8
_STUCK_BYTES = 640 * 1024  # of each stuck sender's object; all of them want twice what there is
_PIECE_BYTES = 16_000
_MOST_TRIES = 200
_OK, _COME_AGAIN = (b"200", b"201"), b"503"
_KEPT, _BROKEN, _GIVEN_UP, _HASTY = "kept", "connection broken", "given up", "503 without Retry-After"


def measure_pressure(ground: Ground) -> None:
    """Measure and print."""
    count = ground.counts.pressure
    settings = {
        "LINGULA_UPLOADS_IN_FLIGHT_BYTES": str(_IN_FLIGHT_BYTES),
        "LINGULA_UPLOAD_LIMIT_BYTES": str(max(map(len, ground.files)) + MEBIBYTE),
    }
    with ground.room(len(SENDERS) * count + len(ground.files)) as home, running(home, settings) as server:
        say(
            f"  at most {_IN_FLIGHT_BYTES // MEBIBYTE} MiB of uploads in memory at each door; memory "
            f"{server.memory_bytes() / MEBIBYTE:.0f} MiB when ready"
        )
        witness = Witness(server.records_url)
        kept = 0
        for senders in SENDERS:
            kept += _press(server, ground.files, senders, count)
        kept += _stick(server, write_dicoms(ground.files, home / "dicom"), home)
        say(f"  in the end {witness.wait_for(kept)} of {kept:,} accepted")
        witness.close()


def _press(server: Running, files: Sequence[bytes], senders: int, count: int) -> int:
    """Send over HTTP from so many connections at once; give how many were kept."""
    requests = (_request(renew(files[number % len(files)]), server.key) for number in range(count))
    told: Counter[str] = Counter()
    started = time.perf_counter()
    asyncio.run(_send_all(server.port, requests, senders, told))
    seconds = time.perf_counter() - started
    at_once = senders * sum(map(len, files)) / len(files) / MEBIBYTE
    others = {what: number for what, number in sorted(told.items()) if what != _KEPT}
    said = ", ".join(f"{number:,} x {what}" for what, number in others.items()) or "nobody was told to come again"
    say(
        f"  HTTP, {senders} senders with {at_once:.0f} MiB at once: {told[_KEPT]:,} of {count:,} kept in "
        f"{seconds:.1f} s; {said}; memory {server.peak_bytes() / MEBIBYTE:.0f} MiB at most"
    )
    return told[_KEPT]


def _request(data: bytes, key: str) -> bytes:
    """Write one upload that waits for nothing."""
    head = (
        f"POST /api/v1/instances HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/octet-stream\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data


async def _send_all(port: int, requests: Iterator[bytes], senders: int, told: "Counter[str]") -> None:
    await asyncio.gather(*(_send(port, requests, told) for _ in range(senders)))


async def _send(port: int, requests: Iterator[bytes], told: "Counter[str]") -> None:
    for data in requests:
        for _ in range(_MOST_TRIES):
            pause = await _send_once(port, data, told)
            if pause is None:
                break
            await asyncio.sleep(pause)
        else:
            told[_GIVEN_UP] += 1


async def _send_once(port: int, data: bytes, told: "Counter[str]") -> float | None:
    """Send one on a connection of its own, as many senders do; give the seconds to wait if it is to come again."""
    writer = None
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
    except (OSError, asyncio.IncompleteReadError):
        told[_BROKEN] += 1
        return 1.0
    finally:
        if writer is not None:
            writer.transport.abort()
    status = head.split(b" ", 2)[1]
    if status in _OK:
        told[_KEPT] += 1
        return None
    if status != _COME_AGAIN:
        told[status.decode()] += 1
        return None
    if b"\r\nretry-after:" not in head:
        told[_HASTY] += 1
        return 1.0
    told["503 with Retry-After"] += 1
    return float(head.split(b"\r\nretry-after:")[1].split(b"\r\n")[0])


def _stick(server: Running, files: Sequence[Path], logs: Path) -> int:
    """Let stuck senders hold the DICOM door's memory while others send, then let go; give how many were kept."""
    with ExitStack() as stack:
        for _ in range(_STUCK):
            stack.enter_context(_stuck_sender(server.dicom_port))
        pressed = deliver(server.dicom_port, files, _REFUSED, _REFUSED, logs)
    freed = deliver(server.dicom_port, files, _REFUSED, _REFUSED, logs)
    said = ", ".join(f"{number} x {status}" for status, number in pressed.answers.items()) or "nothing"
    say(
        f"  DICOM, {_REFUSED} senders while {_STUCK} stuck ones hold all memory: told {said} after "
        f"{pressed.seconds:.1f} s; {freed.accepted} of {_REFUSED} accepted once those had gone; memory "
        f"{server.peak_bytes() / MEBIBYTE:.0f} MiB at most"
    )
    return pressed.accepted + freed.accepted


def _stuck_sender(port: int) -> socket.socket:
    """Open an association, send half an object as fast as it is taken, and fall silent."""
    connection = socket.create_connection(("127.0.0.1", port), 10)
    context = ProposedContext(number=1, abstract_syntax=DX, transfer_syntaxes=[str(JPEGBaseline8Bit)])
    connection.sendall(write_association_request(CALLED, AE_TITLE, [context]))
    connection.recv(65536)  # the acceptance
    connection.sendall(write_command(1, write_request(CommandField.C_STORE, 1, DX, "2.25.1"), _PIECE_BYTES))
    piece = write_pdu(PduType.P_DATA_TF, struct.pack(">IBB", _PIECE_BYTES + 2, 1, 0) + bytes(_PIECE_BYTES))
    connection.settimeout(1)
    try:
        for _ in range(_STUCK_BYTES // _PIECE_BYTES):
            connection.sendall(piece)
    except TimeoutError:
        pass  # the door takes no more from it: its memory is full
    return connection
