"""Every error ends a command with the exit code of its row, and with a message for people."""

import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest
import typer
from made.commands import Lingula

from lingula import __version__
from lingula.doors.cli import exits, main
from lingula.errors import BackendUnavailable, LingulaError, NotDicom


def every_error() -> Iterator[type[LingulaError]]:
    waiting = [LingulaError]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind is not LingulaError:
            yield kind


@pytest.mark.parametrize("kind", sorted(every_error(), key=str))
def test_every_error_has_a_row_of_its_own_or_of_an_ancestor(kind: type[LingulaError]) -> None:
    rows = {row.error for row in exits.EXITS}
    assert rows & set(kind.__mro__)
    assert exits.exit_code(kind("said")) != exits.INTERNAL


def test_the_codes_are_those_of_the_conventions() -> None:
    assert exits.exit_code(NotDicom("x")) == 2
    assert exits.exit_code(BackendUnavailable("x")) == 75


@pytest.fixture
def failing() -> Iterator[dict[str, Exception]]:
    """A command that raises what a test puts here."""
    holder: dict[str, Exception] = {}

    def fail() -> None:
        raise holder["error"]

    main.app.command("fail-for-tests")(fail)
    yield holder
    main.app.registered_commands.pop()


def test_an_error_of_ours_is_said_in_one_line(lingula: Lingula, failing: dict[str, Exception]) -> None:
    failing["error"] = NotDicom("the bytes are plain text; send DICOM")
    ended = lingula("fail-for-tests")
    assert (ended.code, ended.out, ended.err) == (2, "", "lingula: the bytes are plain text; send DICOM\n")


def test_anything_else_is_logged_under_the_trace_id_that_is_shown(
    lingula: Lingula, failing: dict[str, Exception], caplog: pytest.LogCaptureFixture
) -> None:
    failing["error"] = RuntimeError("unforeseen")
    ended = lingula("fail-for-tests")
    assert ended.code == 70
    record = next(record for record in caplog.records if record.levelno == logging.ERROR)
    assert str(record.__dict__["trace_id"]) in ended.err
    assert record.exc_info is not None


@pytest.mark.parametrize("error", [typer.Abort(), KeyboardInterrupt()])
def test_an_interrupted_command_ends_with_130(
    lingula: Lingula, failing: dict[str, Exception], error: Exception
) -> None:
    failing["error"] = error
    assert lingula("fail-for-tests").code == 130


def test_a_pipe_that_was_closed_is_no_error() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "lingula", "settings"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        program.stdout.close()
        assert (program.stderr.read(), program.wait()) == ("", 0)


def test_an_unknown_command_or_option_ends_with_64(lingula: Lingula) -> None:
    for words in (["nothing"], ["assess", "--nothing"], ["send", "a.jpg"]):
        ended = lingula(*words)
        assert ended.code == 64
        assert ended.err.startswith("lingula: ")


def test_the_version_is_printed(lingula: Lingula) -> None:
    ended = lingula("--version")
    assert (ended.code, ended.out) == (0, f"lingula {__version__}\n")


@pytest.mark.parametrize("name", main.command_names())
def test_every_command_explains_itself(lingula: Lingula, name: str) -> None:
    ended = lingula(name, "--help")
    assert ended.code == 0
    assert f"lingula {name}" in ended.out


def test_help_groups_the_commands(lingula: Lingula) -> None:
    printed = lingula("--help").out
    for panel in (main.RUN, main.ASK, main.TEACH, main.KEEP):
        assert panel in printed
