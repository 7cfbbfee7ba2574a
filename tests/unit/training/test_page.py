from html.parser import HTMLParser

import pytest

from lingula.training.page import (
    Fact,
    Html,
    facts,
    figure,
    figures,
    folded,
    joined,
    page,
    picture,
    pictures,
    section,
    table,
)

VOID = {"meta", "img", "br"}


class Balanced(HTMLParser):
    """Sees that every element that is opened is closed, and keeps the words."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_page_with_everything_in_it_is_well_formed_and_needs_no_network() -> None:
    made = page(
        "All & <everything>",
        [
            section(
                "First things",
                facts([Fact(name="AUROC", value="0.98", note="95 %")]),
                figures(figure("<svg></svg>", "a")),
            ),
            section(
                "Then tables",
                folded("long", table(("", "n"), [("a", "1")], caption="Counts", note="of some")),
                pictures([picture(b"png", "one")]),
            ),
        ],
        under=["a line"],
        notice="careful",
    )
    parser = Balanced()
    parser.feed(made)

    assert parser.open == []
    assert "<script" not in made
    assert "http" not in made
    assert "All &amp; &lt;everything&gt;" in made
    assert '<a href="#first-things">' in made
    assert '<section id="first-things">' in made


def test_words_are_escaped_wherever_they_stand_and_markup_only_where_it_is_meant() -> None:
    bad = '<img src=x onerror="alert(1)">'
    made = page(
        bad, [section(bad, bad, table((bad,), [(bad,)], caption=bad, note=bad), picture(b"", bad))], under=[bad]
    )

    assert "<img src=x" not in made
    assert 'onerror="' not in made
    assert joined("<i>", Html("<b>")) == "&lt;i&gt;<b>"


def test_only_columns_of_plain_numbers_stand_right_aligned() -> None:
    made = table(("name", "share", "interval"), [("a", "-0.5", "0.5 (0.4 to 0.6)"), ("b", "12 %", "none")])

    assert '<th scope="row">a</th><td class="right">-0.5</td><td>0.5 (0.4 to 0.6)</td>' in made
    assert '<th scope="row">b</th><td class="right">12 %</td><td>none</td>' in made


def test_a_row_that_does_not_fit_the_head_is_refused() -> None:
    with pytest.raises(ValueError, match="has not 2 cells"):
        table(("a", "b"), [("only one",)])
