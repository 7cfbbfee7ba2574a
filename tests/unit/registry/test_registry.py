"""The shelf: what is on it is whole, people decide with a reason, and the way back is always open."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from made.packages import made_graph, made_manifest, made_package

from lingula.errors import Conflict, NotFound, PackageDamaged
from lingula.modelpackage.archive import write_package
from lingula.modelpackage.manifest import Forebear, Gate, Stage
from lingula.registry import Action, Registry

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
ASKS_ENOUGH = Gate(auroc_at_least=0.4, sensitivity_at_least=0.4, specificity_at_least=0.4)  # the made numbers are 0.5
FIXTURES = Path(__file__).parents[2] / "fixtures"


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


def test_a_package_that_falls_short_of_its_gate_is_not_promoted_and_every_number_is_named(
    registry: Registry, tmp_path: Path
) -> None:
    registry.register(made_package(tmp_path, gate=Gate(auroc_at_least=0.9, specificity_at_least=0.8)))

    with pytest.raises(Conflict, match=r"AUROC is 0\.5, at least 0\.9 is asked; specificity .* at least 0\.8 is asked"):
        registry.promote("made", because="it is new", who="mara")

    assert registry.serving().label == "default-1.0.0"
    assert registry.start_shadow("made", because="to see", who="mara").stage is Stage.SHADOW


def test_a_package_of_the_first_format_is_promoted_with_a_notice_in_the_history(
    registry: Registry,
) -> None:
    registry.register(FIXTURES / "format-1" / "made-1.0.0.lingula")

    assert registry.promote("made", because="as before", who="mara").stage is Stage.SERVING
    (decision,) = registry.history()
    assert decision.notice is not None
    assert "states no gate" in decision.notice


def test_a_promotion_says_what_it_replaced_and_a_package_what_it_was_begun_from(
    registry: Registry, tmp_path: Path
) -> None:
    forebear = Forebear(label="default-1.0.0", sha256="1" * 64)
    made = made_manifest()
    manifest = made.model_copy(
        update={"provenance": made.provenance.model_copy(update={"begun_from": forebear, "teachers": (forebear,)})}
    )
    registry.register(write_package(tmp_path, manifest, made_graph(), "# Card\n"))

    promoted = registry.promote("made", because="newer", who="mara")

    assert (promoted.begun_from, promoted.teachers, promoted.replaced) == (forebear, (forebear,), "default-1.0.0")
    assert registry.show("default").replaced is None


def test_a_gate_that_asks_for_little_is_named_in_the_history(registry: Registry, tmp_path: Path) -> None:
    registry.register(made_package(tmp_path))  # asks for an AUROC, for little without lungs, and for parity
    registry.register(made_package(tmp_path, version="1.1.0", gate=ASKS_ENOUGH))
    registry.promote("made-1.0.0", because="newer", who="mara")
    registry.promote("made-1.1.0", because="newer", who="mara")

    assert [decision.notice for decision in registry.history()] == [
        (
            "its gate asks for nothing about sensitivity at the rule-out point, specificity at the rule-out point, "
            "worst AUROC under stress, calibration error, share of real radiographs refused; read its model card"
        ),
        None,
    ]


def test_two_who_answer_one_alarm_go_back_once(registry: Registry, tmp_path: Path) -> None:
    for version in ("1.0.0", "1.1.0"):
        registry.register(made_package(tmp_path, version=version))
        registry.promote(f"made-{version}", because="newer", who="mara")

    assert registry.rollback(because="too many alarms", who="mara", serving="made-1.1.0").label == "made-1.0.0"
    with pytest.raises(Conflict, match=r"made-1\.1\.0 does not serve, made-1\.0\.0 does: somebody decided meanwhile"):
        registry.rollback(because="too many alarms", who="otto", serving="made-1.1.0")

    assert registry.serving().label == "made-1.0.0"


def test_a_shadow_stands_beside_what_serves_and_ends_with_a_word(registry: Registry, tmp_path: Path) -> None:
    registry.register(made_package(tmp_path))
    registry.start_shadow("made", because="two weeks beside", who="mara")

    assert (registry.show("made").stage, registry.serving().label) == (Stage.SHADOW, "default-1.0.0")
    shadow = registry.shadow()
    assert shadow is not None
    assert (shadow.package, shadow.at, shadow.because) == ("made-1.0.0", NOW, "two weeks beside")
    assert registry.stop_shadow(because="seen enough", who="otto").stage is Stage.CANDIDATE
    assert registry.shadow() is None
    with pytest.raises(Conflict, match="no package is in shadow"):
        registry.stop_shadow(because="again", who="otto")


def test_one_package_at_a_time_is_in_shadow_and_never_the_one_that_serves(registry: Registry, tmp_path: Path) -> None:
    for version in ("1.0.0", "1.1.0"):
        registry.register(made_package(tmp_path, version=version))
    with pytest.raises(Conflict, match=r"default-1\.0\.0 serves"):
        registry.start_shadow("default", because="why", who="mara")
    with pytest.raises(Conflict, match="say why"):
        registry.start_shadow("made", because=" ", who="mara")
    registry.start_shadow("made-1.0.0", because="first", who="mara")

    with pytest.raises(Conflict, match=r"made-1\.0\.0 is in shadow; stop it first"):
        registry.start_shadow("made-1.1.0", because="second", who="mara")


def test_a_shadow_ends_when_its_package_serves_by_promotion_or_by_rollback(registry: Registry, tmp_path: Path) -> None:
    registry.register(made_package(tmp_path))
    registry.start_shadow("made", because="beside", who="mara")
    registry.promote("made", because="better", who="mara")
    assert registry.shadow() is None

    registry.start_shadow("default", because="beside, the other way round", who="mara")
    assert registry.show("default").stage is Stage.SHADOW
    registry.rollback(because="worse", who="mara")
    assert (registry.shadow(), registry.serving().label) == (None, "default-1.0.0")


def test_a_shadow_outlives_the_promotion_of_another(registry: Registry, tmp_path: Path) -> None:
    for version in ("1.0.0", "1.1.0"):
        registry.register(made_package(tmp_path, version=version))
    registry.start_shadow("made-1.0.0", because="beside", who="mara")
    registry.promote("made-1.1.0", because="better", who="mara")

    assert registry.show("made-1.0.0").stage is Stage.SHADOW


def test_no_way_back_to_a_package_that_is_damaged(registry: Registry, tmp_path: Path) -> None:
    for version in ("1.0.0", "1.1.0"):
        registry.register(made_package(tmp_path, version=version))
        registry.promote(f"made-{version}", because="newer", who="mara")
    registry.show("made-1.0.0").path.write_bytes(b"")

    with pytest.raises(PackageDamaged):
        registry.rollback(because="worse", who="mara")

    assert registry.serving().label == "made-1.1.0"


def test_the_mark_changes_with_every_decision(registry: Registry, tmp_path: Path) -> None:
    marks = [registry.mark()]
    registry.register(made_package(tmp_path))
    marks.append(registry.mark())
    registry.promote("made", because="newer", who="mara")
    marks.append(registry.mark())
    registry.rollback(because="worse", who="mara")
    marks.append(registry.mark())

    assert marks[0] is None
    assert len(set(marks)) == 4
    assert registry.mark() == marks[-1]


def test_a_shelf_of_the_first_format_is_read_and_goes_on(tmp_path: Path) -> None:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    shutil.copy(FIXTURES / "shelf-format-1" / "shelf.json", shelf)
    shutil.copy(FIXTURES / "format-1" / "made-1.0.0.lingula", shelf)
    registry = made_registry(tmp_path)

    assert registry.open().label == "made-1.0.0"
    registry.register(made_package(tmp_path, version="1.1.0"))
    registry.promote("made-1.1.0", because="newer", who="otto")

    assert [(one.action, one.replaced) for one in registry.history()] == [
        (Action.PROMOTE, None),
        (Action.PROMOTE, "made-1.0.0"),
    ]
    assert registry.rollback(because="worse", who="otto").label == "made-1.0.0"
