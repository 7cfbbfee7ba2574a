"""Parallel DICOM senders, each a process and an association: DCMTK's storescu, or ours where DCMTK is missing.

``python -m benchmarks.dicom_senders PORT REPEAT FILE...`` is ours: it sends each file so many times, each time with new
UIDs, and prints a line for each answer.
"""

import io
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from made.dicom_files import made_dataset, with_frame
from PIL import Image
from pydicom.uid import JPEGBaseline8Bit

from benchmarks.server import AE_TITLE, CALLED
from lingula.doors.cli.renewed import renew
from lingula.doors.dicom.pdus import Malformed, ProposedContext
from lingula.doors.dicom.requesting import Peer, Rejected, Requested
from lingula.doors.dicom.wire import Gone
from lingula.radiology.elements import data_set_starts, read_elements

DX = "1.2.840.10008.5.1.4.1.1.1.1"
SUCCESS, OUT_OF_RESOURCES = "Success", "Refused: OutOfResources"
_ANSWER = re.compile(r"Received Store Response \((.*)\)")
_NAMES = {0x0000: SUCCESS, 0xA700: OUT_OF_RESOURCES}
_READY, _LOOK_SECONDS = "ready", 0.02
_SOP_INSTANCE = 0x00080018
_MOST_FILES = 12  # of each sender; each is sent again and again, every time as a new one


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What the senders were told; answers by status, and what kept a sender from finishing."""

    seconds: float
    answers: Mapping[str, int]
    troubles: Sequence[str]

    @property
    def accepted(self) -> int:
        """How many objects the door said are safe."""
        return self.answers.get(SUCCESS, 0)

    @property
    def others(self) -> dict[str, int]:
        """How many were answered otherwise, by status."""
        return {status: count for status, count in self.answers.items() if status != SUCCESS}


def who() -> str:
    """Say whose senders they are."""
    return "storescu of DCMTK" if shutil.which("storescu") else "our own senders (with DCMTK: apt-get install dcmtk)"


def write_dicoms(originals: Sequence[bytes], folder: Path) -> list[Path]:
    """Write each radiograph as a DICOM file with the JPEG as it is in it; those that are not baseline are left out."""
    folder.mkdir()
    written = []
    for number, data in enumerate(originals):
        with Image.open(io.BytesIO(data)) as picture:
            if picture.mode != "L" or "progressive" in picture.info:
                continue
            dataset = made_dataset(np.asarray(picture))
        for element in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"):
            setattr(dataset, element, f"{getattr(dataset, element)}.{number + 1}")
        written.append(folder / f"{number:04d}.dcm")
        written[-1].write_bytes(with_frame(dataset, data, JPEGBaseline8Bit))
    return written


def deliver(port: int, files: Sequence[Path], senders: int, count: int, logs: Path) -> Delivery:
    """Send about `count` objects, all senders at once, and wait until the last one has ended."""
    each = max(1, round(count / senders))
    kinds = min(_MOST_FILES, each)
    program = shutil.which("storescu")
    with ExitStack() as stack:
        gate, opener = os.pipe()
        stack.callback(os.close, gate)
        started, running = time.perf_counter(), []
        for number in range(senders):
            own = [str(files[(number * kinds + at) % len(files)]) for at in range(kinds)]
            command = _command(program, port, max(1, round(each / kinds)), own)
            log = stack.enter_context((logs / f"sender-{number}").open("wb"))
            process = subprocess.Popen(command, stdin=gate, stdout=log, stderr=log)  # noqa: S603 - DCMTK's or ours
            stack.callback(_end, process)
            running.append(process)
        if program is None:  # Python's start is no part of sending
            _wait_until_ready([logs / f"sender-{number}" for number in range(senders)])
            started = time.perf_counter()
        os.close(opener)
        codes = [process.wait() for process in running]
        seconds = time.perf_counter() - started
    told = [(logs / f"sender-{number}").read_text(errors="replace") for number in range(senders)]
    answers = Counter(answer for text in told for answer in _ANSWER.findall(text))
    troubles = [text.strip().splitlines()[-1] for text, code in zip(told, codes, strict=True) if code and text.strip()]
    return Delivery(seconds=seconds, answers=answers, troubles=troubles)


def _wait_until_ready(logs: Sequence[Path]) -> None:
    while not all(_READY in log.read_text(errors="replace") for log in logs):
        time.sleep(_LOOK_SECONDS)


def _command(program: str | None, port: int, repeat: int, files: Sequence[str]) -> list[str]:
    if program is None:
        return [sys.executable, "-m", "benchmarks.dicom_senders", str(port), str(repeat), *files]
    new = ["+II", "+IR", "1", "+IS", "1"]  # new UIDs for every image: instance, series, study
    titles = ["-aet", AE_TITLE, "-aec", CALLED]
    return [program, "-v", "-xy", *titles, *new, "--repeat", str(repeat), "127.0.0.1", str(port), *files]


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.kill()
        process.wait()


def associate(port: int) -> Requested:
    """Open an association for DX radiographs whose pixels are baseline JPEG.

    Raises
    ------
    Gone, Rejected, Malformed
        As `Requested`.
    """
    context = ProposedContext(number=1, abstract_syntax=DX, transfer_syntaxes=[str(JPEGBaseline8Bit)])
    return Requested(Peer(host="127.0.0.1", port=port, called=CALLED, calling=AE_TITLE), [context])


def _send(port: int, repeat: int, paths: Sequence[str]) -> int:
    """Send as storescu does, and say what was answered in its words."""
    try:
        association = associate(port)
        renew(Path(paths[0]).read_bytes())  # what is slow the first time is no part of sending either
        print(_READY, flush=True)
        sys.stdin.read()  # until the gate opens for all
        for path in paths:
            original = Path(path).read_bytes()
            for _ in range(repeat):
                data = renew(original)
                instance = (read_elements(data).value(_SOP_INSTANCE) or b"").decode("ascii").strip("\0 ")
                answer = association.store(1, DX, instance, memoryview(data)[data_set_starts(data) :])
                print(f"Received Store Response ({_NAMES.get(answer.status, f'0x{answer.status:04X}')})", flush=True)
        association.release()
    except (Gone, Malformed, Rejected) as error:
        print(f"{_READY} for nothing: {error}")
        return 1
    return 0


if __name__ == "__main__":
    code = _send(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
    sys.stdout.flush()
    os._exit(code)  # at once: tearing Python down would count as sending
