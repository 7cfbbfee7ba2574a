"""Python environments of their own under ``build/`` for what others built; made the first time, and then kept."""

import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks.ground import LeftOut, say

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build"
_READY = "ready"  # holds what was installed, so that other versions are fetched when the words here change
_TENSORFLOW = "tensorflow-cpu" if sys.platform == "linux" and os.uname().machine == "x86_64" else "tensorflow"
_SHOWN_CHARACTERS = 400


@dataclass(frozen=True, kw_only=True)
class Environment:
    """A folder of ``build/`` and what is installed there, in pip's words, each with its version."""

    name: str
    requirements: tuple[str, ...]

    def python(self, build: Path = BUILD) -> Path:
        """Make the environment unless it is there, and give its Python.

        Raises
        ------
        LeftOut
            If something cannot be installed; says what pip said last.
        """
        folder = build / self.name
        python, ready, wanted = folder / "bin" / "python", folder / _READY, "\n".join(self.requirements)
        if ready.exists() and ready.read_text() == wanted:
            return python
        say(f"  installing {self.requirements[0]} and what it needs into {folder} (some minutes, the first time)")
        if not ready.exists():
            venv.create(folder, with_pip=True, clear=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *self.requirements]
        run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our words
        if run.returncode:
            raise LeftOut(f"{self.requirements[0]} cannot be installed: {run.stderr.strip()[-_SHOWN_CHARACTERS:]}")
        ready.write_text(wanted)
        return python


KERAS = Environment(
    name="keras",
    requirements=(
        f"{_TENSORFLOW}==2.21.0",
        "keras==3.15.1",
        "flask==3.1.3",
        "gunicorn==27.0.1",
        "redis==8.1.0",
        "pillow==13.0.0",
    ),
)


def as_here(*names: str) -> tuple[str, ...]:
    """Give the requirements that install the very versions which serving has here."""
    return tuple(f"{name}=={version(name)}" for name in names)
