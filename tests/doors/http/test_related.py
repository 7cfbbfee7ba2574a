"""A multipart/related body is taken apart while it comes, whatever comes."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingula.doors.http.problems import Refused
from lingula.doors.http.related import MOST_HEAD_BYTES, MOST_PARTS, RelatedPart, RelatedParts

BOUNDARY = "boundary-0123456789"
DICOM = "application/dicom"


def made_body(parts: list[tuple[str | None, bytes]], *, preamble: bytes = b"", boundary: str = BOUNDARY) -> bytes:
    lines = [preamble] if preamble else []
    for media_type, data in parts:
        head = f"Content-Type: {media_type}\r\n" if media_type else ""
        lines.append(f"--{boundary}\r\n{head}\r\n".encode() + data)
    return b"\r\n".join([*lines, f"--{boundary}--\r\n".encode()])


def taken_apart(
    body: bytes, chunk_bytes: int = 1 << 20, *, boundary: str = BOUNDARY, limit: int = 10_000
) -> list[RelatedPart]:
    parts = RelatedParts(boundary, limit)
    found = [one for at in range(0, len(body), chunk_bytes) for one in parts.feed(body[at : at + chunk_bytes])]
    parts.end()
    return found


@given(
    st.lists(st.tuples(st.sampled_from([DICOM, None, "image/jpeg"]), st.binary(max_size=200)), min_size=1, max_size=5),
    st.integers(min_value=1, max_value=100),
    st.sampled_from([b"", b"a preamble says nothing"]),
)
def test_every_part_comes_out_as_it_went_in_however_it_was_cut(
    parts: list[tuple[str | None, bytes]], chunk_bytes: int, preamble: bytes
) -> None:
    found = taken_apart(made_body(parts, preamble=preamble), chunk_bytes)

    assert [(one.media_type or None, one.data) for one in found] == parts


@given(st.binary(max_size=400), st.text(max_size=20), st.integers(min_value=1, max_value=50))
def test_any_bytes_are_a_body_or_refused(body: bytes, boundary: str, chunk_bytes: int) -> None:
    with contextlib.suppress(Refused):
        taken_apart(body, chunk_bytes, boundary=boundary)


@given(st.lists(st.sampled_from([b"--b", b"\r\n", b"--", b"-", b"\r", b" ", b"\r\n--b", b"a:", b"b"]), max_size=40))
def test_pieces_of_boundaries_are_a_body_or_refused(pieces: list[bytes]) -> None:
    body = b"".join(pieces)
    outcomes = []
    for chunk_bytes in (1, 7, 1000):
        try:
            outcomes.append(taken_apart(body, chunk_bytes, boundary="b"))
        except Refused:
            outcomes.append([])
    assert outcomes[0] == outcomes[1] == outcomes[2]


@given(st.integers(min_value=0, max_value=150))
def test_a_body_cut_anywhere_is_refused(at: int) -> None:
    whole = made_body([(DICOM, b"pixels" * 10)])
    with pytest.raises(Refused, match="400"):
        taken_apart(whole[: min(at, len(whole) - 5)], 11)


def test_what_is_held_never_exceeds_the_largest_part() -> None:
    parts = RelatedParts(BOUNDARY, 1000)
    body = made_body([(DICOM, b"x" * 900)] * 50)
    held = 0
    for at in range(0, len(body), 64):
        list(parts.feed(body[at : at + 64]))
        held = max(held, parts.held_bytes)
    assert held < 1100


def test_a_part_too_large_is_refused_before_it_is_whole() -> None:
    parts = RelatedParts(BOUNDARY, 1000)
    head = f"--{BOUNDARY}\r\n\r\n".encode()
    for chunk in [head, *[b"x" * 100] * 10]:
        list(parts.feed(chunk))
    with pytest.raises(Refused, match="413"):
        list(parts.feed(b"x" * 100))


@pytest.mark.parametrize(
    "body",
    [
        b"no boundary at all" * 1000,
        f"--{BOUNDARY}\r\nX: {'y' * (MOST_HEAD_BYTES + 1)}\r\n\r\nz\r\n--{BOUNDARY}--".encode(),
        f"--{BOUNDARY}\r\nX: {'y' * (3 * MOST_HEAD_BYTES)}".encode(),
        f"--{BOUNDARY} and more\r\n\r\nz\r\n--{BOUNDARY}--".encode(),
        f"--{BOUNDARY}{' ' * 1000}\r\n\r\nz\r\n--{BOUNDARY}--".encode(),
        b"",
        made_body([(None, b"")] * (MOST_PARTS + 1)),
    ],
)
def test_a_hostile_body_is_refused_with_400(body: bytes) -> None:
    with pytest.raises(Refused, match="400"):
        taken_apart(body, 4096)


@pytest.mark.parametrize("boundary", ["", "x" * 201, "ä", "a\nb"])
def test_a_boundary_that_is_none_is_refused(boundary: str) -> None:
    with pytest.raises(Refused, match="no boundary"):
        RelatedParts(boundary, 1)
