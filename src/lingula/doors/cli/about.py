"""``lingula settings`` and ``lingula health``: what this installation is told, and how it fares."""

from collections.abc import Mapping
from typing import Annotated

import typer

from lingula.doors.cli.exits import OK
from lingula.doors.cli.output import Plain, show_json, show_line, show_table
from lingula.errors import BackendUnavailable

_NOT_READY = 75  # sysexits.h EX_TEMPFAIL: try again
_OTHER = "what answers at {} is no Lingula; check host and port"


def settings(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per setting.")] = False,
) -> None:
    """Print the effective settings, where each came from, and what it means; secrets are masked."""
    from lingula.settings import describe_settings, load_settings

    described = describe_settings(load_settings())
    if as_json:
        for one in described:
            show_json({"name": one.name, "value": one.value, "source": one.source.value, "meaning": one.meaning})
        return
    show_table(("NAME", "VALUE", "FROM"), [(one.name, one.value or "", one.source.value) for one in described])


def health(
    *,
    url: Annotated[
        str | None, typer.Option(help="Address of a running Lingula.", show_default="this machine's")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> int:
    """Ask a running Lingula whether it is ready; ends with 0 if it is, 75 if it is not."""
    from lingula.settings import load_settings

    effective = load_settings()
    address = (url or f"http://{effective.http_host}:{effective.http_port}").rstrip("/")
    is_ready, told = _ask(address)
    if as_json:
        show_json(told)
    else:
        show_line(f"{address} is {'ready' if is_ready else 'not ready'}")
        for name, state in told.items():
            if isinstance(state, Mapping):
                show_line(f"  {name}:")
                for part, how in state.items():
                    show_line(f"    {part}: {how}")
            elif state is not None:
                show_line(f"  {name}: {state}")
    return OK if is_ready else _NOT_READY


def _ask(address: str) -> tuple[bool, Mapping[str, Plain]]:
    """Give whether the Lingula there is ready, and what it tells."""
    import httpx

    try:
        answer = httpx.get(f"{address}/health/ready", timeout=10.0)
        told = answer.json()
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise typer.BadParameter(f"--url {address!r} is not of the form http://host:8000") from error
    except httpx.HTTPError as error:
        raise BackendUnavailable(f"no Lingula answers at {address}: {type(error).__name__}; is it started?") from error
    except ValueError as error:
        raise BackendUnavailable(_OTHER.format(address)) from error
    if not isinstance(told, dict) or "status" not in told:
        raise BackendUnavailable(_OTHER.format(address))
    return answer.is_success, told
