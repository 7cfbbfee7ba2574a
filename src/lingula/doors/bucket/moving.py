"""Moves a file out of the way of the next look, inside its own watched folder, and never over another file."""

import errno
import logging
import os
import stat
from collections.abc import Callable
from itertools import count
from pathlib import Path

DONE, REFUSED = "done", "refused"
REASON = ".reason.txt"

_CANNOT = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.EXDEV, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR})

_log = logging.getLogger(__name__)


def move_away(root: Path, path: Path, is_same: Callable[[os.stat_result], bool], reason: str | None = None) -> bool:
    """Move a file below `root` to the same place below ``done`` or ``refused``; False if this may not be done here.

    Parameters
    ----------
    is_same
        Whether it is still the file that was read; another one under its name stays where it is.
    reason
        Why it was refused, written into a file beside it for whoever looks after the folder; None if it was taken.
    """
    try:
        target = _free_name(root / (DONE if reason is None else REFUSED), path.relative_to(root))
        if target is None:
            return False
        if not is_same(os.lstat(path)):
            return True
        path.rename(target)
        if not is_same(os.lstat(target)):  # replaced in this very moment
            target.rename(path)
            return True
        if reason is not None:
            target.with_name(target.name + REASON).write_text(f"{reason}\n", encoding="utf-8")
    except FileNotFoundError:
        return True  # another process, or a person, was faster
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
        _log.info(
            "files of a watched folder cannot be moved; they stay and are remembered", extra={"reason": _said(error)}
        )
        return False
    return True


def _free_name(folder: Path, relative: Path) -> Path | None:
    """Make the folders of a new place and find a name nobody has; None if a link or a file is in the way."""
    for part in (folder, *(folder / one for one in reversed(relative.parents) if one != Path())):
        part.mkdir(exist_ok=True)
        if not stat.S_ISDIR(os.lstat(part).st_mode):
            return None
    for number in count():
        target = folder / relative if number == 0 else folder / relative.with_stem(f"{relative.stem}-{number + 1}")
        if not os.path.lexists(target):
            return target
    return None


def _said(error: OSError) -> str:
    return error.strerror or type(error).__name__
