"""``lingula serve``: everything on one machine with one command."""

from typing import TYPE_CHECKING, Annotated

import typer

from lingula import __version__
from lingula.doors.cli.exits import OK
from lingula.doors.cli.output import NOTICE, say

if TYPE_CHECKING:
    from lingula.settings import FlagValue
    from lingula.wiring import System

ADMINISTRATOR = "admin"


def serve(
    *,
    demo: Annotated[bool, typer.Option("--demo", help="Show it: sample radiographs, a login, nothing kept.")] = False,
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.", show_default="8000")] = None,
    package: Annotated[
        str | None, typer.Option(help="Model package: a path, NAME or NAME-VERSION.", show_default="the one promoted")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Threads that assess.", show_default="one per core")] = None,
) -> int:
    """Receive, assess and show radiographs until Ctrl-C."""
    flags: dict[str, FlagValue] = {"http_host": host, "http_port": port, "package": package, "workers": workers}
    if demo:
        from lingula.doors.cli.demo import serve_demo

        serve_demo(flags)
    else:
        _serve(flags)
    return OK


def _serve(flags: "dict[str, FlagValue]") -> None:
    from lingula.doors.cli.server import address_of, bind, serve_http
    from lingula.log import set_up_log
    from lingula.settings import load_settings

    settings = load_settings(flags)
    set_up_log(settings.log_level, settings.log_style)
    listening = bind(settings.http_host, settings.http_port)
    try:
        from lingula.wiring import build_system

        system = build_system(settings)
        _add_administrator(system)
        serve_http(system, listening, lambda: _announce(system, address_of(listening)))
    finally:
        listening.close()


def _announce(system: "System", address: str) -> None:
    say(
        f"Lingula {__version__} is ready at {address} (package {system.package.label}, home {system.settings.home}). "
        f"{NOTICE}"
    )
    if not system.accounts.users():
        say(
            "nobody can log in yet: `lingula users add NAME`, and `lingula sites add NAME` for each hospital that sends"
        )


def _add_administrator(system: "System") -> None:
    """Make the first administrator a container is told of; somebody already there keeps their password."""
    from lingula.doors.credentials import hash_password
    from lingula.records.accounts import Role, User

    password = system.settings.admin_password
    if password is None or ADMINISTRATOR in {user.name for user in system.accounts.users()}:
        return
    system.accounts.add_user(
        User(
            name=ADMINISTRATOR,
            display_name="Administrator",
            role=Role.ADMINISTRATOR,
            password_hash=hash_password(password.get_secret_value()),
        )
    )
