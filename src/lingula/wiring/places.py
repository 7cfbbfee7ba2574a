"""Opens the three places the settings name."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lingula.errors import SettingsError
from lingula.queues.queue import WorkQueue, open_queue
from lingula.records.accounts import Accounts
from lingula.records.moves import Moves
from lingula.records.records import Records, open_records
from lingula.records.shadows import Shadows
from lingula.settings import Settings
from lingula.stores.store import ObjectStore, open_store

_OWNER_ONLY = 0o700


@dataclass(frozen=True, kw_only=True)
class Places:
    """Bytes by key, work waiting, what is known, who may come in, and what can be carried away."""

    store: ObjectStore
    queue: WorkQueue
    records: Records
    accounts: Accounts
    shadows: Shadows
    moves: Moves


def open_places(settings: Settings, *, reads_again: bool = False) -> Places:
    """Open all places; the home folder is made if it is not there.

    Parameters
    ----------
    reads_again
        Whether this process soon reads what it stores.

    Raises
    ------
    SettingsError
        If a URL names no place Lingula knows, or the home folder cannot be made.
    BackendUnavailable
        If the records do not answer.
    """
    _make_home(settings)
    place = open_records(settings.records_url)
    return Places(
        store=open_store(settings.store_url, reads_again=reads_again),
        queue=open_queue(settings.queue_url),
        records=place.records,
        accounts=place.accounts,
        shadows=place.shadows,
        moves=place.moves,
    )


@contextmanager
def open_accounts(settings: Settings) -> Iterator[Accounts]:
    """Open only the accounts, for the commands that manage them, and let go of them at the end."""
    _make_home(settings)
    place = open_records(settings.records_url)
    try:
        yield place.accounts
    finally:
        place.records.close()


@contextmanager
def open_shadows(settings: Settings) -> Iterator[Shadows]:
    """Open only what candidates stated, for the command that compares them, and let go of it at the end."""
    _make_home(settings)
    place = open_records(settings.records_url)
    try:
        yield place.shadows
    finally:
        place.records.close()


def _make_home(settings: Settings) -> None:
    try:
        settings.home.mkdir(mode=_OWNER_ONLY, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"LINGULA_HOME: the folder {settings.home} cannot be made: {error.strerror}") from error
