"""Send damaged DICOM associations to a real running Lingula and see whether it stays well.

``python -m tools.fuzz_dicom --seconds 60`` starts `lingula serve` in a folder of its own and plays known associations
with bytes flipped, cut, repeated, swapped and mixed, from several connections at once; what gets through is stored and
assessed like anything else. Now and then it asks for an echo. It ends with 1 if the program ended, stopped answering,
grew beyond its memory, or wrote a trace into its log, and prints the seed, with which `--seed` plays it again.
"""

import argparse
import contextlib
import json
import os
import random
import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

from lingula.doors.cli.samples import shipped_samples
from lingula.doors.dicom.commands import CommandField, write_request
from lingula.doors.dicom.negotiation import VERIFICATION
from lingula.doors.dicom.pdus import (
    PduType,
    ProposedContext,
    write_association_request,
    write_command,
    write_pdu,
)
from lingula.doors.dicom.requesting import Peer, Requested
from lingula.doors.dicom.wire import Gone
from lingula.radiology.elements import EXPLICIT_LITTLE, data_set_starts, read_elements

SITE, TITLE = "fuzz", "FUZZ"
SENDERS = 4
LOOK_EVERY = 200  # sessions of one sender between two looks whether all is well
MOST_MEMORY_MB = 2048
START_SECONDS = 60.0
READY = re.compile(r'"address": "127\.0\.0\.1:(\d+)"')

_DX = "1.2.840.10008.5.1.4.1.1.1.1"
_TOKENS = (
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\0\1",
    b"\xfe\xff\x00\xe0",
    b"SQ\0\0\xff\xff\xff\xff",
)

Pdus = list[bytes]
Mutation = Callable[[Pdus, random.Random], None]


def recorded() -> Sequence[Pdus]:
    """Give associations as honest senders play them: an echo, and one radiograph in pieces of two sizes."""
    contexts = [
        ProposedContext(number=1, abstract_syntax=_DX, transfer_syntaxes=[EXPLICIT_LITTLE]),
        ProposedContext(number=3, abstract_syntax=VERIFICATION, transfer_syntaxes=[EXPLICIT_LITTLE]),
    ]
    begin, end = write_association_request("LINGULA", TITLE, contexts), write_pdu(PduType.RELEASE_RQ, bytes(4))
    echo = write_command(3, write_request(CommandField.C_ECHO, 1, VERIFICATION, None), 0)
    sessions = [[begin, echo, end]]
    for size in (3_000, 100_000):
        instance, data = _sample()
        store = write_command(1, write_request(CommandField.C_STORE, 2, _DX, instance), 0)
        sessions.append([begin, store, *_pieces(data, size), end])
    return sessions


@cache
def _sample() -> tuple[str, bytes]:
    data = next(one.path for one in shipped_samples() if one.path.suffix == ".dcm").read_bytes()
    uid = (read_elements(data).value(0x00080018) or b"").decode("ascii").strip("\0 ")
    return uid, data[data_set_starts(data) :]


def _pieces(data: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(data), size):
        piece = data[at : at + size]
        control = 2 if at + size >= len(data) else 0
        yield write_pdu(PduType.P_DATA_TF, struct.pack(">IBB", len(piece) + 2, 1, control) + piece)


def damaged(sessions: Sequence[Pdus], chance: random.Random) -> bytes:
    """Give the bytes of one session, with a radiograph of its own, after one to five things have gone wrong with it."""
    uid = _sample()[0].encode()
    own = uid[:-9] + b"%09d" % chance.randrange(1, 10**9)
    pdus = [pdu.replace(uid, own) for pdu in chance.choice(sessions)]
    for _ in range(chance.randint(1, 5)):
        if pdus:
            chance.choice(_MUTATIONS)(pdus, chance)
    return b"".join(pdus)


def _flip(pdus: Pdus, chance: random.Random) -> None:
    at = chance.randrange(len(pdus))
    pdu = bytearray(pdus[at])
    for _ in range(chance.randint(1, 8)):
        if pdu:
            # the beginning is where lengths, types and tags lie
            pdu[chance.randrange(min(len(pdu), chance.choice((6, 12, 80, 600, len(pdu)))))] = chance.randrange(256)
    pdus[at] = bytes(pdu)


def _write_token(pdus: Pdus, chance: random.Random) -> None:
    at, token = chance.randrange(len(pdus)), chance.choice(_TOKENS)
    place = chance.randrange(min(len(pdus[at]), 800) + 1)
    pdus[at] = pdus[at][:place] + token + pdus[at][place + len(token) * chance.randint(0, 1) :]


def _cut(pdus: Pdus, chance: random.Random) -> None:
    at = chance.randrange(len(pdus))
    pdus[at] = pdus[at][: chance.randrange(len(pdus[at]) + 1)]


def _repeat(pdus: Pdus, chance: random.Random) -> None:
    at = chance.randrange(len(pdus))
    pdus[at:at] = [pdus[at]] * chance.randint(1, 3)


def _leave_out(pdus: Pdus, chance: random.Random) -> None:
    del pdus[chance.randrange(len(pdus))]


def _swap(pdus: Pdus, chance: random.Random) -> None:
    one, other = chance.randrange(len(pdus)), chance.randrange(len(pdus))
    pdus[one], pdus[other] = pdus[other], pdus[one]


def _insert(pdus: Pdus, chance: random.Random) -> None:
    made = write_pdu(PduType(chance.randint(1, 7)), chance.randbytes(chance.choice((0, 4, 70, 500))))
    pdus.insert(chance.randrange(len(pdus) + 1), made)


