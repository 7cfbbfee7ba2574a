"""The one way to see an identity is easy to search for, and this is the search."""

import re
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "lingula"
ALLOWED = ("radiology/", "records/", "doors/http/pages.py")


def test_identities_are_revealed_only_where_they_belong() -> None:
    elsewhere = [
        name
        for path in SOURCE.rglob("*.py")
        if re.search(r"\.reveal\(\)", path.read_text())
        and not (name := path.relative_to(SOURCE).as_posix()).startswith(ALLOWED)
    ]
    assert elsewhere == []


def test_pages_are_the_doors_only_place_and_do_reveal() -> None:
    assert ".reveal()" in (SOURCE / "doors/http/pages.py").read_text(), "take it off the list of allowed places"
