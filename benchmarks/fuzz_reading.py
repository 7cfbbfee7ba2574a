"""Mutate valid files for some minutes; report whatever is not an answer or a refusal, and the slowest answers.

Run: ``python benchmarks/fuzz_reading.py --minutes 10 [--seed 1] [--keep DIR]``. Exit status 1 if anything was found;
files that found something are kept in DIR with the exception beside them, to be made into tests.
"""

import argparse
import random
import sys
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from made.encodings import LOSSLESS_ENCODINGS, LOSSY_ENCODINGS, encoded
from made.pictures import as_jpeg, made_pixels, with_orientation

from lingula.errors import LingulaError
from lingula.radiology.reading import describe_instance, read_radiograph, render_window

SLOW_SECONDS = 5.0
INTERESTING = (0, 1, 2, 7, 8, 15, 16, 31, 32, 64, 127, 128, 254, 255)
TOKENS = (
    *(b"\xff" + bytes([marker]) for marker in (0xC0, 0xC2, 0xC3, 0xC4, 0xD8, 0xD9, 0xDA, 0xDB, 0xDD, 0x51, 0x52)),
    *(b"\xff\xff\xff\xff", b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0", b"\xe0\x7f\x10\x00", b"\x28\x00\x10\x00"),
    *(b"SQ\x00\x00", b"UN\x00\x00", b"IEND", b"IDAT", b"tRNS", b"iCCP", b"zTXt", b"1.2.840.10008.1.2.4.70"),
)


def _flip(changed: bytearray, at: int, rng: random.Random) -> None:
    changed[at] ^= 1 << rng.randrange(8)


def _set(changed: bytearray, at: int, rng: random.Random) -> None:
    changed[at] = rng.choice(INTERESTING)


def _number(changed: bytearray, at: int, rng: random.Random) -> None:
    number = rng.choice((0, 1, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF))
    changed[at : at + 4] = number.to_bytes(4, rng.choice(("big", "little")))


def _token(changed: bytearray, at: int, rng: random.Random) -> None:
    changed[at : at + 2] = rng.choice(TOKENS)


def _drop(changed: bytearray, at: int, rng: random.Random) -> None:
    del changed[at : at + rng.choice((1, 2, 4, 64))]


def _copy(changed: bytearray, at: int, rng: random.Random) -> None:
    changed[at:at] = changed[at : at + rng.choice((1, 8, 200))]


def _cut(changed: bytearray, at: int, _rng: random.Random) -> None:
    del changed[max(at, 20) :]


CHANGES = (_flip, _set, _number, _token, _drop, _copy, _cut)


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Change a valid file in one to six places: bits, bytes, numbers, tokens, cuts, copies."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        # Headers decide more than pixels do, so most changes hit the first kilobytes.
        at = rng.randrange(min(len(changed), rng.choice((160, 1500, 1 << 30))))
        rng.choice(CHANGES)(changed, at, rng)
        if not changed:
            return b""
    return bytes(changed)


def ask(data: bytes) -> str:
    """Ask all three questions; give the outcome in a word. Anything but an answer or a refusal escapes."""
    outcome = "answered"
    for question in (
        lambda: describe_instance(data),
        lambda: read_radiograph(data, at_least=64),
        lambda: render_window(data, (100.0, 50.0)),
    ):
        try:
            repr(question())
        except LingulaError as refusal:
            outcome = type(refusal).__name__
    return outcome


def main() -> int:
    """Fuzz until the time is up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-findings"))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    rng = random.Random(arguments.seed)  # noqa: S311 - repeatable, not secret
    corpus = [encoded(name) for name in (*LOSSLESS_ENCODINGS, *LOSSY_ENCODINGS)] + [
        with_orientation(as_jpeg(made_pixels()), 6)
    ]
    outcomes: Counter[str] = Counter()
    slowest, findings = 0.0, 0
    until = time.monotonic() + 60.0 * arguments.minutes
    while time.monotonic() < until:
        data = mutated(rng.choice(corpus), rng)
        began = time.process_time()
        try:
            outcomes[ask(data)] += 1
        except Exception:  # noqa: BLE001 - whatever escapes is what is looked for
            findings += 1
            outcomes["escaped"] += 1
            keep(arguments.keep, findings, data, traceback.format_exc())
        seconds = time.process_time() - began
        slowest = max(slowest, seconds)
        if seconds > SLOW_SECONDS:
            findings += 1
            keep(arguments.keep, findings, data, f"took {seconds:.1f} s of processor time\n")
    print(f"{sum(outcomes.values())} files from {len(corpus)}: {dict(outcomes)}; slowest {slowest:.2f} s")
    return 1 if findings else 0


def keep(folder: Path, number: int, data: bytes, words: str) -> None:
    """Keep a file that found something, and say so."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{number:04d}.bin").write_bytes(data)
    (folder / f"{number:04d}.txt").write_text(words)
    print(f"finding {number}: {words.strip().splitlines()[-1]}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
