"""What `make bench --only sustained` says of the end: every one in the records, none twice, how fast all along."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.kept import Kept
from benchmarks.load import Load
from benchmarks.sustained import account, pace, used_bytes

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def kept(**by_status: int) -> Kept:
    return Kept(
        by_status={name.replace("_", " "): count for name, count in by_status.items()},
        first=NOW,
        received=NOW,
        assessed=NOW,
    )


def test_all_that_were_answered_are_accounted_for() -> None:
    assert "each of the 10 that were answered" in account(kept(assessed=9, not_eligible=1), sent=10, failed=0)


def test_one_whose_sender_was_told_of_a_failure_may_be_there_or_not() -> None:
    assert "each of the 9" in account(kept(assessed=9), sent=10, failed=1)
    assert "each of the 9" in account(kept(assessed=10), sent=10, failed=1)


@pytest.mark.parametrize(
    "held",
    [kept(assessed=9), kept(assessed=9, received=1), kept(assessed=9, failed=1), kept(assessed=11)],
    ids=["missing", "not assessed", "failed", "doubled"],
)
def test_a_record_that_does_not_fit_ends_the_program(held: Kept) -> None:
    with pytest.raises(SystemExit, match="the records hold"):
        account(held, sent=10, failed=0)


def test_the_pace_is_told_in_tenths() -> None:
    ends = [float(one) for one in range(1, 101)]
    load = Load(connections=32, seconds=100.0, milliseconds=[1.0] * 100, failures=[], ends=ends)
    assert pace(load) == "a second, in each 10: " + "  ".join(["1"] * 10)


def test_the_disk_is_counted_with_everything_in_folders(tmp_path: Path) -> None:
    empty = used_bytes(tmp_path)
    (tmp_path / "originals").mkdir()
    (tmp_path / "originals" / "one").write_bytes(bytes(range(256)) * 400)
    assert used_bytes(tmp_path) - empty >= 100_000
