"""The real program in a process of its own, for tests that see it as a hospital does."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

READY = re.compile(r"http://127\.0\.0\.1:\d+")
STOP_SECONDS = 60.0


@dataclass
class Served:
    """A running `lingula serve`."""

    process: subprocess.Popen[str]
    address: str
    said: str  # on standard error until it was ready

    def interrupt(self) -> str:
        """Press Ctrl-C and give what it still says."""
        self.process.send_signal(signal.SIGINT)
        _, rest = self.process.communicate(timeout=STOP_SECONDS)
        return rest


@contextmanager
def serving(*words: str, settings: Mapping[str, str], until: str = "Lingula supports") -> Iterator[Served]:
    """Start `lingula serve` on any free port and wait until it says `until`; end it whatever happens."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("LINGULA_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "lingula", "serve", "--port", "0", *words],
        env={**outside, "LINGULA_DICOM_PORT": "0", **settings},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        said = _read_until(process, until)
        found = READY.search(said)
        assert found, said
        yield Served(process=process, address=found.group(), said=said)
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=STOP_SECONDS)


def _read_until(process: subprocess.Popen[str], until: str) -> str:
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if until in said and READY.search(said):
            return said
    raise AssertionError(f"the server ended before it was ready: {said}")


def settings_for(home: Path, package: Path) -> dict[str, str]:
    """Give a server a home of its own and a package."""
    return {
        "LINGULA_HOME": str(home),
        "LINGULA_PACKAGE": str(package),
        "LINGULA_LOG_LEVEL": "warning",
        "LINGULA_DICOM_PORT": "0",  # any: several servers may run beside one another
    }
