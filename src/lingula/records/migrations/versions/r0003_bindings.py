"""A table for what else the doors know a site by, beside its first AE title and key; nothing that was there changes.

The release before goes on beside it: it knows each site by its first title and key, which stay where they were.
"""

from alembic import op
from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, PrimaryKeyConstraint

from lingula.records.columns import TEXT

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "bindings",
        Column("kind", TEXT, nullable=False),
        Column("value", TEXT, nullable=False),
        Column("site", TEXT, nullable=False),
        PrimaryKeyConstraint("kind", "value", name=op.f("pk_bindings")),
        ForeignKeyConstraint(["site"], ["sites.name"], name=op.f("fk_bindings_site")),
        CheckConstraint("kind IN ('ae_title', 'api_key', 'bucket', 'folder')", name=op.f("ck_bindings_kind")),
        sqlite_strict=True,
    )
