"""A process does the parts it is told to do, loads what they need, and refuses places it could not share."""

from pathlib import Path

import pytest
from made.packages import made_package

from lingula.errors import BackendUnavailable, SettingsError
from lingula.settings import FlagValue, load_settings
from lingula.wiring import ALL, Part, System, build_system


def shared(folder: Path) -> dict[str, FlagValue]:
    """Places on this machine's disk, and a queue nobody has to answer for as long as nobody asks it."""
    return {
        "home": folder / "home",
        "queue_url": "nats://127.0.0.1:9/NOBODY",
        "package": str(made_package(folder / "made")),
    }


def built(folder: Path, *parts: Part, **settings: FlagValue) -> System:
    return build_system(load_settings({**shared(folder), **settings}), parts=parts)


def checks(system: System) -> set[str]:
    return {part.name for part in system.health.report().parts}


@pytest.mark.parametrize("part", [Part.RECEIVE, Part.WEB])
def test_a_process_that_does_not_work_loads_no_model_and_runs_no_threads(tmp_path: Path, part: Part) -> None:
    system = built(tmp_path, part)

    assert system.assessing is None
    assert checks(system) == {"store", "records"}  # it does its part while the queue is down
    system.crew.check()
    with pytest.raises(TypeError, match=f"does {part} has no model"):
        _ = system.serving
    system.stop()


def test_a_process_that_only_works_has_a_model(tmp_path: Path) -> None:
    system = built(tmp_path, Part.WORK)

    assert system.serving.model.package.label == "made-1.0.0"
    assert checks(system) == {"store", "queue", "records", "model", "threads"}
    system.stop()


def test_a_process_that_shows_names_the_package_that_the_shelf_says(tmp_path: Path) -> None:
    system = built(tmp_path, Part.WEB)

    assert system.package is system.package
    assert system.package.label == "made-1.0.0"
    system.stop()


def test_what_a_process_does_is_a_metric(tmp_path: Path) -> None:
    system = built(tmp_path, Part.RECEIVE)

    told = system.metrics.render().decode()

    assert 'lingula_part{part="receive"} 1.0' in told
    assert 'lingula_part{part="work"} 0.0' in told
    assert "lingula_package{" not in told
    system.stop()


def test_a_door_that_opened_stands_in_health_and_metrics(tmp_path: Path) -> None:
    system = built(tmp_path, Part.RECEIVE)
    ended: list[str] = []

    def check() -> None:
        if ended:
            raise BackendUnavailable(ended[0])

    system.watch_door("dicom", check)
    assert "dicom" in checks(system)
    assert 'lingula_door_open{door="dicom"} 1.0' in system.metrics.render().decode()

    ended.append("the DICOM door has ended; start Lingula again")
    assert 'lingula_door_open{door="dicom"} 0.0' in system.metrics.render().decode()
    system.stop()


@pytest.mark.parametrize("part", list(Part))
@pytest.mark.parametrize(
    ("place", "advice"),
    [
        ("store_url", "LINGULA_STORE_URL is memory://.* s3://"),
        ("queue_url", "LINGULA_QUEUE_URL is memory://.* nats://, kafka:// or redis://"),
        ("records_url", "LINGULA_RECORDS_URL is memory://.* postgresql://"),
    ],
)
def test_a_part_refuses_a_place_that_no_other_process_sees(tmp_path: Path, part: Part, place: str, advice: str) -> None:
    with pytest.raises(SettingsError, match=f"{advice}.*lingula serve"):
        built(tmp_path, part, **{place: "memory://?lease_seconds=3"})


def test_everything_in_one_process_may_live_in_its_memory(tmp_path: Path) -> None:
    system = built(tmp_path, *ALL, queue_url="memory://", store_url="memory://", records_url="memory://")
    assert system.parts == ALL
    system.stop()
