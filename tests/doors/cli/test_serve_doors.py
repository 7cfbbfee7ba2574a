"""A DICOM port that is taken ends the program and says so; the demonstration goes on beside it."""

import os
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from made.packages import made_package
from made.servers import serving, settings_for


def test_a_taken_dicom_port_ends_the_program_with_what_to_do(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        settings = {**settings_for(tmp_path, made_package(tmp_path / "made")), "LINGULA_DICOM_PORT": str(port)}
        ended = subprocess.run(
            [sys.executable, "-m", "lingula", "serve", "--port", "0"],
            env={**os.environ, **settings},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert ended.returncode == 78, ended.stderr
    assert f"port {port}: Address already in use" in ended.stderr
    assert "LINGULA_DICOM_PORT" in ended.stderr


def test_a_demonstration_takes_the_next_dicom_port(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        settings = {**settings_for(tmp_path, made_package(tmp_path / "made")), "LINGULA_DICOM_PORT": str(port)}
        with serving("--demo", settings={**settings, "TMPDIR": str(tmp_path)}, until="password") as server:
            assert f"port {port} is taken" in server.said
            server.interrupt()
            assert server.process.returncode == 0
