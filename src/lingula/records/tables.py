"""The tables behind the records, as they are now; `migrations` is how they came to be. Accounts have their own module.

A study's row repeats what its instances decide together (status, band, priority, which instance decides), so that a
page of the worklist reads one index and a few rows however many studies there are. Statements, reviews
and the timeline only grow.
"""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    Table,
    literal_column,
)

from lingula.records.columns import BYTES, DAY, FLAG, NUMBER, TEXT, TIME, WHOLE
from lingula.records.metadata import metadata

# What the installation knows of itself: its secret key.
installation = Table(
    "installation",
    metadata,
    Column("name", TEXT, primary_key=True, nullable=False),
    Column("value", BYTES, nullable=False),
    sqlite_strict=True,
)

# One row for each study; what its instances decide together, who has it open, the newest verdict.
studies = Table(
    "studies",
    metadata,
    Column("id", TEXT, primary_key=True, nullable=False),
    Column("site", TEXT, nullable=False),
    Column("status", TEXT, nullable=False),
    Column("band", TEXT),
    Column("priority_rank", WHOLE, nullable=False),
    Column("deciding_instance_id", TEXT, nullable=False),
    Column("received_at", TIME, nullable=False),
    Column("instance_count", WHOLE, nullable=False),
    Column("review_count", WHOLE, nullable=False),
    Column("reviewed_at", TIME),  # null: waits for a doctor
    Column("verdict", TEXT),
    Column("claimed_by", TEXT),
    Column("claimed_until", TIME),
    CheckConstraint("status IN ('received', 'assessed', 'not eligible', 'failed')", name="status"),
    CheckConstraint("band IN ('likely', 'unsure', 'unlikely')", name="band"),
    CheckConstraint("priority_rank BETWEEN 0 AND 3", name="priority_rank"),
    CheckConstraint("verdict IN ('agree', 'disagree', 'unsure')", name="verdict"),
    sqlite_strict=True,
)

# One row for each instance: its arrival, what its file says of itself, and the statement that stands.
instances = Table(
    "instances",
    metadata,
    Column("id", TEXT, primary_key=True, nullable=False),
    Column("study_id", TEXT, ForeignKey("studies.id"), nullable=False),
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
    Column("standing_statement", WHOLE),  # the number of the statement that holds now
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
    CheckConstraint("status IN ('received', 'assessed', 'not eligible', 'failed')", name="status"),
    CheckConstraint("band IN ('likely', 'unsure', 'unlikely')", name="band"),
    CheckConstraint("priority_rank BETWEEN 0 AND 3", name="priority_rank"),
    CheckConstraint("attempts >= 0", name="attempts"),
    sqlite_strict=True,
)

# Every statement ever made on an instance; the maps stand last, so that reading the rest leaves them on the disk.
statements = Table(
    "statements",
    metadata,
    Column("instance_id", TEXT, ForeignKey("instances.id"), nullable=False),
    Column("number", WHOLE, nullable=False),  # from 1 within its instance
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
    PrimaryKeyConstraint("instance_id", "number"),
    CheckConstraint("status IN ('assessed', 'not eligible', 'failed')", name="status"),
    CheckConstraint("band IN ('likely', 'unsure', 'unlikely')", name="band"),
    CheckConstraint("priority_rank BETWEEN 0 AND 3", name="priority_rank"),
    CheckConstraint("probability BETWEEN 0.0 AND 1.0", name="probability"),
    sqlite_strict=True,
)

# What a candidate package says of instances, for whoever compares it; nothing else follows from it.
shadow_statements = Table(
    "shadow_statements",
    metadata,
    Column("instance_id", TEXT, ForeignKey("instances.id"), nullable=False),
    Column("package_sha256", TEXT, nullable=False),
    Column("begun_at", TIME, nullable=False),
    Column("attempts", WHOLE, nullable=False),
    Column("package_name", TEXT),
    Column("package_version", TEXT),
    Column("status", TEXT),  # null: begun, and not ended yet or never
    Column("assessed_at", TIME),
    Column("seconds", NUMBER),
    Column("code_version", TEXT),
    Column("reason", TEXT),
    Column("probability", NUMBER),
    Column("band", TEXT),
    Column("novelty", NUMBER),
    Column("rule_out_threshold", NUMBER),
    Column("rule_in_threshold", NUMBER),
    PrimaryKeyConstraint("instance_id", "package_sha256"),
    CheckConstraint("status IN ('assessed', 'not eligible', 'failed')", name="status"),
    CheckConstraint("band IN ('likely', 'unsure', 'unlikely')", name="band"),
    CheckConstraint("probability BETWEEN 0.0 AND 1.0", name="probability"),
    sqlite_strict=True,
)

