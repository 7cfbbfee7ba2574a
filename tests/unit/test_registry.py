"""The shelf: what is on it is whole, people decide with a reason, and the way back is always open."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from made.packages import made_graph, made_manifest, made_package

from lingula.errors import Conflict, NotFound, PackageDamaged
from lingula.modelpackage.archive import write_package
from lingula.modelpackage.manifest import Stage
from lingula.registry import Registry

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)


def nothing_shipped() -> Path:
    raise PackageDamaged("nothing is shipped")


def made_registry(folder: Path, shipped: Callable[[], Path] = nothing_shipped) -> Registry:
    return Registry(folder / "shelf", clock=lambda: NOW, shipped=shipped)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    shipped = made_package(tmp_path / "shipped", name="default")
    return made_registry(tmp_path, lambda: shipped)


def test_the_shipped_package_is_on_the_shelf_and_serves(registry: Registry) -> None:
    (package,) = registry.packages()

    assert (package.label, package.stage, package.registered_at) == ("default-1.0.0", Stage.SERVING, None)
    assert registry.open().label == "default-1.0.0"


def test_a_registered_package_is_a_candidate_and_assesses_nothing(registry: Registry, tmp_path: Path) -> None:
    package = registry.register(made_package(tmp_path))

    assert (package.label, package.stage, package.registered_at) == ("made-1.0.0", Stage.CANDIDATE, NOW)
    assert registry.serving().label == "default-1.0.0"
    assert registry.open("made").label == "made-1.0.0"


def test_registering_once_more_changes_nothing(registry: Registry, tmp_path: Path) -> None:
    path = made_package(tmp_path)

    assert registry.register(path) == registry.register(path)
    assert len(registry.packages()) == 2


def test_other_content_under_a_known_name_and_version_is_refused(registry: Registry, tmp_path: Path) -> None:
    registry.register(made_package(tmp_path))
    other = write_package(tmp_path, made_manifest(), made_graph(), "# Another card\n")

    with pytest.raises(Conflict, match="its own version"):
        registry.register(other)


def test_a_package_whose_graph_does_not_load_is_refused(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(PackageDamaged):
        registry.register(write_package(tmp_path, made_manifest(), b"no graph", "# Card\n"))

    assert len(registry.packages()) == 1


def test_a_person_promotes_with_a_reason_and_the_one_before_is_retired(registry: Registry, tmp_path: Path) -> None:
    registry.register(made_package(tmp_path))

    promoted = registry.promote("made", because="better on our own radiographs", who="mara")

    assert promoted.stage is Stage.SERVING
    assert {package.label: package.stage for package in registry.packages()} == {
        "default-1.0.0": Stage.RETIRED,
        "made-1.0.0": Stage.SERVING,
    }
    (decision,) = registry.history()
    assert (decision.action, decision.package, decision.who) == ("promote", "made-1.0.0", "mara")
    assert registry.open().label == "made-1.0.0"


def test_without_a_reason_nothing_is_promoted(registry: Registry, tmp_path: Path) -> None:
    registry.register(made_package(tmp_path))

    with pytest.raises(Conflict, match="say why"):
        registry.promote("made", because="  ", who="mara")


def test_what_serves_cannot_be_promoted_again(registry: Registry) -> None:
    with pytest.raises(Conflict, match="serves already"):
        registry.promote("default", because="why not", who="mara")


def test_rolling_back_goes_one_decision_back_each_time(registry: Registry, tmp_path: Path) -> None:
    for version in ("1.0.0", "1.1.0"):
        registry.register(made_package(tmp_path, version=version))
        registry.promote(f"made-{version}", because="newer", who="mara")

    assert registry.rollback(because="too many alarms", who="otto").label == "made-1.0.0"
    assert registry.rollback(because="still too many", who="otto").label == "default-1.0.0"
    with pytest.raises(Conflict, match="nothing served before"):
        registry.rollback(because="once more", who="otto")
    assert registry.show("made-1.1.0").stage is Stage.RETIRED


def test_going_back_to_the_shipped_package_keeps_it_over_an_upgrade(registry: Registry, tmp_path: Path) -> None:
    registry.register(made_package(tmp_path))
    registry.promote("made", because="newer", who="mara")
    registry.promote("default", because="was better", who="mara")

    upgraded = made_registry(tmp_path, lambda: made_package(tmp_path / "new", name="default", version="2.0.0"))

    assert upgraded.serving().label == "default-1.0.0"
    assert upgraded.open().label == "default-1.0.0"
    assert upgraded.show("default").label == "default-2.0.0"


def test_without_a_shipped_package_nothing_serves_until_one_is_promoted(tmp_path: Path) -> None:
    registry = made_registry(tmp_path)
    with pytest.raises(NotFound, match="no package serves"):
        registry.serving()
    with pytest.raises(NotFound, match="there is nothing"):
        registry.show("made")

    registry.register(made_package(tmp_path))
    registry.promote("made", because="the first", who="mara")

    assert registry.serving().label == "made-1.0.0"
    with pytest.raises(Conflict, match="nothing served before"):
        registry.rollback(because="no", who="mara")


def test_versions_are_ordered_as_numbers(registry: Registry, tmp_path: Path) -> None:
    for version in ("1.10.0", "1.9.0"):
        registry.register(made_package(tmp_path, version=version))

    assert registry.show("made").version == "1.10.0"


def test_a_path_is_read_without_the_shelf(registry: Registry, tmp_path: Path) -> None:
    assert registry.open(str(made_package(tmp_path))).label == "made-1.0.0"
    assert len(registry.packages()) == 1


def test_a_file_that_was_changed_on_the_shelf_is_found(registry: Registry, tmp_path: Path) -> None:
    shelved = registry.register(made_package(tmp_path))
    assert registry.verify("made") == shelved
    other = write_package(tmp_path / "shipped", made_manifest(), made_graph(), "# Changed\n")
    shelved.path.write_bytes(other.read_bytes())

    with pytest.raises(PackageDamaged, match="not the file that was registered"):
        registry.verify("made")


def test_a_state_that_was_damaged_is_named(registry: Registry, tmp_path: Path) -> None:
    registry.register(made_package(tmp_path))
    (tmp_path / "shelf" / "shelf.json").write_text("{}}")

    with pytest.raises(PackageDamaged, match="restore it from a backup"):
        registry.packages()
