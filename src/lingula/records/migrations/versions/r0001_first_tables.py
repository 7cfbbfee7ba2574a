"""The first tables: radiographs with their statements and verdicts, the timeline, and who may come in."""

from alembic import op
from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, PrimaryKeyConstraint, text

from lingula.records.columns import BYTES, DAY, FLAG, NUMBER, TEXT, TIME, WHOLE

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table; there is no previous release."""
    _create_accesses()
    _create_installation()
    _create_sites()
    _create_studies()
    _create_timeline()
    _create_users()
    _create_instances()
    _create_reviews()
    _create_sessions()
    _create_statements()


def _create_accesses() -> None:
    op.create_table(
        "accesses",
        Column("number", WHOLE, nullable=False, autoincrement=True),
        Column("at", TIME, nullable=False),
        Column("who", TEXT, nullable=False),
        Column("action", TEXT, nullable=False),
        Column("resource", TEXT, nullable=False),
        PrimaryKeyConstraint("number", name=op.f("pk_accesses")),
        sqlite_strict=True,
    )


def _create_installation() -> None:
    op.create_table(
        "installation",
        Column("name", TEXT, nullable=False),
        Column("value", BYTES, nullable=False),
        PrimaryKeyConstraint("name", name=op.f("pk_installation")),
        sqlite_strict=True,
    )


def _create_sites() -> None:
    op.create_table(
        "sites",
        Column("name", TEXT, nullable=False),
        Column("ae_title", TEXT, nullable=False),
        Column("api_key_sha256", TEXT, nullable=False),
        PrimaryKeyConstraint("name", name=op.f("pk_sites")),
        sqlite_strict=True,
    )
    op.create_index("uq_sites_ae_title", "sites", ["ae_title"], unique=True)
    op.create_index("uq_sites_api_key_sha256", "sites", ["api_key_sha256"], unique=True)


def _create_studies() -> None:
    op.create_table(
        "studies",
        Column("id", TEXT, nullable=False),
        Column("site", TEXT, nullable=False),
        Column("status", TEXT, nullable=False),
        Column("band", TEXT),
        Column("priority_rank", WHOLE, nullable=False),
        Column("deciding_instance_id", TEXT, nullable=False),
        Column("received_at", TIME, nullable=False),
        Column("instance_count", WHOLE, nullable=False),
        Column("review_count", WHOLE, nullable=False),
        Column("reviewed_at", TIME),
        Column("verdict", TEXT),
        Column("claimed_by", TEXT),
        Column("claimed_until", TIME),
        PrimaryKeyConstraint("id", name=op.f("pk_studies")),
        CheckConstraint("status IN ('received', 'assessed', 'not eligible', 'failed')", name=op.f("ck_studies_status")),
        CheckConstraint("band IN ('likely', 'unsure', 'unlikely')", name=op.f("ck_studies_band")),
        CheckConstraint("priority_rank BETWEEN 0 AND 3", name=op.f("ck_studies_priority_rank")),
        CheckConstraint("verdict IN ('agree', 'disagree', 'unsure')", name=op.f("ck_studies_verdict")),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_studies_reviewed",
        "studies",
        ["priority_rank", "received_at", "id", "site", "status", "band", "reviewed_at"],
        sqlite_where=text("reviewed_at IS NOT NULL"),
        postgresql_where=text("reviewed_at IS NOT NULL"),
    )
    op.create_index(
        "ix_studies_summary",
        "studies",
        ["status", "band", "priority_rank", "site", "received_at", "reviewed_at"],
        sqlite_where=text("reviewed_at IS NULL"),
        postgresql_where=text("reviewed_at IS NULL"),
    )
    op.create_index(
        "ix_studies_worklist",
        "studies",
        ["priority_rank", "received_at", "id", "site", "status", "band", "reviewed_at"],
        sqlite_where=text("reviewed_at IS NULL"),
        postgresql_where=text("reviewed_at IS NULL"),
    )


def _create_timeline() -> None:
    op.create_table(
        "timeline",
        Column("number", WHOLE, nullable=False, autoincrement=True),
        Column("action", TEXT, nullable=False),
        Column("at", TIME, nullable=False),
        Column("site", TEXT),
        Column("study_id", TEXT),
        Column("instance_id", TEXT),
        Column("detail", TEXT, nullable=False),
        PrimaryKeyConstraint("number", name=op.f("pk_timeline")),
        sqlite_strict=True,
    )
    op.create_index("ix_timeline_study_id", "timeline", ["study_id", "number"])


def _create_users() -> None:
    op.create_table(
        "users",
        Column("name", TEXT, nullable=False),
        Column("display_name", TEXT, nullable=False),
        Column("role", TEXT, nullable=False),
        Column("password_hash", TEXT, nullable=False),
        Column("sites", TEXT),
        Column("is_active", FLAG, nullable=False),
        PrimaryKeyConstraint("name", name=op.f("pk_users")),
        CheckConstraint("role IN ('technician', 'doctor', 'administrator')", name=op.f("ck_users_role")),
        sqlite_strict=True,
    )


def _create_instances() -> None:
    op.create_table(
        "instances",
        Column("id", TEXT, nullable=False),
        Column("study_id", TEXT, nullable=False),
        Column("site", TEXT, nullable=False),
        Column("door", TEXT, nullable=False),
        Column("sha256", TEXT, nullable=False),
        Column("size_bytes", WHOLE, nullable=False),
        Column("store_key", TEXT, nullable=False),
        Column("source_name", TEXT),
        Column("received_at", TIME, nullable=False),
        Column("status", TEXT, nullable=False),
        Column("attempts", WHOLE, nullable=False),
        Column("band", TEXT),
        Column("priority_rank", WHOLE, nullable=False),
        Column("probability", NUMBER),
        Column("statement_count", WHOLE, nullable=False),
        Column("standing_statement", WHOLE),
        Column("file_format", TEXT, nullable=False),
        Column("rows", WHOLE),
        Column("columns", WHOLE),
        Column("sop_instance_uid", TEXT),
        Column("series_instance_uid", TEXT),
        Column("study_instance_uid", TEXT),
        Column("patient_id", TEXT),
        Column("patient_name", TEXT),
        Column("accession_number", TEXT),
        Column("age_years", NUMBER),
        Column("patient_sex", TEXT),
        Column("study_date", DAY),
        Column("modality", TEXT),
        Column("body_part_examined", TEXT),
        Column("view_position", TEXT),
        Column("photometric_interpretation", TEXT),
        Column("transfer_syntax_uid", TEXT),
        Column("has_pixels", FLAG, nullable=False),
        Column("is_stat", FLAG, nullable=False),
        PrimaryKeyConstraint("id", name=op.f("pk_instances")),
        ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_instances_study_id")),
        CheckConstraint("priority_rank BETWEEN 0 AND 3", name=op.f("ck_instances_priority_rank")),
        CheckConstraint("attempts >= 0", name=op.f("ck_instances_attempts")),
        CheckConstraint("band IN ('likely', 'unsure', 'unlikely')", name=op.f("ck_instances_band")),
        CheckConstraint(
            "status IN ('received', 'assessed', 'not eligible', 'failed')",
            name=op.f("ck_instances_status"),
        ),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_instances_failed",
        "instances",
        ["received_at", "id", "site", "status"],
        sqlite_where=text("status = 'failed'"),
        postgresql_where=text("status = 'failed'"),
    )
    op.create_index(
        "ix_instances_received",
        "instances",
        ["received_at", "id", "site", "status"],
        sqlite_where=text("status = 'received'"),
        postgresql_where=text("status = 'received'"),
    )
    op.create_index("ix_instances_study_id", "instances", ["study_id"])


def _create_reviews() -> None:
    op.create_table(
        "reviews",
        Column("study_id", TEXT, nullable=False),
        Column("number", WHOLE, nullable=False),
        Column("reviewer", TEXT, nullable=False),
        Column("verdict", TEXT, nullable=False),
        Column("reviewed_at", TIME, nullable=False),
        Column("finding", TEXT),
        Column("note", TEXT),
        PrimaryKeyConstraint("study_id", "number", name=op.f("pk_reviews")),
        ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_reviews_study_id")),
        CheckConstraint("verdict IN ('agree', 'disagree', 'unsure')", name=op.f("ck_reviews_verdict")),
        sqlite_strict=True,
    )


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        Column("token_sha256", TEXT, nullable=False),
        Column("user_name", TEXT, nullable=False),
        Column("csrf_token", TEXT, nullable=False),
        Column("created_at", TIME, nullable=False),
        Column("seen_at", TIME, nullable=False),
        Column("expires_at", TIME, nullable=False),
        PrimaryKeyConstraint("token_sha256", name=op.f("pk_sessions")),
        ForeignKeyConstraint(["user_name"], ["users.name"], name=op.f("fk_sessions_user_name")),
        sqlite_strict=True,
    )
    op.create_index("ix_sessions_user_name", "sessions", ["user_name"])


def _create_statements() -> None:
    op.create_table(
        "statements",
        Column("instance_id", TEXT, nullable=False),
        Column("number", WHOLE, nullable=False),
        Column("status", TEXT, nullable=False),
        Column("priority_rank", WHOLE, nullable=False),
        Column("assessed_at", TIME, nullable=False),
        Column("seconds", NUMBER, nullable=False),
        Column("code_version", TEXT, nullable=False),
        Column("reason", TEXT),
        Column("probability", NUMBER),
        Column("band", TEXT),
        Column("novelty", NUMBER),
        Column("package_name", TEXT),
        Column("package_version", TEXT),
        Column("package_sha256", TEXT),
        Column("rule_out_threshold", NUMBER),
        Column("rule_in_threshold", NUMBER),
        Column("activation_map", BYTES),
        Column("lung_mask", BYTES),
        PrimaryKeyConstraint("instance_id", "number", name=op.f("pk_statements")),
        ForeignKeyConstraint(["instance_id"], ["instances.id"], name=op.f("fk_statements_instance_id")),
        CheckConstraint("band IN ('likely', 'unsure', 'unlikely')", name=op.f("ck_statements_band")),
        CheckConstraint("priority_rank BETWEEN 0 AND 3", name=op.f("ck_statements_priority_rank")),
        CheckConstraint("probability BETWEEN 0.0 AND 1.0", name=op.f("ck_statements_probability")),
        CheckConstraint("status IN ('assessed', 'not eligible', 'failed')", name=op.f("ck_statements_status")),
        sqlite_strict=True,
    )
