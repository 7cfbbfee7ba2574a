"""Radiographs that come by themselves: DICOM from parallel senders, and files in a watched folder."""

import time
from pathlib import Path

from benchmarks.dicom_senders import Delivery, deliver, who, write_dicoms
from benchmarks.ground import MEBIBYTE, Ground, say
from benchmarks.kept import Witness
from benchmarks.server import Running, running
from lingula.doors.cli.renewed import renew

SENDERS = (1, 8, 32)
_LOOK_EVERY_SECONDS = 1.0
_WARM_UP = 24
_SHOWN = 3


def measure_dicom(ground: Ground) -> None:
    """Measure how many objects a second are accepted, and whether all of them are assessed in the end."""
    count = ground.counts.dicom
    with ground.room(len(SENDERS) * count + len(ground.files)) as home:
        files = write_dicoms(ground.files, home / "dicom")
        mean = sum(path.stat().st_size for path in files) / len(files)
        say(f"  {who()}; {len(files)} radiographs as DX, JPEG baseline, {mean / 1000:.0f} kB each, new UIDs every time")
        with running(home) as server:
            witness = Witness(server.records_url)
            before = _all_finished(witness, deliver(server.dicom_port, files, 4, _WARM_UP, home).accepted)
            for senders in SENDERS:
                used = server.processor_seconds()
                delivery = deliver(server.dicom_port, files, senders, count, home)
                ended = time.perf_counter()
                kept = witness.wait_for(before + delivery.accepted)
                used = server.processor_seconds() - used
                seconds = delivery.seconds + time.perf_counter() - ended
                _report(senders, delivery, used)
                say(f"              {kept.finished - before:,} of them finished after {seconds:.1f} s")
                before += delivery.accepted
            say(f"  in the end {kept} of {before:,} accepted; memory {server.peak_bytes() / MEBIBYTE:.0f} MiB at most")
            witness.close()


def _all_finished(witness: Witness, total: int) -> int:
    witness.wait_for(total)
    return total


def _report(senders: int, delivery: Delivery, used_seconds: float) -> None:
    said = "".join(f", {count} x {status}" for status, count in delivery.others.items())
    say(
        f"  {senders:>2} senders  {delivery.accepted / delivery.seconds:6.1f}/s accepted, {delivery.accepted:,} in "
        f"{delivery.seconds:.1f} s{said}; senders that failed {len(delivery.troubles)}  "
        f"processor {used_seconds / max(1, delivery.accepted) * 1000:.1f} ms each"
    )
    for trouble in delivery.troubles[:_SHOWN]:
        say(f"    {trouble}")


def measure_folder(ground: Ground) -> None:
    """Measure how soon a folder full of radiographs is assessed, from the first look to the last statement."""
    count = ground.counts.folder
    with ground.room(count, copies=2) as home:
        _fill(home / "arriving", ground.files, count)
        settings = {"LINGULA_LOOK_EVERY_SECONDS": str(_LOOK_EVERY_SECONDS)}
        with running(home, settings, watched=str(home / "arriving")) as server:
            _await_import(server, home / "arriving", count)


def _fill(folder: Path, originals: list[bytes], count: int) -> None:
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:06d}.jpg").write_bytes(renew(originals[number % len(originals)]))


def _await_import(server: Running, folder: Path, count: int) -> None:
    started = time.time()  # it looks as soon as it is ready
    witness = Witness(server.records_url)
    kept = witness.wait_for(count)
    witness.close()
    if kept.assessed is None:
        say(f"  nothing was assessed: {kept}")
        return
    seconds = kept.assessed.timestamp() - started
    say(
        f"  {kept.finished / seconds:6.1f}/s over {count:,} files, {seconds:.1f} s from the first look to the last "
        f"assessment (the second look, which takes them, comes {_LOOK_EVERY_SECONDS:.0f} s after the first)"
    )
    say(
        f"  {kept.finished / kept.seconds:6.1f}/s from the first file taken to the last assessment; "
        f"{count / (kept.received - kept.first).total_seconds():.0f}/s received meanwhile"
    )
    used = server.processor_seconds() / count * 1000
    left = sum(path.is_file() for path in folder.iterdir())
    say(
        f"  in the end {kept}; {left} left in the folder; processor {used:.1f} ms each, start included; memory "
        f"{server.peak_bytes() / MEBIBYTE:.0f} MiB at most"
    )
