"""``lingula failures``: radiographs that could not be assessed, why, and trying them again."""

import getpass
import os
from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated

import typer

from lingula.doors.cli.exits import OK
from lingula.doors.cli.output import say, show_json, show_table

if TYPE_CHECKING:
    from lingula.radiology.identifiers import SiteName
    from lingula.wiring.mending import Mending

MOST_LISTED = 1000

failures = typer.Typer(help="Radiographs that could not be assessed.", no_args_is_help=True)

Sites = Annotated[
    list[str] | None, typer.Option("--site", help="Only of this hospital; may be repeated.", show_default="all")
]


@failures.command("list")
def list_failures(
    *,
    site: Sites = None,
    at_most: Annotated[int, typer.Option(min=1, max=MOST_LISTED, help="How many, the newest first.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per radiograph.")] = False,
) -> int:
    """Print what failed after its last attempt, and why."""
    from lingula.settings import load_settings
    from lingula.wiring.mending import open_mending

    with open_mending(load_settings()) as mending:
        found = mending.records.parked(_sites(mending, site), at_most)
    rows = [
        {
            "instance": one.new.id,
            "study": one.new.study,
            "site": one.new.site,
            "door": one.new.door,
            "received_at": one.new.received_at.isoformat(timespec="seconds"),
            "attempts": one.attempts,
            "reason": one.assessment.reason if one.assessment else None,
        }
        for one in found
    ]
    if as_json:
        for row in rows:
            show_json(row)
        return OK
    shown = ("instance", "site", "received_at", "attempts", "reason")
    show_table([name.upper() for name in shown], [[str(row[name] or "") for name in shown] for row in rows])
    if len(found) == at_most:
        say(f"the newest {at_most}; there may be more (--at-most)")
    return OK


@failures.command("replay")
def replay(
    *,
    instances: Annotated[
        list[str] | None, typer.Argument(metavar="ID...", help="Ids of instances.", show_default=False)
    ] = None,
    is_all: Annotated[bool, typer.Option("--all", help="All that failed.")] = False,
    site: Sites = None,
) -> int:
    """Let radiographs that failed be tried again from the beginning."""
    from lingula.radiology.identifiers import InstanceId
    from lingula.settings import load_settings
    from lingula.wiring.mending import open_mending

    if is_all == bool(instances) or (site and not is_all):
        raise typer.BadParameter("name the instances, or give --all (and --site for one hospital's)")
    with open_mending(load_settings()) as mending:
        upkeep, who = mending.upkeep, _user()
        if is_all:
            sites = _sites(mending, site)
            parked = mending.records.summary(sites).parked
            count = upkeep.replay_parked(sites, who, parked) if parked else 0
        else:
            for instance in instances or ():
                upkeep.replay(InstanceId(instance), who)
            count = len(instances or ())
    say(f"{count} {'is' if count == 1 else 'are'} tried again")
    return OK


def _user() -> str:
    """Name who asks, as the operating system does; a container may know a number only."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def _sites(mending: "Mending", names: list[str] | None) -> "Collection[SiteName] | None":
    """Give the sites named, None for all; raises `NotFound` if nothing is known of one."""
    from lingula.radiology.identifiers import SiteName
    from lingula.records.accounts import no_such_site

    if not names:
        return None
    known = mending.site_names()
    for name in names:
        if name not in known:
            raise no_such_site(name, known)
    return {SiteName(name) for name in names}
