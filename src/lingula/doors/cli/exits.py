"""Which error ends a command with which exit code; the numbers above 63 are those of ``sysexits.h``."""

from dataclasses import dataclass

from lingula.errors import (
    BackendUnavailable,
    Conflict,
    LingulaError,
    NotAccepted,
    NotAllowed,
    NotEligible,
    NotFound,
    PackageError,
    SettingsError,
    TrainingError,
)

OK = 0
UNREADABLE = 2
USAGE = 64
INTERNAL = 70
INTERRUPTED = 130


@dataclass(frozen=True, kw_only=True)
class ExitRow:
    """One row of the table; an error takes the row of its nearest ancestor."""

    error: type[LingulaError]
    code: int
    meaning: str


EXITS = (
    ExitRow(error=NotEligible, code=OK, meaning="readable and kept, outside what is assessed"),
    ExitRow(error=NotAccepted, code=UNREADABLE, meaning="a file is no radiograph or is damaged"),
    ExitRow(error=NotFound, code=4, meaning="nothing is known under this name"),
    ExitRow(error=Conflict, code=5, meaning="it contradicts what is recorded"),
    ExitRow(error=PackageError, code=65, meaning="a model package cannot be used"),
    ExitRow(error=TrainingError, code=65, meaning="a data set, recipe or run cannot be used"),
    ExitRow(error=BackendUnavailable, code=75, meaning="a place or server does not answer; try again"),
    ExitRow(error=NotAllowed, code=77, meaning="not allowed"),
    ExitRow(error=SettingsError, code=78, meaning="a setting is missing, misspelt or unsafe"),
)

OTHERS = (
    (OK, "done"),
    (USAGE, "the command was not understood"),
    (INTERNAL, "an error inside Lingula; the message carries a trace id that the log explains"),
    (INTERRUPTED, "interrupted"),
)


def exit_code(error: LingulaError) -> int:
    """Give the exit code of the nearest ancestor that has a row.

    >>> from lingula.errors import NotDicom
    >>> exit_code(NotDicom("a text file"))
    2
    """
    codes = {row.error: row.code for row in EXITS}
    return next((codes[kind] for kind in type(error).__mro__ if kind in codes), INTERNAL)
