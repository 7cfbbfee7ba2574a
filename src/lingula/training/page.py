"""The toolkit of every HTML report: one file with its style, figures and pictures inside, that needs no network.

Words are escaped unless they are `Html` already, so what a file or a folder is called can never become part of a page.
Reports are read on a screen, in light and dark, and printed; tables name their rows and columns for screen readers.
"""

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

STYLE = Path(__file__).with_name("page.css")
_NUMBER = re.compile(r"[-+−]?\d[\d.,]*\s?%?|none|undefined|unknown|too few|")
_NOT_IN_ANCHORS = re.compile(r"[^a-z0-9]+")


class Html(str):
    """Markup that is put into a page as it is; any other `str` is escaped.

    >>> paragraph("a < b")
    '<p>a &lt; b</p>'
    >>> paragraph(Html("<b>bold</b>"))
    '<p><b>bold</b></p>'
    """

    __slots__ = ()


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of a page with its title; `anchor` is what a link to it names."""

    title: str
    body: Html

    @property
    def anchor(self) -> str:
        """Give the title as a link writes it."""
        return _NOT_IN_ANCHORS.sub("-", self.title.lower()).strip("-")


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One number to be seen first, with its name and what belongs in small print below."""

    name: str
    value: str
    note: str = ""


def safe(words: str) -> Html:
    """Escape words that are not `Html` yet."""
    return words if isinstance(words, Html) else Html(escape(words))


def joined(*parts: str) -> Html:
    """Put parts one after the other; empty ones leave no trace."""
    return Html("".join(safe(part) for part in parts))


def paragraph(words: str) -> Html:
    """Give a paragraph."""
    return Html(f"<p>{safe(words)}</p>")


def small_print(words: str) -> Html:
    """Give a paragraph that explains the numbers above it."""
    return Html(f'<p class="soft">{safe(words)}</p>')


def warning(words: str) -> Html:
    """Give a paragraph nobody should overlook."""
    return Html(f'<p class="warning" role="note">{safe(words)}</p>')


def bullets(lines: Iterable[str]) -> Html:
    """Give a list of lines."""
    return Html("<ul>" + "".join(f"<li>{safe(line)}</li>" for line in lines) + "</ul>")


def subtitle(words: str) -> Html:
    """Give a heading inside a section."""
    return Html(f"<h3>{safe(words)}</h3>")


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, caption: str = "", note: str = "") -> Html:
    """Give a table whose first column names the rows; columns of plain numbers stand right-aligned.

    Parameters
    ----------
    head
        The columns' names, the first may be empty.
    rows
        One cell for each name in `head`.
    note
        Small print under the table.

    Raises
    ------
    ValueError
        If a row has another number of cells than the head.
    """
    cells = [tuple(row) for row in rows]
    if any(len(row) != len(head) for row in cells):
        raise ValueError(f"a row of the table {caption!r} has not {len(head)} cells")
    right = [bool(cells) and all(_NUMBER.fullmatch(row[at]) for row in cells) for at in range(len(head))]
    css = [' class="right"' if is_right else "" for is_right in right]
    names = "".join(f'<th scope="col"{style}>{safe(name)}</th>' for name, style in zip(head, css, strict=True))
    body = "".join(f"<tr>{_row(row, css)}</tr>" for row in cells)
    title = f"<caption>{safe(caption)}</caption>" if caption else ""
    under = small_print(note) if note else ""
    made = f"<table>{title}<thead><tr>{names}</tr></thead><tbody>{body}</tbody></table>"
    return Html(
        f'<div class="wide" tabindex="0" role="group" aria-label="{escape(caption or "table")}">{made}</div>{under}'
    )


def _row(row: Sequence[str], css: Sequence[str]) -> str:
    first = f'<th scope="row"{css[0]}>{safe(row[0])}</th>'
    return first + "".join(f"<td{style}>{safe(cell)}</td>" for cell, style in zip(row[1:], css[1:], strict=True))


def folded(summary: str, *parts: str) -> Html:
    """Give something long that opens when asked for; it is printed whole."""
    return Html(f"<details><summary>{safe(summary)}</summary>{joined(*parts)}</details>")


def facts(entries: Iterable[Fact]) -> Html:
    """Give the numbers to be seen first."""
    made = "".join(
        f"<div><dt>{safe(entry.name)}</dt><dd>{safe(entry.value)}</dd>"
        + (f'<dd class="soft">{safe(entry.note)}</dd>' if entry.note else "")
        + "</div>"
        for entry in entries
    )
    return Html(f'<dl class="facts">{made}</dl>')


def figure(drawn: str, words: str = "", *, is_wide: bool = False) -> Html:
    """Give a drawing, an SVG already, with words under it; a wide one has a row of its own."""
    under = f"<figcaption>{safe(words)}</figcaption>" if words else ""
    return Html(f'<figure class="drawing{" broad" if is_wide else ""}">{drawn}{under}</figure>')


def figures(*drawn: str) -> Html:
    """Give figures side by side, as many as the page is wide; nothing if there are none."""
    return Html(f'<div class="figures">{"".join(drawn)}</div>' if drawn else "")


def columns(*parts: str) -> Html:
    """Give small tables side by side."""
    return Html(f'<div class="columns">{"".join(f"<div>{part}</div>" for part in parts)}</div>')


def stacked(words: str, below: str) -> Html:
    """Give a cell with small print under its words, for tables of many columns."""
    return Html(f"{safe(words)}<small>{safe(below)}</small>" if below else safe(words))


def picture(png: bytes, words: str, *, width: int = 224) -> Html:
    """Give a picture kept inside the page, with words under it; its words also stand for who cannot see it."""
    data = base64.b64encode(png).decode()
    return Html(
        f'<figure class="picture" style="width:{width}px"><img alt="{escape(words)}" width="{width}" '
        f'src="data:image/png;base64,{data}"><figcaption>{safe(words)}</figcaption></figure>'
    )


def pictures(shown: Iterable[str]) -> Html:
    """Give pictures in rows."""
    return Html(f'<div class="pictures">{"".join(shown)}</div>')


def section(title: str, *parts: str) -> Section:
    """Give a part of the page under a title."""
    return Section(title=title, body=joined(*parts))


def page(heading: str, sections: Sequence[Section], *, under: Iterable[str] = (), notice: str = "") -> str:
    """Put a whole page together, with a table of its contents.

    Parameters
    ----------
    under
        Lines of small print under the heading.
    notice
        What the reader must know before reading on.
    """
    links = "".join(f'<li><a href="#{each.anchor}">{safe(each.title)}</a></li>' for each in sections)
    lines = "".join(small_print(line) for line in under)
    body = "".join(
        f'<section id="{each.anchor}"><h2>{safe(each.title)}</h2>{each.body}</section>\n' for each in sections
    )
    style = STYLE.read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{safe(heading)}</title><style>{style}</style></head><body>"
        f'<nav aria-label="Contents"><ol>{links}</ol></nav>'
        f"<main><header><h1>{safe(heading)}</h1>{lines}{warning(notice) if notice else ''}</header>\n{body}</main>"
        "</body></html>\n"
    )
