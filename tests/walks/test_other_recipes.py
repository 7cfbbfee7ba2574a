"""The same walk with other recipes: no lung masks, the whole frame, no folds, weights of the shipped package."""

from pathlib import Path

import pytest
import torch
from made.chests import drawn_data

from lingula.errors import TrainingError
from lingula.modelpackage.archive import read_package, shipped_package_path
from lingula.modelpackage.session import open_session
from lingula.training.data.predictions import read_predictions
from lingula.training.evidence.findings import Findings
from lingula.training.learning.journal import read_history
from lingula.training.learning.tracking import Say
from lingula.training.walk import Run, begin_run, export_run, train_run

CHESTS = 48
RECIPE = """
seed = 5
[data]
source = "data.csv"
sample = {sample}
credits = []
[split]
by = "{by}"
tuning = 0.4
test = {test}
folds = 0
[finder]
package = "shipped"
[classifier.schedule]
epochs = {epochs}
batch = 8
learning_rate = {rate}
[classifier.network]
{network}
[classifier.augment]
rotation = 5.0
[operating_points]
rule_out_sensitivity = 0.5
rule_in_specificity = 0.5
[gate]
[package]
name = "other"
version = "0.1.0"
licence = "Apache-2.0"
[package.label]
name = "pneumonia"
definition = "an opacity that was drawn"
reference_standard = "drawn"
[package.intended_use]
statement = "Try the walk"
population = "drawn chests"
age_years_min = 1
age_years_max = 6
modalities = ["DX"]
body_parts = ["CHEST"]
view_positions = ["PA"]
exclusions = ["everything real"]
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_data(tmp_path_factory.mktemp("other") / "data", CHESTS)


def trained(
    folder: Path, data: Path, *overrides: str, say: Say = lambda _: None, **words: object
) -> tuple[Run, Findings]:
    """Train the recipe above with some of its words."""
    torch.set_num_threads(1)
    folder.mkdir(exist_ok=True)
    usual: dict[str, object] = {"sample": CHESTS, "by": "patient", "test": 0.0, "epochs": 1, "rate": 1e-3}
    recipe = folder / "other.toml"
    recipe.write_text(RECIPE.format(**(usual | words)))
    run = begin_run(recipe, folder / "run", data, overrides)
    return run, train_run(run, progress=lambda _: None, say=say)


def test_a_tutorials_recipe_says_that_its_number_flatters_and_why(tmp_path: Path, data: Path) -> None:
    network = 'name = "small-cnn"\nsees = "frame"\nside = 32\nhead = [16]\ndropout = 0.1\nbatch_norm = true'
    run, findings = trained(tmp_path, data, by="image", sample=44, epochs=6, network=network)

    told = read_predictions(run.folder / "predictions.csv")
    assert findings.judged == "the tuning part, split by image"
    assert findings.radiographs == findings.tuning_radiographs == len(told) > 10
    assert list(findings.fold_aurocs) == pytest.approx([findings.auroc.value])
    right = [(outcome.probability or 0) > 0.5 for outcome in told]
    assert len(set(right)) == 2
    notes = " | ".join(findings.notes)
    for said in ("patients are on both sides", "also calibrated the probabilities", "the whole frame"):
        assert said in notes
    history = read_history(run.folder / "history.jsonl")
    assert [(epoch.stage, epoch.fold, epoch.epoch) for epoch in history] == [
        ("classifier", None, number) for number in range(1, 7)
    ]
    assert findings.effort.seconds == pytest.approx(sum(epoch.seconds for epoch in history))

    told_of_export: list[str] = []
    package = read_package(export_run(run, tmp_path / "out", commit=None, say=told_of_export.append))
    assert told_of_export[0].startswith("parity over 44 radiographs: ")
    assert package.manifest.provenance.begun_from is None  # only its lung finder was taken
    shipped = read_package(shipped_package_path()).label
    assert (
        f"classifier: random, seed 5; lung finder: that of the package {shipped}, used as it is" in package.model_card
    )
    assert "**Mind:** split by image" in package.model_card
    assert "split by image" in package.manifest.evidence.method
    shape = {output.name: output.shape for output in package.manifest.outputs}["embedding"]
    assert shape == (0, 16)
    open_session(package.graph, threads=1)


def test_a_large_networks_stress_is_judged_on_a_drawn_part_and_nothing_else_changes(tmp_path: Path, data: Path) -> None:
    network = 'name = "small-cnn"\nsees = "frame"\nside = 32\nmirrored = true'
    _, whole = trained(tmp_path / "whole", data, network=network)
    _, part = trained(tmp_path / "part", data, "split.probed=14", network=network)

    assert part.auroc == whole.auroc
    assert part.tuning_auroc == whole.tuning_auroc
    assert part.lungs_blanked != whole.lungs_blanked
    assert part.notes == (
        *whole.notes[:1],
        "stress and blanked lungs were judged on 14 of 20 radiographs",
        *whole.notes[1:],
    )


def test_the_shipped_weights_are_refined_on_a_few_radiographs_and_named(tmp_path: Path, data: Path) -> None:
    run, findings = trained(tmp_path, data, test=0.3, network='package = "shipped"\ntrainable = "head"')

    assert findings.judged == "the test part, split by patient"
    assert [note.partition(":")[0] for note in findings.notes] == ["begun with the weights of shipped"]
    package = read_package(export_run(run, tmp_path / "out", commit=None, say=lambda _: None))
    begun = package.manifest.provenance.begun_from
    assert begun is not None
    assert begun == read_package(shipped_package_path()).as_forebear
    assert f"classifier: weights of the package {begun.label}; lung finder: that of" in package.model_card


def test_what_can_be_known_before_an_epoch_is_said_before_it(tmp_path: Path, data: Path) -> None:
    said: list[str] = []
    trained(
        tmp_path,
        data,
        "operating_points.rule_out_sensitivity=0.98",
        say=said.append,
        network='name = "small-cnn"\nsees = "frame"\nside = 32',
    )
    warned = [line for line in said if line.startswith("warning: ")]
    begun = next(place for place, line in enumerate(said) if line.startswith("learning on"))
    assert said.index(warned[-1]) < begun
    assert "too few to promise 0.98; at least 50 are needed" in warned[0]
    assert "[[data.credits]] is empty" in warned[1]


def test_without_masks_and_without_a_package_nobody_finds_the_lungs(tmp_path: Path, data: Path) -> None:
    recipe = tmp_path / "none.toml"
    words = {"sample": CHESTS, "by": "patient", "test": 0.0, "epochs": 1, "rate": 1e-3, "network": 'name = "small-cnn"'}
    text = RECIPE.format(**words).replace(
        'package = "shipped"', "schedule = { epochs = 1, batch = 6, learning_rate = 1e-3 }"
    )
    recipe.write_text(text)
    with pytest.raises(TrainingError, match=r'no lung mask .*`package = "shipped"` in \[finder\]'):
        train_run(begin_run(recipe, tmp_path / "run", data), progress=lambda _: None, say=lambda _: None)


def test_more_than_there_are_cannot_be_drawn(tmp_path: Path, data: Path) -> None:
    with pytest.raises(TrainingError, match=r"\[data\] sample: 49 cannot be drawn of 48"):
        trained(tmp_path, data, sample=CHESTS + 1, network='name = "small-cnn"')
