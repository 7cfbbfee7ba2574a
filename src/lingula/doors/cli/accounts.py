"""``lingula users``: the people who may come in, and the way every command here opens the accounts."""

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from lingula.doors.cli.output import say, show_json, show_table

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from lingula.records.accounts import Accounts

users = typer.Typer(help="Manage the people who may log in.", no_args_is_help=True)

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
    from lingula.records.accounts import Role, User, no_such_site

    if role not in list(Role):
        raise typer.BadParameter(f"there is no role {role!r}; it is {_ROLES}")
    wanted = frozenset(SiteName(one) for one in site) if site else None
    with open_accounts_here() as accounts:
        known = {one.name for one in accounts.sites()}
        if wanted and (unknown := wanted - known):
            raise no_such_site(min(unknown), known)
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
    with open_accounts_here() as accounts:
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
    with open_accounts_here() as accounts:
        user = accounts.user(name)
        accounts.replace_user(replace(user, password_hash=_ask_password_hash(from_input=password_stdin)))
        accounts.end_sessions(user_name=name)
    say(f"user {name} has a new password; all sessions were ended")


@users.command("disable")
def disable_user(*, name: Name) -> None:
    """Let a person in no more; what they wrote stays."""
    with open_accounts_here() as accounts:
        accounts.replace_user(replace(accounts.user(name), is_active=False))
        accounts.end_sessions(user_name=name)
    say(f"user {name} may no longer log in")


def open_accounts_here() -> "AbstractContextManager[Accounts]":
    """Open the accounts that the settings name."""
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
