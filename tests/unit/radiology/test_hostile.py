"""Mutated files from anybody: an answer or a refusal, soon, and nothing else.

`benchmarks/fuzz_reading.py` does the same for minutes; what it finds becomes a case here.
"""

import contextlib
import time

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from made.encodings import LOSSLESS_ENCODINGS, LOSSY_ENCODINGS, encoded

from lingula.errors import NotAccepted, NotDicom
from lingula.radiology.reading import describe_instance, read_radiograph, render_window
from lingula.radiology.sniffing import tell_format
from lingula.radiology.study import FileFormat

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:PIL"),  # damaged metadata is no reason to refuse
    pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning"),
]
NAMES = sorted([*LOSSLESS_ENCODINGS, *LOSSY_ENCODINGS])
PREAMBLE = bytes(128) + b"DICM"
PATIENCE_SECONDS = 20.0


def ask_everything(data: bytes) -> None:
    began = time.process_time()
    for ask in (describe_instance, read_radiograph, lambda data: render_window(data, (3.0, 2.0))):
        with contextlib.suppress(NotAccepted):
            ask(data)
    assert time.process_time() - began < PATIENCE_SECONDS


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    st.sampled_from(NAMES),
    st.lists(st.tuples(st.integers(0, 4000), st.binary(min_size=1, max_size=6)), min_size=1, max_size=6),
    st.one_of(st.none(), st.integers(0, 30_000)),
)
def test_a_mutated_file_is_answered_or_refused(name: str, changes: list[tuple[int, bytes]], end: int | None) -> None:
    data = bytearray(encoded(name))
    for place, piece in changes:
        at = place % len(data)
        data[at : at + len(piece)] = piece
    ask_everything(bytes(data[:end]))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.sampled_from(
        [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*", bytes(128) + b"DICM", b"\x08\0\x05\0"]
    ),
    st.binary(max_size=300),
)
@example(b"", b"")
@example(PREAMBLE, b"\x02\0\x10\0UI")
def test_any_bytes_are_answered_or_refused(signature: bytes, rest: bytes) -> None:
    ask_everything(signature + rest)


@given(st.binary(min_size=1, max_size=700))
def test_sniffing_answers_or_refuses_whatever_the_bytes(data: bytes) -> None:
    with contextlib.suppress(NotDicom):
        assert tell_format(data) in FileFormat
