"""``lingula users`` and ``lingula sites``: who may come in, and with which key."""

import re
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from lingula.doors.cli.output import say, show_json, show_line, show_table

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from lingula.records.accounts import Accounts

users = typer.Typer(help="Manage the people who may log in.", no_args_is_help=True)
sites = typer.Typer(help="Manage the hospitals that send, and their keys.", no_args_is_help=True)

_AE_TITLE_LENGTH = 16  # characters, DICOM PS3.5 6.2, AE
_ROLES = "technician, doctor or administrator"

Name = Annotated[str, typer.Argument(help="The name to log in with.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
FromInput = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]


@users.command("add")
def add_user(
    *,
    name: Name,
    role: Annotated[str, typer.Option(help=f"What the person may do: {_ROLES}.")] = "doctor",
    display_name: Annotated[str | None, typer.Option(help="The name others see.", show_default="NAME")] = None,
    site: Annotated[
        list[str] | None, typer.Option(help="A site the person sees; may be repeated.", show_default="all sites")
    ] = None,
    password_stdin: FromInput = False,
) -> None:
    """Add a person; the password is asked for."""
    from lingula.radiology.identifiers import SiteName
    from lingula.records.accounts import Role, User

    if role not in list(Role):
        raise typer.BadParameter(f"there is no role {role!r}; it is {_ROLES}")
    wanted = frozenset(SiteName(one) for one in site) if site else None
    with _open_accounts() as accounts:
        if wanted and (unknown := wanted - {one.name for one in accounts.sites()}):
            raise typer.BadParameter(f"there is no site {min(unknown)!r}; `lingula sites list` shows them")
        accounts.add_user(
            User(
                name=name,
                display_name=display_name or name,
                role=Role(role),
                password_hash=_ask_password_hash(from_input=password_stdin),
                sites=wanted,
            )
        )
    say(f"user {name} was added as {role}")


@users.command("list")
def list_users(*, as_json: AsJson = False) -> None:
    """Print everybody who has an account."""
    with _open_accounts() as accounts:
        found = accounts.users()
    if as_json:
        for user in found:
            names = sorted(user.sites) if user.sites is not None else None
            show_json(
                {"name": user.name, "display_name": user.display_name, "role": user.role.value}
                | {"sites": names, "is_active": user.is_active}
            )
        return
    show_table(
        ("NAME", "DISPLAY NAME", "ROLE", "SITES", "ACTIVE"),
        [
            (
                user.name,
                user.display_name,
                user.role.value,
                "all" if user.sites is None else ", ".join(sorted(user.sites)),
                "yes" if user.is_active else "no",
            )
            for user in found
        ],
    )


@users.command("passwd")
def change_password(*, name: Name, password_stdin: FromInput = False) -> None:
    """Give a person a new password and end all sessions of theirs."""
    with _open_accounts() as accounts:
        user = accounts.user(name)
        accounts.replace_user(replace(user, password_hash=_ask_password_hash(from_input=password_stdin)))
        accounts.end_sessions(user_name=name)
    say(f"user {name} has a new password; all sessions were ended")


@users.command("disable")
def disable_user(*, name: Name) -> None:
    """Let a person in no more; what they wrote stays."""
    with _open_accounts() as accounts:
        accounts.replace_user(replace(accounts.user(name), is_active=False))
        accounts.end_sessions(user_name=name)
    say(f"user {name} may no longer log in")


@sites.command("add")
def add_site(
    *,
    name: Annotated[str, typer.Argument(help="The hospital's short name, such as st-anne.")],
    ae_title: Annotated[str | None, typer.Option(help="Its DICOM AE title.", show_default="made from NAME")] = None,
    as_json: AsJson = False,
) -> None:
    """Add a hospital; its API key is printed this once and kept only as a digest."""
    from lingula.doors.credentials import digest, new_secret
    from lingula.radiology.identifiers import SiteName
    from lingula.records.accounts import Site

    title = ae_title or re.sub(r"[^A-Z0-9]+", "_", name.upper())[:_AE_TITLE_LENGTH].strip("_")
    if not re.fullmatch(rf"[A-Z0-9_ .-]{{1,{_AE_TITLE_LENGTH}}}", title):
        raise typer.BadParameter(f"AE title {title!r}: 1 to {_AE_TITLE_LENGTH} capitals, digits, '_', '.', '-'")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", name):
        raise typer.BadParameter(f"site name {name!r}: 1 to 63 letters, digits, '-', '_', beginning with no sign")
    key = new_secret()
    with _open_accounts() as accounts:
        accounts.add_site(Site(name=SiteName(name), ae_title=title, api_key_sha256=digest(key)))
    if as_json:
        show_json({"site": name, "ae_title": title, "api_key": key})
        return
    for label, value in (("site", name), ("AE title", title), ("API key", key)):
        show_line(f"{label:<9} {value}")
    say("the key is shown this once; give it to the hospital over a safe way")


@sites.command("list")
def list_sites(*, as_json: AsJson = False) -> None:
    """Print every hospital and its AE title; keys are not kept."""
    with _open_accounts() as accounts:
        found = accounts.sites()
    if as_json:
        for site in found:
            show_json({"site": site.name, "ae_title": site.ae_title})
        return
    show_table(("SITE", "AE TITLE"), [(site.name, site.ae_title) for site in found])


def _open_accounts() -> "AbstractContextManager[Accounts]":
    from lingula.settings import load_settings
    from lingula.wiring.places import open_accounts

    return open_accounts(load_settings())


def _ask_password_hash(*, from_input: bool) -> str:
    from lingula.doors.credentials import hash_password

    password = (
        sys.stdin.readline().rstrip("\r\n")
        if from_input
        else typer.prompt("password", hide_input=True, confirmation_prompt=True)
    )
    return hash_password(password)
