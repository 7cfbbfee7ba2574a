"""Bringing a database's tables up to date when it is opened.

A database without tables gets them as they are now; an older one is migrated. Alembic is imported only for the latter,
because it takes longer than starting everything else here.
"""

from pathlib import Path

from sqlalchemy import Connection, Table, inspect, text

from lingula.errors import SettingsError
from lingula.records import account_tables, tables
from lingula.records.metadata import metadata

NEWEST_REVISION = "0003"
EARLIER_REVISIONS = frozenset({"0001", "0002"})  # those `migrations` can start from
MIGRATIONS = Path(__file__).parent / "migrations"

_VERSION_TABLE = "alembic_version"
_TABLES = [one for module in (tables, account_tables) for one in vars(module).values() if isinstance(one, Table)]


def bring_up_to_date(connection: Connection, place: str) -> None:
    """Make or migrate the tables; the connection is in a transaction that keeps other writers out.

    Parameters
    ----------
    connection
        To the database.
    place
        What to call the database in messages; carries no password.

    Raises
    ------
    SettingsError
        If the database belongs to another program or was written by a newer Lingula.
    """
    tables = set(inspect(connection).get_table_names())
    if _VERSION_TABLE not in tables:
        if tables:
            raise SettingsError(
                f"LINGULA_RECORDS_URL: {place} holds another program's tables; name one that is Lingula's or new"
            )
        metadata.create_all(connection, tables=_TABLES)
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
        connection.execute(text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": NEWEST_REVISION})
        return
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    if revision == NEWEST_REVISION:
        return
    if revision not in EARLIER_REVISIONS:
        raise SettingsError(
            f"LINGULA_RECORDS_URL: {place} was written by a newer Lingula (schema {revision}, this one knows up to "
            f"{NEWEST_REVISION}); start the newer Lingula again, or restore the backup made before upgrading"
        )
    migrate(connection)


def migrate(connection: Connection) -> None:
    """Run the migrations that are missing, in the connection's transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
