"""How a command of the program ended, for tests of the command line."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, object]]:
        """The JSON lines of standard output."""
        return [json.loads(line) for line in self.out.splitlines()]


class Lingula(Protocol):
    """The program as tests call it."""

    def __call__(self, *words: str | Path) -> Ended:
        """Carry out one command line."""
        ...
