"""Kinds of columns, each stored in the best way a database has for it.

SQLite has no times, days or booleans of its own: times are whole microseconds since 1970 there, so that they compare as
numbers and nothing is rounded; PostgreSQL gets its own types.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    REAL,
    TIMESTAMP,
    BigInteger,
    Boolean,
    Date,
    Dialect,
    Double,
    Integer,
    LargeBinary,
    Text,
    TypeDecorator,
)
from sqlalchemy.types import TypeEngine

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

TEXT = Text()
WHOLE = BigInteger().with_variant(Integer(), "sqlite")
NUMBER: TypeEngine[float] = Double().with_variant(REAL(), "sqlite")  # SQLite's REAL has 64 bits, PostgreSQL's only 32
FLAG = Boolean().with_variant(Integer(), "sqlite")
BYTES = LargeBinary()


class _UtcTime(TypeDecorator[datetime]):
    """An aware time in UTC; a naive one is a mistake in the program and is refused."""

    impl = TIMESTAMP(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        in_sqlite: TypeEngine[Any] = Integer()
        return dialect.type_descriptor(in_sqlite if dialect.name == "sqlite" else TIMESTAMP(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> object:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"the time {value} has no zone; times are aware and in UTC")
        if dialect.name != "sqlite":
            return value
        return (value - EPOCH) // _MICROSECOND

    def process_result_value(self, value: object, dialect: Dialect) -> datetime | None:  # noqa: ARG002  # SQLAlchemy's own signature
        if isinstance(value, int):
            return EPOCH + timedelta(microseconds=value)
        return value.astimezone(UTC) if isinstance(value, datetime) else None


class _Day(TypeDecorator[date]):
    """A day of the calendar, for example 2024-03-01."""

    impl = Date
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        in_sqlite: TypeEngine[Any] = Text()
        return dialect.type_descriptor(in_sqlite if dialect.name == "sqlite" else Date())

    def process_bind_param(self, value: date | None, dialect: Dialect) -> object:
        return value.isoformat() if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: object, dialect: Dialect) -> date | None:  # noqa: ARG002  # SQLAlchemy's own signature
        if isinstance(value, str):
            return date.fromisoformat(value)
        return value if isinstance(value, date) else None


TIME = _UtcTime()
DAY = _Day()
