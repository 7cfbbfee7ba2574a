"""``lingula move``: from one machine to many, with every id as it was."""

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote, urlsplit

import typer

from lingula.doors.cli.output import Tally, say, show_json, show_line

if TYPE_CHECKING:
    from lingula.wiring.moving import Ends, MoveTally

_LEFT_OUT_SHOWN = 20  # damaged radiographs named; the count says how many there are

FromRecords = Annotated[str, typer.Option(help="The records to carry from, such as sqlite:///path.")]
FromStore = Annotated[str, typer.Option(help="The store to carry from, such as file:///path.")]
ToRecords = Annotated[
    str,
    typer.Option(
        help="The records to carry to, such as postgresql://user@host/database; PGPASSWORD may hold a password."
    ),
]
ToStore = Annotated[str, typer.Option(help="The store to carry to, such as s3://bucket?endpoint=https://host:9000.")]


def move(  # noqa: PLR0913  # each is an option
    *,
    from_records: FromRecords,
    from_store: FromStore,
    to_records: ToRecords,
    to_store: ToStore,
    site: Annotated[str | None, typer.Option(help="The hospital to carry.", show_default=False)] = None,
    is_all: Annotated[bool, typer.Option("--all", help="Carry every hospital, and what belongs to none.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the tally as JSON.")] = False,
) -> None:
    """Carry hospitals to other places, ids intact; stop Lingula first. Running it again goes on where it ended."""
    from lingula.errors import Conflict
    from lingula.wiring.moving import count_studies, move_sites, sites_to_move

    if (site is None) == (not is_all):
        raise typer.BadParameter("say which hospital: --site NAME, or --all")
    if from_records == to_records:
        raise typer.BadParameter("the records to carry from and to are the same")
    with ExitStack() as opened:
        ends = _opened(opened, (from_records, from_store), (to_records, to_store))
        wanted = sites_to_move(ends, site)
        total = count_studies(ends, wanted)
        with Tally("studies", total=total) as shown:
            tally = move_sites(ends, wanted, is_all=is_all, notify=lambda so_far: shown.show(so_far.studies, total))
    _show(tally, as_json=as_json)
    if not tally.is_whole:
        raise Conflict(_left_out(tally))


def _opened(opened: ExitStack, giving: tuple[str, str], taking: tuple[str, str]) -> "Ends":
    from lingula.records.records import open_records
    from lingula.stores.store import open_store
    from lingula.wiring.moving import Ends

    _refuse_missing(giving)
    from_records = open_records(_with_password(giving[0]))
    opened.callback(from_records.records.close)
    from_store = open_store(giving[1])
    opened.callback(from_store.close)
    to_records = open_records(_with_password(taking[0]))
    opened.callback(to_records.records.close)
    to_store = open_store(taking[1])
    opened.callback(to_store.close)
    return Ends(from_records=from_records, from_store=from_store, to_records=to_records, to_store=to_store)


def _refuse_missing(giving: tuple[str, str]) -> None:
    """Look for file and folder first: opening what is not there would make it, or call every original lost."""
    from pathlib import Path
    from urllib.parse import unquote

    from lingula.errors import NotFound

    records, store = (urlsplit(url) for url in giving)
    if records.scheme == "sqlite" and not Path(unquote(records.path)).is_file():
        raise NotFound(f"there is no file {unquote(records.path)}; check --from-records")
    if store.scheme == "file" and not Path(unquote(store.path)).is_dir():
        raise NotFound(f"there is no folder {unquote(store.path)}; check --from-store")


def _with_password(url: str) -> str:
    """Take the password from where libpq takes it, so that it need not stand on a command line others can read."""
    parts, password = urlsplit(url), os.environ.get("PGPASSWORD")
    if parts.scheme != "postgresql" or not password or parts.password is not None or not parts.username:
        return url
    user, _, place = parts.netloc.partition("@")
    return parts._replace(netloc=f"{user}:{quote(password, safe='')}@{place}").geturl()


def _show(tally: "MoveTally", *, as_json: bool) -> None:
    counts = {
        "sites": tally.sites,
        "users": tally.users,
        "studies": tally.studies,
        **{f"studies_{outcome}": number for outcome, number in tally.by_outcome.items()},
        "originals": tally.originals,
        "original_bytes": tally.original_bytes,
        "log_lines": tally.log_lines,
        "damaged": len(tally.damaged),
    }
    if as_json:
        show_json(counts)
        return
    for name, number in counts.items():
        show_line(f"{name.replace('_', ' '):<15} {number}")


def _left_out(tally: "MoveTally") -> str:
    from lingula.records.moves import Taken

    for instance in tally.damaged[:_LEFT_OUT_SHOWN]:
        say(f"the original of instance {instance} is lost or changed; its study was left")
    return (
        f"{len(tally.damaged)} originals are lost or changed and {tally.by_outcome[Taken.AHEAD]} studies have gone on "
        "at the place to move to; all others were carried"
    )
