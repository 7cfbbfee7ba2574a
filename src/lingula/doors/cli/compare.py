"""``lingula compare``: runs and reports side by side, with tests; needs no training extra."""

from pathlib import Path
from typing import Annotated

import typer

from lingula.doors.cli.output import say, show_line, show_table

Runs = Annotated[
    list[Path],
    typer.Argument(
        metavar="RUN...",
        help="Folders of `lingula train` or `lingula evaluate`, or tables like their predictions.csv; the first is "
        "what the others are compared with.",
        show_default=False,
    ),
]
Out = Annotated[
    Path | None, typer.Option(help="Folder for the table (Markdown, CSV, JSON) and the curves.", show_default="none")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print what comparison.json holds, on one line.")]


def compare(*, runs: Runs, out: Out = None, as_json: AsJson = False) -> None:
    """Put runs side by side and test, on the radiographs both judged, whether one is better."""
    from pydantic import TypeAdapter

    from lingula.training.comparing import Comparison, compare_runs, table_lines

    found = compare_runs(runs, out=out)
    if as_json:
        show_line(TypeAdapter(Comparison).dump_json(found).decode())
    else:
        for head, *rows in table_lines(found):
            show_table(head, rows)
            show_line("")
    for note in found.notes:
        say(f"note: {note}")
    if out is not None:
        say(f"wrote {out / 'comparison.md'}")
