"""Forms are taken apart whole or refused, whatever bytes arrive."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingula.doors.http.bodies import form_parts, parse_header, sent_file
from lingula.doors.http.problems import Refused


def made_form(boundary: str, parts: list[tuple[str, str | None, bytes]]) -> bytes:
    lines = []
    for field, filename, data in parts:
        named = f'; filename="{filename}"' if filename is not None else ""
        lines.append(f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"{named}\r\n\r\n'.encode() + data)
    return b"\r\n".join([*lines, f"--{boundary}--\r\n".encode()])


names = st.text(st.characters(codec="utf-8", exclude_characters='"\r\n;', exclude_categories=["C"]), min_size=1)


@given(st.lists(st.tuples(names, st.none() | names, st.binary(max_size=300)), min_size=1, max_size=5))
def test_every_part_comes_out_as_it_went_in(parts: list[tuple[str, str | None, bytes]]) -> None:
    found = form_parts(made_form("-boundary-0123456789", parts), "-boundary-0123456789")

    assert [(one.field, one.filename, one.data) for one in found] == parts


@given(st.binary(max_size=400), st.text(max_size=20))
def test_any_bytes_are_a_form_or_refused(body: bytes, boundary: str) -> None:
    with contextlib.suppress(Refused):
        form_parts(body, boundary)


@given(st.integers(min_value=0, max_value=150))
def test_a_form_cut_anywhere_is_refused(at: int) -> None:
    whole = made_form("b", [("file", "chest.jpeg", b"pixels" * 10)])
    cut = whole[: min(at, len(whole) - 5)]

    with pytest.raises(Refused):
        form_parts(cut, "b")


@given(st.text(max_size=100))
def test_any_header_is_read_without_an_error(value: str) -> None:
    parse_header(value)


def test_a_boundary_inside_the_picture_does_not_end_it() -> None:
    data = b"pixels --b and \r\n -b more"

    assert sent_file('multipart/form-data; boundary="b"', made_form("b", [("file", None, data)])).data == data