# Every verdict ever given.
reviews = Table(
    "reviews",
    metadata,
    Column("study_id", TEXT, ForeignKey("studies.id"), nullable=False),
    Column("number", WHOLE, nullable=False),  # from 1 within its study
    Column("reviewer", TEXT, nullable=False),
    Column("verdict", TEXT, nullable=False),
    Column("reviewed_at", TIME, nullable=False),
    Column("finding", TEXT),
    Column("note", TEXT),
    PrimaryKeyConstraint("study_id", "number"),
    CheckConstraint("verdict IN ('agree', 'disagree', 'unsure')", name="verdict"),
    sqlite_strict=True,
)

# What happened, in the order it was recorded. No foreign keys: it must take every entry, and outlive what it tells of.
timeline = Table(
    "timeline",
    metadata,
    Column("number", WHOLE, primary_key=True, nullable=False, autoincrement=True),
    Column("action", TEXT, nullable=False),
    Column("at", TIME, nullable=False),
    Column("site", TEXT),
    Column("study_id", TEXT),
    Column("instance_id", TEXT),
    Column("detail", TEXT, nullable=False),  # a JSON object
    sqlite_strict=True,
)

IS_UNREVIEWED = studies.c.reviewed_at.is_(None)
# Written out, not bound: only so can a database see that a partial index answers the question.
IS_RECEIVED = instances.c.status == literal_column("'received'")
IS_FAILED = instances.c.status == literal_column("'failed'")

# The worklist in reading order. Each index holds everything its questions ask, the column of its own condition too, so
# that no row has to be looked up to count.
Index(
    "ix_studies_worklist",
    studies.c.priority_rank,
    studies.c.received_at,
    studies.c.id,
    studies.c.site,
    studies.c.status,
    studies.c.band,
    studies.c.reviewed_at,
    sqlite_where=IS_UNREVIEWED,
    postgresql_where=IS_UNREVIEWED,
)
# What the summary counts.
Index(
    "ix_studies_summary",
    studies.c.status,
    studies.c.band,
    studies.c.priority_rank,
    studies.c.site,
    studies.c.received_at,
    studies.c.reviewed_at,
    sqlite_where=IS_UNREVIEWED,
    postgresql_where=IS_UNREVIEWED,
)
# The same for those reviewed, written once in a study's life.
Index(
    "ix_studies_reviewed",
    studies.c.priority_rank,
    studies.c.received_at,
    studies.c.id,
    studies.c.site,
    studies.c.status,
    studies.c.band,
    studies.c.reviewed_at,
    sqlite_where=~IS_UNREVIEWED,
    postgresql_where=~IS_UNREVIEWED,
)
Index("ix_instances_study_id", instances.c.study_id)
# The two statuses somebody must look after stay small and quick to find.
Index(
    "ix_instances_received",
    instances.c.received_at,
    instances.c.id,
    instances.c.site,
    instances.c.status,
    sqlite_where=IS_RECEIVED,
    postgresql_where=IS_RECEIVED,
)
Index(
    "ix_instances_failed",
    instances.c.received_at,
    instances.c.id,
    instances.c.site,
    instances.c.status,
    sqlite_where=IS_FAILED,
    postgresql_where=IS_FAILED,
)
# What a candidate has still to assess, and how far it has come.
Index("ix_instances_received_at", instances.c.received_at, instances.c.id, instances.c.status)
Index(
    "ix_shadow_statements_package",
    shadow_statements.c.package_sha256,
    shadow_statements.c.begun_at,
    shadow_statements.c.status,
)
Index("ix_timeline_study_id", timeline.c.study_id, timeline.c.number)
