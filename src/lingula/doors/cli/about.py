"""``lingula settings`` and ``lingula health``: what this installation is told, and how it fares."""

from typing import Annotated

import typer

from lingula.doors.cli.exits import OK
from lingula.doors.cli.output import show_json, show_line, show_table
from lingula.errors import BackendUnavailable

_NOT_READY = 75  # sysexits.h EX_TEMPFAIL: try again


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
    import httpx

    from lingula.settings import load_settings

    effective = load_settings()
    address = (url or f"http://{effective.http_host}:{effective.http_port}").rstrip("/")
    try:
        answer = httpx.get(f"{address}/health/ready", timeout=10.0)
        parts: dict[str, object] = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise BackendUnavailable(f"no Lingula answers at {address}: {type(error).__name__}; is it started?") from error
    if as_json:
        show_line(answer.text.strip())
    else:
        show_line(f"{address} is {'ready' if answer.is_success else 'not ready'}")
        for name, state in parts.items():
            show_line(f"  {name}: {state}")
    return OK if answer.is_success else _NOT_READY
