"""The tables of people, their sessions, hospitals, and who looked at what; the access log only grows."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, ForeignKeyConstraint, Index, PrimaryKeyConstraint, Table

from lingula.records.columns import FLAG, TEXT, TIME, WHOLE
from lingula.records.metadata import metadata

# People with a local account.
users = Table(
    "users",
    metadata,
    Column("name", TEXT, primary_key=True, nullable=False),
    Column("display_name", TEXT, nullable=False),
    Column("role", TEXT, nullable=False),
    Column("password_hash", TEXT, nullable=False),
    Column("sites", TEXT),  # a JSON array in order; null: all sites
    Column("is_active", FLAG, nullable=False),
    CheckConstraint("role IN ('technician', 'doctor', 'administrator')", name="role"),
    sqlite_strict=True,
)

# Logged-in browsers.
sessions = Table(
    "sessions",
    metadata,
    Column("token_sha256", TEXT, primary_key=True, nullable=False),
    Column("user_name", TEXT, nullable=False),
    Column("csrf_token", TEXT, nullable=False),
    Column("created_at", TIME, nullable=False),
    Column("seen_at", TIME, nullable=False),
    Column("expires_at", TIME, nullable=False),
    ForeignKeyConstraint(["user_name"], ["users.name"]),
    sqlite_strict=True,
)

# Hospitals with their first AE title and key; what they have besides stands in `bindings`.
sites = Table(
    "sites",
    metadata,
    Column("name", TEXT, primary_key=True, nullable=False),
    Column("ae_title", TEXT, nullable=False),
    Column("api_key_sha256", TEXT, nullable=False),
    sqlite_strict=True,
)

# By what else the doors know a hospital. The first title and key stay where the releases before look for them.
bindings = Table(
    "bindings",
    metadata,
    Column("kind", TEXT, nullable=False),
    Column("value", TEXT, nullable=False),
    Column("site", TEXT, ForeignKey("sites.name"), nullable=False),
    PrimaryKeyConstraint("kind", "value"),
    CheckConstraint("kind IN ('ae_title', 'api_key', 'bucket', 'folder')", name="kind"),
    sqlite_strict=True,
)

# Who looked at or changed what.
accesses = Table(
    "accesses",
    metadata,
    Column("number", WHOLE, primary_key=True, nullable=False, autoincrement=True),
    Column("at", TIME, nullable=False),
    Column("who", TEXT, nullable=False),
    Column("action", TEXT, nullable=False),
    Column("resource", TEXT, nullable=False),
    sqlite_strict=True,
)

Index("ix_sessions_user_name", sessions.c.user_name)
Index("uq_sites_ae_title", sites.c.ae_title, unique=True)
Index("uq_sites_api_key_sha256", sites.c.api_key_sha256, unique=True)
