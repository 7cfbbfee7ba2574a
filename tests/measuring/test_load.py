"""What `make bench` tells of a load: radiographs a second, percentiles, pace."""

import pytest

from benchmarks.load import Load


def load(**changes: object) -> Load:
    said: dict[str, object] = {
        "connections": 2,
        "seconds": 10.0,
        "milliseconds": [float(one) for one in range(100, 0, -1)],
        "failures": [],
        "processor_seconds": 1.0,
        "generator_seconds": 0.02,
    }
    return Load(**{**said, **changes})  # type: ignore[arg-type]  # each value is of its field's type


def test_failures_are_not_counted_as_assessed() -> None:
    assert load(failures=["503"] * 10).per_second == pytest.approx(9.0)


def test_percentiles_are_of_all_answers() -> None:
    assert [load().percentile(share) for share in (0.50, 0.99, 1.0)] == [51.0, 100.0, 100.0]


def test_processor_time_is_told_per_radiograph_for_server_and_generator() -> None:
    assert load().processor_each == pytest.approx(10.0)
    assert load().generator_each == pytest.approx(0.2)


def test_the_pace_is_told_in_the_order_of_the_answers_and_without_the_rest() -> None:
    assert load(ends=[4.0, 1.0, 2.0, 8.0, 9.0]).pace(2) == [pytest.approx(1.0), pytest.approx(2 / 6)]
