"""What the records hold in the end: the only witness of what was received and assessed."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import create_engine, func, select

from lingula.radiology.study import Status
from lingula.records.columns import TIME
from lingula.records.tables import instances, statements

PATIENCE_SECONDS = 60.0  # without anything being finished
_LOOK_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Instances by status; and when the first was received, the last received and the last assessed."""

    by_status: Mapping[str, int]
    first: datetime
    received: datetime
    assessed: datetime | None

    @property
    def total(self) -> int:
        """How many were received."""
        return sum(self.by_status.values())

    @property
    def finished(self) -> int:
        """How many have a statement."""
        return self.total - self.by_status.get(Status.RECEIVED.value, 0)

    @property
    def seconds(self) -> float:
        """Give the time from the first received to the last assessed."""
        return (self.assessed - self.first).total_seconds() if self.assessed else 0.0

    def __str__(self) -> str:
        return ", ".join(f"{count:,} {status}" for status, count in sorted(self.by_status.items()))


class Witness:
    """Looks into the records past the program under measurement.

    Parameters
    ----------
    url
        The records as the program knows them: ``sqlite://`` or ``postgresql://``.
    """

    def __init__(self, url: str) -> None:
        driver = url.replace("postgresql://", "postgresql+pg8000://").replace("sqlite://", "sqlite:///", 1)
        self._engine = create_engine(driver)

    def count(self) -> tuple[int, int]:
        """Give how many are received, and how many of them are finished."""
        by_status = self._by_status()
        total = sum(by_status.values())
        return total, total - by_status.get(Status.RECEIVED.value, 0)

    def wait_for(self, total: int) -> Kept:
        """Wait until so many are received and finished, or nothing has moved for a while; give what there is."""
        seen, since = (-1, -1), time.monotonic()
        while time.monotonic() - since < PATIENCE_SECONDS:
            now = self.count()
            if now[0] >= total and now[1] == now[0]:
                break
            if now != seen:
                seen, since = now, time.monotonic()
            time.sleep(_LOOK_SECONDS)
        return self.kept()

    def kept(self) -> Kept:
        """Give what there is now."""
        times = (func.min(instances.c.received_at, type_=TIME), func.max(instances.c.received_at, type_=TIME))
        with self._engine.connect() as connection:
            first, received = connection.execute(select(*times)).one()
            assessed = connection.execute(select(func.max(statements.c.assessed_at, type_=TIME))).scalar()
        return Kept(by_status=self._by_status(), first=first, received=received, assessed=assessed)

    def close(self) -> None:
        """Let go of the records."""
        self._engine.dispose()

    def _by_status(self) -> dict[str, int]:
        counted = select(instances.c.status, func.count()).group_by(instances.c.status)
        with self._engine.connect() as connection:
            return {str(status): int(count) for status, count in connection.execute(counted)}