def _lie_about_length(pdus: Pdus, chance: random.Random) -> None:
    at = chance.randrange(len(pdus))
    length = chance.choice((0, 1, 4, 0x20000, 0x20400, 0x7FFFFFFF, 0xFFFFFFFF, max(0, len(pdus[at]) - 7)))
    pdus[at] = pdus[at][:2] + struct.pack(">I", length) + pdus[at][6:]


_MUTATIONS: Sequence[Mutation] = (
    _flip,
    _flip,
    _flip,
    _write_token,
    _cut,
    _repeat,
    _leave_out,
    _swap,
    _insert,
    _lie_about_length,
)


class Target:
    """A running Lingula with a DICOM door, in a folder of its own."""

    def __init__(self, home: Path) -> None:
        settings = {"LINGULA_HOME": str(home), "LINGULA_DICOM_PORT": "0", "LINGULA_LOG_STYLE": "json"}
        outside = {name: value for name, value in os.environ.items() if not name.startswith("LINGULA_")}
        environment = {**outside, **settings}
        program = (sys.executable, "-m", "lingula")
        subprocess.run([*program, "sites", "add", SITE, "--ae-title", TITLE], env=environment, check=True)  # noqa: S603
        self.log = home / "log.jsonl"
        with self.log.open("wb") as words:
            self.process = subprocess.Popen([*program, "serve", "--port", "0"], env=environment, stderr=words)  # noqa: S603
        self.port = self._wait()

    def trouble(self) -> str | None:
        """Say what is wrong; None while all is well."""
        if self.process.poll() is not None:
            return f"the program ended with {self.process.returncode}"
        if (memory := self.memory_mb()) > MOST_MEMORY_MB:
            return f"the program holds {memory:.0f} MB"
        try:
            peer = Peer(host="127.0.0.1", port=self.port, called="LINGULA", calling=TITLE)
            context = ProposedContext(number=1, abstract_syntax=VERIFICATION, transfer_syntaxes=[EXPLICIT_LITTLE])
            association = Requested(peer, [context])
            answer = association.echo(1)
            association.release()
        except Gone as error:
            return f"an echo was not answered: {error}"
        return None if answer.status == 0 else f"an echo was answered with 0x{answer.status:04X}"

    def memory_mb(self) -> float:
        """Give the program's resident memory."""
        try:
            pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        except (OSError, IndexError):
            return 0.0
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def traces(self) -> list[str]:
        """Give what it logged with a trace."""
        lines = [json.loads(line) for line in self.log.read_text(errors="replace").splitlines() if line[:1] == "{"]
        return [str(line.get("trace")) for line in lines if line.get("trace")]

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(60)

    def _wait(self) -> int:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            if found := READY.search(self.log.read_text(errors="replace")):
                return int(found[1])
            time.sleep(0.05)
        raise SystemExit(f"Lingula did not start:\n{self.log.read_text(errors='replace')}")


def play(port: int, data: bytes, chance: random.Random) -> str:
    """Send one session in pieces of any size and give the type of the last message that came back."""
    heard = b""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.settimeout(5)
        at = 0
        while at < len(data):
            size = chance.choice((1, 7, 1000, 65536, len(data)))
            connection.sendall(data[at : at + size])
            at += size
        if chance.random() < 0.8:  # noqa: PLR2004 - the others just go away
            connection.shutdown(socket.SHUT_WR)
            while more := connection.recv(65536):
                heard += more
    return _last_type(heard)


def _last_type(heard: bytes) -> str:
    kind = "nothing"
    while len(heard) >= 6:  # noqa: PLR2004 - a message's head
        kind = PduType(heard[0]).name if heard[0] in set(PduType) else "nonsense"
        heard = heard[6 + int.from_bytes(heard[2:6], "big") :]
    return kind


def send_until(target: Target, until: float, seed: int, found: list[str], counts: Counter[str]) -> None:
    """Play damaged sessions until the time is over or somebody found something."""
    sessions = recorded()
    number = 0
    while time.monotonic() < until and not found:
        number += 1
        mark = f"{seed}:{number}"
        chance = random.Random(mark)  # noqa: S311 - no secret
        counts[play(target.port, damaged(sessions, chance), chance)] += 1
        if number % LOOK_EVERY == 0 and (trouble := target.trouble()):
            found.append(f"{trouble} (sender {seed}, up to session {number})")


def main() -> int:
    """Fuzz, and say what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    asked = parser.parse_args()
    found: list[str] = []
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="lingula-fuzz-") as folder:
        target = Target(Path(folder))
        try:
            until = time.monotonic() + asked.seconds
            senders = [
                threading.Thread(target=send_until, args=(target, until, asked.seed + number, found, counts))
                for number in range(SENDERS)
            ]
            for sender in senders:
                sender.start()
            for sender in senders:
                sender.join()
            found += [trouble] if (trouble := target.trouble()) else []
            memory = target.memory_mb()
        finally:
            target.stop()
        found += [f"the log has a trace:\n{trace}" for trace in target.traces()]
    ended = ", ".join(f"{count} {kind}" for kind, count in counts.most_common())
    sys.stdout.write(f"seed {asked.seed}: {counts.total()} sessions ended with {ended}; {memory:.0f} MB held\n")
    sys.stdout.write("".join(f"FOUND {one}\n" for one in dict.fromkeys(found)) or "nothing found\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
