"""Puts radiographs into a folder that somebody watches; each appears there whole or not at all."""

import contextlib
import os
import secrets
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lingula.doors.sending.naming import name_for
from lingula.doors.sending.patience import NOT_SAID, Patience
from lingula.doors.sending.sender import Outcome, Sent
from lingula.errors import BackendUnavailable, NotAllowed, NotFound, SettingsError


class FileSender:
    """Writes under a hidden name, makes it durable, then gives it its name in one step.

    Parameters
    ----------
    url
        ``file:///folder``; the folder must exist, so that a share that is not mounted is noticed.
    patience
        How long and how often to try again, for example on a full disk.
    """

    def __init__(self, url: str, patience: Patience) -> None:
        parts = urlsplit(url)
        if parts.netloc not in {"", "localhost"} or not parts.path:
            raise SettingsError("a folder is named by its whole path with three slashes, such as file:///srv/incoming")
        self._folder = Path(unquote(parts.path))
        self._patience = patience

    def close(self) -> None:
        """Nothing is held."""

    def send(self, data: bytes, name: str = "") -> Sent:
        """Put one file into the folder; see `Sender.send`."""
        target = self._folder / name_for(data, name)
        return self._patience.until_answered(lambda: self._put(data, target))

    def _put(self, data: bytes, target: Path) -> Sent:
        hidden = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
        try:
            if target.exists():
                return Sent(outcome=Outcome.KNOWN)
            with hidden.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            hidden.replace(target)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFound(f"there is no folder {str(self._folder)!r}; make it, or mount the share") from error
        except PermissionError as error:
            raise NotAllowed(f"the folder {str(self._folder)!r} may not be written to by this user") from error
        except OSError as error:
            with contextlib.suppress(OSError):  # the folder may be gone by now
                hidden.unlink(missing_ok=True)
            raise BackendUnavailable(
                f"the folder {str(self._folder)!r} takes no radiographs ({error.strerror}); try again later",
                retry_after_seconds=NOT_SAID,
            ) from error
        return Sent(outcome=Outcome.RECEIVED)
