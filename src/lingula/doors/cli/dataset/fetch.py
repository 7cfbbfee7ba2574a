"""``lingula dataset fetch``: a public set from the web, checked and ready to be read."""

from pathlib import Path
from typing import Annotated

import typer

from lingula.doors.cli.output import Tally, say, show_json

_MB = 1_000_000


def fetch(
    *,
    name: Annotated[str, typer.Argument(help="The public set, such as kermany.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The folder to put it into.", show_default=False)],
    archive: Annotated[
        Path | None, typer.Option(help="The archive, if it was fetched by hand; checked just the same.")
    ] = None,
) -> None:
    """Fetch a public data set, check its digest and unpack it; called again, it goes on where it broke off."""
    from lingula.training.sources.catalogue import PUBLIC_SETS, archive_of
    from lingula.training.sources.fetch import fetch_set

    wanted = archive_of(name)
    terms = PUBLIC_SETS[name].terms
    say(f"{terms.title}; licence: {terms.licence}")
    with Tally("fetched MB", wanted.size_bytes // _MB) as transfer, Tally("unpacked", None) as files:
        is_new = fetch_set(
            wanted,
            out,
            given=archive,
            progress=(lambda done, total: transfer.show(done // _MB, total // _MB), files.show),
        )
    say(f"{'wrote' if is_new else 'there already:'} {out}; cite: {terms.citation}")
    show_json({"dataset": f"{name}:{out}", "fetched": is_new, "sha256": wanted.sha256})
