"""A running system follows the shelf, and stays with what it has when it cannot."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from made.packages import made_package
from made.triage import LIKELY, made_jpeg

from lingula.errors import PackageDamaged
from lingula.modelpackage.archive import ModelPackage, read_package
from lingula.radiology.identifiers import SiteName
from lingula.radiology.study import Band
from lingula.records.records import Assessment
from lingula.registry import Registry
from lingula.settings import FlagValue, load_settings
from lingula.triage.assess import Assessor
from lingula.triage.infer import Model
from lingula.triage.worker import Worker
from lingula.wiring import System, build_system
from lingula.wiring.takeup import TRY_AGAIN_SECONDS, TakeUp

NORTH = SiteName("north")


@pytest.fixture
def flags(tmp_path: Path) -> dict[str, FlagValue]:
    places: dict[str, FlagValue] = {"store_url": "memory://", "records_url": "memory://", "workers": 1}
    return {**places, "home": tmp_path / "home", "registry": tmp_path / "shelf"}


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    registry = Registry(tmp_path / "shelf")
    registry.register(made_package(tmp_path / "a"))
    registry.register(made_package(tmp_path / "b", version="2.0.0", thresholds=(0.97, 0.99)))
    registry.promote("made-1.0.0", because="the first", who="mara")
    return registry


@pytest.fixture
def system(flags: dict[str, FlagValue], registry: Registry) -> Iterator[System]:
    assert registry.serving().label == "made-1.0.0"
    made = build_system(load_settings(flags))
    made.take_up.run_once()
    yield made
    made.stop()


def assess(system: System, seed: int) -> Assessment:
    received = system.receiver.receive(made_jpeg(LIKELY, seed=seed), site=NORTH, door="test")
    assessor = Assessor(
        store=system.store,
        records=system.records,
        queue=system.queue,
        serving=system.serving,
        notify=system.hub.notify,
        clock=system.clock,
    )
    Worker(queue=system.queue, assessor=assessor).work_once()
    assessment = system.records.instance(received.instance).assessment
    assert assessment is not None
    return assessment


def metric(system: System, line: str) -> bool:
    return line in system.metrics.render().decode().splitlines()


def test_a_promoted_package_assesses_with_its_own_thresholds_and_a_rollback_goes_back(
    system: System, registry: Registry
) -> None:
    assert (assess(system, 1).package_version, system.package.label) == ("1.0.0", "made-1.0.0")

    registry.promote("made-2.0.0", because="better", who="mara")
    system.take_up.run_once()
    judged = assess(system, 2)

    assert (judged.package_version, judged.rule_out_threshold, judged.band) == ("2.0.0", 0.97, Band.UNLIKELY)
    sha256 = registry.show("made-2.0.0").sha256
    assert metric(system, f'lingula_package{{package="made-2.0.0",sha256="{sha256}"}} 1.0')
    registry.rollback(because="too few", who="mara")
    system.take_up.run_once()
    assert assess(system, 3).band is Band.LIKELY


def test_a_package_that_is_damaged_changes_nothing_but_the_log_and_a_metric(
    system: System, registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    registry.promote("made-2.0.0", because="better", who="mara")
    kept = registry.show("made-2.0.0").path
    whole = kept.read_bytes()
    kept.write_bytes(whole[:-100])

    with caplog.at_level(logging.ERROR):
        system.take_up.run_once()

    assert "cannot be taken up, what was before goes on" in caplog.text
    assert metric(system, 'lingula_package_is_behind{stage="serving"} 1.0')
    assert system.package.label == "made-1.0.0"
    assert system.health.report().parts[3].reason is None  # the model is well: it is the one before
    assert assess(system, 1).package_version == "1.0.0"

    kept.write_bytes(whole)
    registry.register(kept)  # says that the shelf changed
    system.take_up.run_once()
    assert system.package.label == "made-2.0.0"
    assert metric(system, 'lingula_package_is_behind{stage="serving"} 0.0')


def test_started_while_the_promoted_package_is_broken_the_way_back_assesses_and_everybody_is_told(
    flags: dict[str, FlagValue], registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    registry.promote("made-2.0.0", because="better", who="mara")
    kept = registry.show("made-2.0.0").path
    whole = kept.read_bytes()
    kept.write_bytes(whole[:-100])

    with caplog.at_level(logging.ERROR):
        started = build_system(load_settings(flags))
    started.take_up.run_once()

    assert "the promoted package cannot be loaded, made-1.0.0 assesses in its place" in caplog.text
    assert metric(started, 'lingula_package_is_behind{stage="serving"} 1.0')
    assert assess(started, 1).package_version == "1.0.0"
    kept.write_bytes(whole)
    registry.register(kept)  # says that the shelf changed
    started.take_up.run_once()
    assert assess(started, 2).package_version == "2.0.0"
    assert metric(started, 'lingula_package_is_behind{stage="serving"} 0.0')
    started.stop()


def test_a_package_that_was_rolled_back_from_is_no_way_back(
    flags: dict[str, FlagValue], registry: Registry, tmp_path: Path
) -> None:
    registry.promote("made-2.0.0", because="better", who="mara")
    registry.rollback(because="too few alarms", who="mara")
    registry.register(made_package(tmp_path / "c", version="3.0.0"))
    registry.promote("made-3.0.0", because="better still", who="mara")
    for label in ("made-1.0.0", "made-3.0.0"):
        registry.show(label).path.write_bytes(b"")

    started = build_system(load_settings(flags))
    started.take_up.run_once()

    assert started.package.label.startswith("pneumonia-children-")  # shipped, although made-2.0.0 is whole
    assert started.take_up.is_behind
    started.stop()


def test_a_broken_package_that_a_setting_names_is_not_replaced(flags: dict[str, FlagValue], registry: Registry) -> None:
    registry.show("made-2.0.0").path.write_bytes(b"")
    with pytest.raises(PackageDamaged, match="no whole zip file"):
        build_system(load_settings({**flags, "package": "made-2.0.0"}))


def following(
    system: System, registry: Registry, now: list[float], load: Callable[[ModelPackage], Model] = Model
) -> TakeUp:
    """Follow the shelf for a system, by a clock that shows the only entry of `now`."""
    return TakeUp(
        registry=registry,
        serving=system.serving,
        shadow=system.shadow,
        load=load,
        is_pinned=False,
        timer=lambda: now[0],
    )


def test_a_file_that_was_mended_is_taken_up_without_another_decision(system: System, registry: Registry) -> None:
    now = [0.0]
    take_up = following(system, registry, now)
    registry.promote("made-2.0.0", because="better", who="mara")
    kept = registry.show("made-2.0.0").path
    whole = kept.read_bytes()
    kept.write_bytes(b"")
    take_up.run_once()
    kept.write_bytes(whole)
    take_up.run_once()
    assert (system.package.label, take_up.is_behind) == ("made-1.0.0", True)

    now[0] += TRY_AGAIN_SECONDS
    take_up.run_once()

    assert (system.package.label, take_up.is_behind) == ("made-2.0.0", False)


def test_what_nobody_foresaw_is_tried_again_and_seen_meanwhile(system: System, registry: Registry) -> None:
    now, is_ill = [0.0], [True]

    def load(package: ModelPackage) -> Model:
        if is_ill[0]:
            raise RuntimeError("the engine ran out of threads")
        return Model(package)

    take_up = following(system, registry, now, load)
    registry.promote("made-2.0.0", because="better", who="mara")
    take_up.run_once()
    assert (system.package.label, take_up.is_behind, take_up.is_shadow_behind) == ("made-1.0.0", True, False)

    is_ill[0] = False
    now[0] += TRY_AGAIN_SECONDS
    take_up.run_once()

    assert (system.package.label, take_up.is_behind) == ("made-2.0.0", False)


def test_a_shelf_that_cannot_be_read_changes_nothing(system: System, tmp_path: Path) -> None:
    (tmp_path / "shelf" / "shelf.json").write_text("{}}")

    system.take_up.run_once()

    assert (system.package.label, system.take_up.is_behind, system.take_up.is_shadow_behind) == (
        "made-1.0.0",
        True,
        True,
    )


def test_a_package_that_a_setting_names_is_not_moved(flags: dict[str, FlagValue], registry: Registry) -> None:
    system = build_system(load_settings({**flags, "package": "made-1.0.0"}))
    registry.promote("made-2.0.0", because="better", who="mara")

    system.take_up.run_once()

    assert (system.package.label, system.take_up.is_behind) == ("made-1.0.0", False)
    system.stop()


def test_nothing_is_read_again_while_the_shelf_stays_as_it_is(system: System, registry: Registry) -> None:
    kept = registry.show("made-1.0.0").path
    kept.write_bytes(b"nobody looks")

    system.take_up.run_once()

    assert (system.package.label, system.take_up.is_behind) == ("made-1.0.0", False)


def test_a_shadow_begins_and_ends_with_the_shelf(system: System, registry: Registry) -> None:
    registry.start_shadow("made-2.0.0", because="beside", who="mara")
    system.take_up.run_once()
    assert (system.shadow.package, system.package.label) == ("made-2.0.0", "made-1.0.0")
    assess(system, 1)
    assert system.shadow.run_once() == 1
    assert metric(system, 'lingula_shadow_statements{package="made-2.0.0",status="assessed"} 1.0')

    registry.promote("made-2.0.0", because="better", who="mara")
    system.take_up.run_once()

    assert (system.shadow.package, system.package.label) == (None, "made-2.0.0")


def test_a_shadow_of_the_package_that_a_setting_names_compares_nothing(
    flags: dict[str, FlagValue], registry: Registry
) -> None:
    system = build_system(load_settings({**flags, "package": str(registry.show("made-2.0.0").path)}))
    assert read_package(registry.show("made-2.0.0").path).sha256 == system.package.sha256
    registry.start_shadow("made-2.0.0", because="beside", who="mara")

    system.take_up.run_once()

    assert (system.shadow.package, system.take_up.is_shadow_behind) == (None, False)
    system.stop()
