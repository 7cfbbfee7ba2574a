"""The command ``lingula``: groups, help, and one place where errors become exit codes."""

import logging
import os
import secrets
import sys
from collections.abc import Sequence

import typer
from typer.main import get_command

from lingula import __version__
from lingula.doors.cli import (
    about,
    accounts,
    assess,
    compare,
    dataset,
    evaluate,
    failures,
    models,
    move,
    send,
    serve,
    simulate,
    sites,
    training,
)
from lingula.doors.cli.exits import INTERNAL, INTERRUPTED, OK, USAGE, exit_code
from lingula.doors.cli.output import NOTICE, say, show_line
from lingula.errors import LingulaError

_log = logging.getLogger(__name__)

RUN, ASK, TEACH, KEEP = "Run", "Radiographs", "Train and promote models", "Administer"

app = typer.Typer(
    name="lingula",
    help=f"Helps hospitals read the most urgent chest X-rays first. {NOTICE}",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(rich_help_panel=RUN)(serve.serve)
app.command(rich_help_panel=RUN)(serve.receive)
app.command(rich_help_panel=RUN)(serve.work)
app.command(rich_help_panel=RUN)(serve.web)
app.command(rich_help_panel=RUN)(about.health)
app.command(rich_help_panel=ASK)(assess.assess)
app.command(rich_help_panel=ASK)(send.send)
app.command(rich_help_panel=ASK)(simulate.simulate)
app.add_typer(dataset.app, name="dataset", rich_help_panel=TEACH)
app.command(rich_help_panel=TEACH)(training.train)
app.command(rich_help_panel=TEACH)(training.export)
app.command(rich_help_panel=TEACH)(evaluate.evaluate)
app.command(rich_help_panel=TEACH)(compare.compare)
app.add_typer(models.app, name="models", rich_help_panel=TEACH)
app.add_typer(accounts.users, name="users", rich_help_panel=KEEP)
app.add_typer(sites.sites, name="sites", rich_help_panel=KEEP)
app.add_typer(failures.failures, name="failures", rich_help_panel=KEEP)
app.command(rich_help_panel=KEEP)(move.move)
app.command(rich_help_panel=KEEP)(about.settings)


def _version(*, is_asked: bool) -> None:
    if is_asked:
        show_line(f"lingula {__version__}")
        raise typer.Exit


@app.callback()
def _lingula(
    *,
    _version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    pass


def command_names() -> list[str]:
    """Give the names of all commands and groups."""
    return [one.name or (one.callback.__name__ if one.callback else "") for one in app.registered_commands] + [
        group.name or "" for group in app.registered_groups
    ]


def run(arguments: Sequence[str]) -> int:
    """Carry out one command line and give its exit code; messages for people go to standard error."""
    try:
        command = get_command(app)
        with command.make_context("lingula", list(arguments)) as context:
            outcome = command.invoke(context)
        sys.stdout.flush()
    except Exception as error:  # noqa: BLE001 - the door's outermost layer
        return _explain(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    return outcome if isinstance(outcome, int) else OK


def _explain(error: Exception) -> int:
    """Say what went wrong and give the exit code."""
    match error:
        case typer.Exit():
            return error.exit_code
        case typer.Abort():
            return INTERRUPTED
        case typer.TyperException():
            if message := error.format_message().rstrip("."):  # empty where the help was printed instead
                say(f"lingula: {message}; `lingula --help` shows what there is")
            return USAGE
        case LingulaError():
            say(f"lingula: {error}")
            return exit_code(error)
        case BrokenPipeError():  # `lingula ... | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return OK
    trace_id = secrets.token_hex(4)
    _log.error("a command ended with an unforeseen error", exc_info=error, extra={"trace_id": trace_id})
    say(f"lingula: an error inside Lingula (trace id {trace_id}); please report it with the lines above")
    return INTERNAL


def main() -> None:
    """Be the program."""
    sys.exit(run(sys.argv[1:]))
