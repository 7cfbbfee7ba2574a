"""``make bench``: the real server under load, beside what its parts do alone in the same minutes on the same machine.

The server runs as in a hospital: login, original kept and flushed, durable row, timeline, log, metrics. Radiographs
come from ``LINGULA_DATA/chest_xray/fullres``, each made new, so nothing is answered from memory.
"""

import argparse
import signal
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from types import FrameType
from typing import NoReturn

from benchmarks.doors import measure_dicom, measure_folder
from benchmarks.embedded import measure_embedded
from benchmarks.ground import Counts, Ground, LeftOut, say
from benchmarks.limits import cores, spin_rate
from benchmarks.peers.measure import measure_peers
from benchmarks.pressure import measure_pressure
from benchmarks.server import DidNotStart
from benchmarks.sustained import measure_sustained
from lingula.settings import load_settings

_DRIVERS = ("boto3", "nats", "obstore", "pg8000")


def _measure_places(ground: Ground) -> None:
    if missing := [name for name in _DRIVERS if find_spec(name) is None]:
        raise LeftOut(f"{missing[0]} is not installed: pip install 'lingula[scale]'")
    from benchmarks.places import measure_places

    measure_places(ground)


SECTIONS: Mapping[str, tuple[str, Callable[[Ground], None]]] = {
    "embedded": ("one process, SQLite and a folder: HTTP in, durably assessed", measure_embedded),
    "dicom": ("DICOM in", measure_dicom),
    "places": ("PostgreSQL, S3 and NATS on this machine: HTTP in, durably assessed", _measure_places),
    "folder": ("a watched folder, full from the start", measure_folder),
    "pressure": ("more senders than memory allows", measure_pressure),
    "sustained": ("one process, 32 connections, without a pause", measure_sustained),
    "peers": ("beside services as others build them, at 1, 8 and 32 connections", measure_peers),
}
WHEN_ASKED = {
    "sustained": "20,000 radiographs in a row: some minutes and 7 GB of disk",
    "peers": "beside Flask with Keras, MLServer and BentoML, installed under build/ the first time",
}
DEFAULT = tuple(name for name in SECTIONS if name not in WHEN_ASKED)


def main() -> None:
    """Measure the sections asked for, and print."""
    words = _words()
    settings = load_settings()
    if settings.data is None:
        sys.exit("which radiographs? set LINGULA_DATA to a folder with chest_xray/fullres (see CONTRIBUTING.md)")
    signal.signal(signal.SIGTERM, _end)
    counts = Counts(
        alone=words.alone,
        many=words.many,
        dicom=words.dicom,
        places=words.places,
        folder=words.folder,
        pressure=words.pressure,
        sustained=words.sustained,
        peers=words.peers,
    )
    ground = Ground(folder=settings.data / "chest_xray" / "fullres", counts=counts, seconds=words.seconds)
    if not ground.files:
        sys.exit(f"there is no JPEG radiograph in {ground.folder} (see CONTRIBUTING.md)")
    mean = sum(map(len, ground.files)) / len(ground.files)
    say(
        f"cores {cores()}, of which one thread now gets {spin_rate():.0%}; package {settings.package or 'shipped'} in "
        f"{settings.engine}; "
        f"{len(ground.files)} radiographs, {mean / 1000:.0f} kB each"
    )
    for name in words.only:
        title, measure = SECTIONS[name]
        say(f"{name}: {title}")
        try:
            measure(ground)
        except LeftOut as reason:
            say(f"  left out: {reason}")
        except DidNotStart as reason:
            sys.exit(str(reason))
    if words.only == DEFAULT:
        for name, what in WHEN_ASKED.items():
            say(f"not measured unless asked for: make bench ONLY={name} ({what})")


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    every = ",".join(SECTIONS)
    parser.add_argument("--only", type=_sections, default=DEFAULT, help=f"sections, of {every}")
    parser.add_argument("--alone", type=int, default=400, help="embedded: radiographs one after the other")
    parser.add_argument("--many", type=int, default=3000, help="embedded: radiographs over 32 connections")
    parser.add_argument("--dicom", type=int, default=1000, help="dicom: objects at each number of senders")
    parser.add_argument("--places", type=int, default=1000, help="places: radiographs over 32 connections, each way")
    parser.add_argument("--folder", type=int, default=2000, help="folder: files")
    parser.add_argument("--pressure", type=int, default=600, help="pressure: radiographs at each number of senders")
    parser.add_argument("--sustained", type=int, default=20_000, help="sustained: radiographs over 32 connections")
    parser.add_argument("--peers", type=int, default=600, help="peers: radiographs at 8 and at 32 connections")
    parser.add_argument("--seconds", type=float, default=3.0, help="seconds for each part alone")
    return parser.parse_args()


def _sections(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is no section: choose of {', '.join(SECTIONS)}")
    return names


def _end(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - the signature of a signal's function
    """Leave through every `finally`, so that no server is left running."""
    sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("ended")
