"""What every server of the tests shares: finding its program, a free port, starting, waiting, stopping."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

START_SECONDS = 30.0
STOP_SECONDS = 20.0
_LOOK_SECONDS = 0.02


def program(name: str, *, package: str, folders: Sequence[str] = ()) -> str:
    """Give a program's path; without it the test is skipped with the words that install it, or fails under CI."""
    found = shutil.which(name, path=os.pathsep.join([*folders, os.environ.get("PATH", os.defpath), "/usr/sbin"]))
    if found is not None:
        return found
    advice = f"{name} is not installed: on Debian `apt-get install {package}`"
    if os.environ.get("CI") == "true":
        pytest.fail(advice)
    pytest.skip(advice)


def free_port() -> int:
    """Give a port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Tell whether somebody takes connections there."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def running(
    command: Sequence[str],
    *,
    is_ready: Callable[[], bool],
    log: Path,
    settings: Mapping[str, str] | None = None,
    user: str | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends, once it is ready; its words go to `log`.

    Parameters
    ----------
    user
        Whose process it is, for programs that refuse root; None means ours.
    """
    with log.open("ab") as words:
        process = subprocess.Popen(
            command, stdout=words, stderr=words, env={**os.environ, **(settings or {})}, user=user, cwd=log.parent
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not is_ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{command[0]} did not start:\n{log.read_text(errors='replace')[-3000:]}")
            time.sleep(_LOOK_SECONDS)
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End our own child: asked first, then made to."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_SECONDS)
