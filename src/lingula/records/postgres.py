"""Records in PostgreSQL, for as many programs on as many machines as a hospital has."""

from lingula.errors import SettingsError
from lingula.records.postgres_address import address_of
from lingula.records.records import RecordsPlace
from lingula.records.sql_accounts import SqlAccounts
from lingula.records.sql_moves import SqlMoves
from lingula.records.sql_records import SqlRecords
from lingula.records.sql_shadows import SqlShadows


def open_postgres(url: str) -> RecordsPlace:
    """Open ``postgresql://user:password@host:port/database`` and bring its tables up to date.

    Raises
    ------
    SettingsError
        If the driver is missing, the URL is of another form, the server refuses the user, password or database, its
        certificate does not hold, or the tables are another program's or a newer Lingula's.
    BackendUnavailable
        If the server does not answer.
    """
    try:
        from lingula.records.postgres_transactions import PostgresTransactions
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"LINGULA_RECORDS_URL: {error.name} is missing, which speaks to PostgreSQL; run "
            "`pip install 'lingula[scale]'`"
        ) from error

    transactions = PostgresTransactions(address_of(url))
    return RecordsPlace(
        records=SqlRecords(transactions, gathers=True),
        accounts=SqlAccounts(transactions),
        shadows=SqlShadows(transactions),
        moves=SqlMoves(transactions),
    )
