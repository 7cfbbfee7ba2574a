"""``lingula serve``: everything on one machine with one command; ``receive``, ``work`` and ``web``: its parts."""

from typing import TYPE_CHECKING, Annotated

import typer

from lingula.doors.cli.exits import OK

if TYPE_CHECKING:
    from lingula.settings import FlagValue

RECEIVE, WORK, WEB = "receive", "work", "web"

Host = Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")]
Port = Annotated[int | None, typer.Option(help="Port to listen on.", show_default="8000")]
Package = Annotated[
    str | None, typer.Option(help="Model package: a path, NAME or NAME-VERSION.", show_default="the one promoted")
]
Workers = Annotated[int | None, typer.Option(help="Threads that assess.", show_default="one per core")]


def serve(
    *,
    demo: Annotated[bool, typer.Option("--demo", help="Show it: sample radiographs, a login, nothing kept.")] = False,
    host: Host = None,
    port: Port = None,
    package: Package = None,
    workers: Workers = None,
) -> int:
    """Receive, assess and show radiographs until Ctrl-C."""
    flags: dict[str, FlagValue] = {"http_host": host, "http_port": port, "package": package, "workers": workers}
    if demo:
        from lingula.doors.cli.demo import serve_demo

        serve_demo(flags)
    else:
        _run(flags, RECEIVE, WORK, WEB)
    return OK


def receive(*, host: Host = None, port: Port = None) -> int:
    """Only receive radiographs, through every door, until Ctrl-C; other processes assess and show them."""
    _run({"http_host": host, "http_port": port}, RECEIVE)
    return OK


def work(*, host: Host = None, port: Port = None, package: Package = None, workers: Workers = None) -> int:
    """Only assess what others received, until Ctrl-C; HTTP answers health, metrics and the Open Inference Protocol."""
    _run({"http_host": host, "http_port": port, "package": package, "workers": workers}, WORK)
    return OK


def web(*, host: Host = None, port: Port = None, package: Package = None) -> int:
    """Only show radiographs and take reviews, by pages and API, until Ctrl-C."""
    _run({"http_host": host, "http_port": port, "package": package}, WEB)
    return OK


def _run(flags: "dict[str, FlagValue]", *parts: str) -> None:
    from lingula.doors.cli.running import run_parts

    run_parts(flags, parts)
