"""Where a report goes."""

from pathlib import Path
from tempfile import TemporaryFile

from lingula.errors import TrainingError


def make_out_folder(out: Path) -> None:
    """Make a folder and see that it can be written, before anything is measured: an hour later is too late to hear.

    Raises
    ------
    TrainingError
        If it cannot.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=out).close()
    except OSError as error:
        raise TrainingError(f"{out} cannot be written to: {error.strerror}; name another folder with --out") from error
