"""What a notebook shows claims no more than the package did, and thresholds meet the right patients only."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from made.labels import write_class_folders
from made.packages import made_package

from lingula.doors.notebook import extremes, gallery, tuning_part
from lingula.errors import TrainingError
from lingula.modelpackage.archive import ModelPackage, read_package
from lingula.radiology.study import Status
from lingula.training.data.labelled import Source
from lingula.training.data.outcomes import Outcome
from lingula.training.evaluation.running import run_package
from lingula.training.sources import read_source

DIGEST = "abc"


@pytest.fixture
def package(tmp_path: Path) -> ModelPackage:
    """The made package, bright means pneumonia, as if a run with the split `DIGEST` had made it."""
    made = read_package(made_package(tmp_path / "package"))
    provenance = made.manifest.provenance.model_copy(update={"split_digest": DIGEST})
    return replace(made, manifest=made.manifest.model_copy(update={"provenance": provenance}))


@pytest.fixture
def source(tmp_path: Path) -> Source:
    normal, pneumonia = [f"n{number}.png" for number in range(4)], [f"p{number}.png" for number in range(4)]
    return read_source(write_class_folders(tmp_path / "set", normal=normal, pneumonia=pneumonia))


def write_split(path: Path, source: Source, parts: list[str]) -> Path:
    keys = [hashlib.sha256(row.path.read_bytes()).hexdigest() for row in source.rows]
    rows = [[key, part, -1] for key, part in zip(keys, parts, strict=True)]
    stored = {"format": 2, "digest": DIGEST, "dataset_digest": "", "seed": 0, "fold_count": 0, "rows": rows}
    path.write_text(json.dumps(stored))
    return path


def order_in(shown: str, outcomes: list[Outcome]) -> list[str]:
    """Give the names of the radiographs shown, as they follow each other."""
    found = [entry.name for entry in outcomes if f"<figcaption>{entry.name}:" in shown]
    return sorted(found, key=lambda name: shown.index(f"<figcaption>{name}:"))


def by_probability(outcomes: list[Outcome]) -> list[str]:
    """Give the names of assessed radiographs, the least likely first."""
    pairs = [(entry.probability, entry.name) for entry in outcomes if entry.probability is not None]
    return [name for _, name in sorted(pairs)]


def test_the_extremes_stand_in_the_order_of_probability(package: ModelPackage, source: Source) -> None:
    outcomes = run_package(package, source)

    shown = extremes(package, source, outcomes, each=2)

    ranked = by_probability(outcomes)
    assert order_in(shown, outcomes) == [*ranked[:2], *ranked[-2:]]
    assert "Left out" not in shown


def test_what_was_not_assessed_is_counted_and_never_shown_as_unlikely(package: ModelPackage, source: Source) -> None:
    assessed = run_package(package, source)
    first, second = assessed[:2]
    failed = replace(first, status=Status.FAILED, reason="no pixels", probability=None, band=None, novelty=None)
    strange = replace(second, status=Status.NOT_ELIGIBLE, reason="strange", band=None)
    outcomes = [failed, strange, *assessed[2:]]

    shown = extremes(package, source, outcomes, each=8)

    assert order_in(shown, outcomes) == by_probability(assessed[2:])
    assert "Left out, since nothing is claimed of them: 1 failed, 1 not eligible of 8." in shown


def test_a_gallery_of_nothing_says_so(package: ModelPackage, source: Source) -> None:
    assert "none" in gallery(package, source, [])


def test_of_a_source_the_tuning_part_of_the_packages_own_split_is_kept(
    package: ModelPackage, source: Source, tmp_path: Path
) -> None:
    parts = ["training", "tuning", "test", "training", "test", "tuning", "training", "test"]
    split = write_split(tmp_path / "split.json", source, parts)
    twice = replace(source, rows=(*source.rows, source.rows[1]))
    gone = replace(source.rows[0], path=tmp_path / "gone.png")

    kept = tuning_part(package, replace(twice, rows=(gone, *twice.rows)), split)

    assert kept.rows == (source.rows[1], source.rows[5])


def test_thresholds_are_not_chosen_by_another_packages_split_or_on_another_data_set(
    package: ModelPackage, source: Source, tmp_path: Path
) -> None:
    split = write_split(tmp_path / "split.json", source, ["tuning"] * 8)
    another = read_package(package.path)
    with pytest.raises(TrainingError, match="is not the split of made; take it from the package's own run"):
        tuning_part(another, source, split)
    with pytest.raises(TrainingError, match="3 of the 8 radiographs of the tuning part are not in set"):
        tuning_part(package, replace(source, rows=source.rows[3:]), split)
