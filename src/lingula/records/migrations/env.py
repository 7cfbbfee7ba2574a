"""What Alembic runs around a migration: the transaction is the caller's, so that it holds whole or not at all."""

from alembic import context

from lingula.records.metadata import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    render_as_batch=True,  # SQLite changes a table by copying it
)
context.run_migrations()
