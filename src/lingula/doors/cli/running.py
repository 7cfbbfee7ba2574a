"""What `lingula serve` and its parts share: settings, a port, a system of these parts, and HTTP until a signal."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from lingula import __version__
from lingula.doors.cli.output import NOTICE, say
from lingula.errors import Conflict

if TYPE_CHECKING:
    from lingula.settings import FlagValue
    from lingula.wiring import System

ADMINISTRATOR = "admin"


def run_parts(flags: "Mapping[str, FlagValue]", names: Collection[str]) -> None:
    """Run a process of these parts until it is told to stop.

    Parameters
    ----------
    flags
        Values from the command line by the setting's name; None means not given.
    names
        Names of `lingula.wiring.Part`; that module is loaded only after the port is taken.

    Raises
    ------
    SettingsError, BackendUnavailable, NotFound, PackageError
        If a setting is wrong, a place or door cannot be opened, or the model package cannot be used.
    """
    from lingula.doors.cli.server import address_of, bind, serve_http
    from lingula.log import set_up_log
    from lingula.settings import load_settings

    settings = load_settings(flags)
    set_up_log(settings.log_level, settings.log_style)
    listening = bind(settings.http_host, settings.http_port)
    try:
        from lingula.wiring import Part, build_system

        system = build_system(settings, parts=[Part(name) for name in names])
        if Part.WEB in system.parts:
            _add_administrator(system)
        serve_http(system, listening, lambda: _announce(system, address_of(listening)))
    finally:
        listening.close()


def _announce(system: "System", address: str) -> None:
    say(f"Lingula {__version__} is ready at {address} ({_described(system)}). {NOTICE}")
    if _shows_pages(system) and not system.accounts.users():
        say(
            "nobody can log in yet: `lingula users add NAME`, and `lingula sites add NAME` for each hospital that sends"
        )


def _described(system: "System") -> str:
    from lingula.wiring import ALL, Part

    told = [] if system.parts >= ALL else [f"part {part}" for part in Part if part in system.parts]
    told += [] if system.parts == {Part.RECEIVE} else [f"package {system.package.label}"]
    return ", ".join([*told, f"home {system.settings.home}"])


def _shows_pages(system: "System") -> bool:
    return "web" in system.parts


def _add_administrator(system: "System") -> None:
    """Make the first administrator a container is told of; somebody already there keeps their password."""
    from lingula.doors.credentials import hash_password
    from lingula.records.accounts import Role, User

    password = system.settings.admin_password
    if password is None or ADMINISTRATOR in {user.name for user in system.accounts.users()}:
        return
    user = User(
        name=ADMINISTRATOR,
        display_name="Administrator",
        role=Role.ADMINISTRATOR,
        password_hash=hash_password(password.get_secret_value()),
    )
    try:
        system.accounts.add_user(user)
    except Conflict:  # another process of this part was started at the same moment and was quicker
        return
