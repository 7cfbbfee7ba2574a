"""A table for what a candidate package says beside the serving one; nothing that was there changes.

The release before goes on beside it: it reads and writes none of this.
"""

from alembic import op
from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, PrimaryKeyConstraint

from lingula.records.columns import NUMBER, TEXT, TIME, WHOLE

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, and the index that finds what a candidate has not assessed yet."""
    op.create_table(
        "shadow_statements",
        Column("instance_id", TEXT, nullable=False),
        Column("package_sha256", TEXT, nullable=False),
        Column("begun_at", TIME, nullable=False),
        Column("attempts", WHOLE, nullable=False),
        Column("package_name", TEXT),
        Column("package_version", TEXT),
        Column("status", TEXT),
        Column("assessed_at", TIME),
        Column("seconds", NUMBER),
        Column("code_version", TEXT),
        Column("reason", TEXT),
        Column("probability", NUMBER),
        Column("band", TEXT),
        Column("novelty", NUMBER),
        Column("rule_out_threshold", NUMBER),
        Column("rule_in_threshold", NUMBER),
        PrimaryKeyConstraint("instance_id", "package_sha256", name=op.f("pk_shadow_statements")),
        ForeignKeyConstraint(["instance_id"], ["instances.id"], name=op.f("fk_shadow_statements_instance_id")),
        CheckConstraint("status IN ('assessed', 'not eligible', 'failed')", name=op.f("ck_shadow_statements_status")),
        CheckConstraint("band IN ('likely', 'unsure', 'unlikely')", name=op.f("ck_shadow_statements_band")),
        CheckConstraint("probability BETWEEN 0.0 AND 1.0", name=op.f("ck_shadow_statements_probability")),
        sqlite_strict=True,
    )
    op.create_index("ix_shadow_statements_package", "shadow_statements", ["package_sha256", "begun_at", "status"])
    op.create_index("ix_instances_received_at", "instances", ["received_at", "id", "status"])
