"""A data set's way on one machine: rows in, a package out that the triage half reads."""

from pathlib import Path

import numpy as np
import pytest
import torch
from made.chests import drawn_chest, drawn_data

from lingula.errors import TrainingError
from lingula.modelpackage.archive import ModelPackage, read_package
from lingula.modelpackage.manifest import Gate
from lingula.modelpackage.preprocessing import prepare
from lingula.modelpackage.session import open_session
from lingula.radiology.radiograph import Radiograph
from lingula.training.comparing import compare, read_run
from lingula.training.evidence.findings import Findings
from lingula.training.packaging import quantise
from lingula.training.recipe import Precision
from lingula.training.walk import Run, begin_run, export_run, train_run

CHESTS = 160
DEFAULT = Path(__file__).parents[2] / "recipes" / "default.toml"
SMALL = (
    "data.source=data.csv",
    "data.masks=masks",
    "data.outliers=masks",  # nobody's chest radiographs
    "split.tuning=0.4",
    "split.folds=2",
    "finder.schedule.epochs=3",
    "finder.schedule.batch=24",
    "classifier.schedule.epochs=4",
    "classifier.final_epochs=5",
    "classifier.schedule.batch=8",
    "classifier.network.side=64",
    "classifier.network.widths=[16, 16, 32, 32]",
    "operating_points.rule_out_sensitivity=0.9",
    "operating_points.rule_in_specificity=0.9",
    "export.graph=fp32",  # whether eight bits are the same model is a matter of one radiograph in a set this small
)
GATE = {"auroc_at_least": 0.6}


def begin_small(folder: Path, data: Path, *more: str) -> Run:
    """Begin a run of the default recipe, shrunk until it trains in seconds, with a gate of its own."""
    asked = {name: 1.0 if name.endswith("at_most") else 0.0 for name in Gate.model_fields} | {"parity_at_most": 1e-4}
    gate = [f"gate.{name}={value}" for name, value in (asked | GATE).items()]
    return begin_run(DEFAULT, folder, data, (*SMALL, *gate, *more))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Findings]:
    folder = tmp_path_factory.mktemp("walk")
    data = drawn_data(folder / "data", CHESTS)
    run = begin_small(folder / "runs" / "small", data)
    torch.set_num_threads(1)  # pictures this small gain nothing from a second thread and wait for it when it is busy
    return run, train_run(run, progress=lambda *_: None, say=lambda _: None)


@pytest.fixture(scope="module")
def package(finished: tuple[Run, Findings], tmp_path_factory: pytest.TempPathFactory) -> ModelPackage:
    return read_package(export_run(finished[0], tmp_path_factory.mktemp("out"), commit=None, say=lambda _: None))


def test_the_walk_ends_with_a_package_that_tells_opacities_from_none(
    finished: tuple[Run, Findings], package: ModelPackage
) -> None:
    run, _ = finished
    session = open_session(package.graph, threads=1)
    inputs = []
    for number in range(40):
        pixels = drawn_chest(10_000 + number, has_opacity=number % 2 == 1).pixels
        inputs.append(prepare(Radiograph(pixels=pixels, rows=224, columns=224), package.manifest.preprocessing))
    outputs = session.run(np.concatenate(inputs))
    probability = outputs["probability"][:, 0]
    ranked = [high > low for high in probability[1::2] for low in probability[::2]]
    assert np.mean(ranked) > 0.7
    assert outputs["activation_map"].shape == outputs["lung_mask"].shape == (40, 1, 56, 56)
    assert outputs["embedding"].shape == (40, 32)
    assert package.manifest.evidence.parity <= 1e-4
    assert package.manifest.provenance.recipe == run.recipe_path.read_text()


def test_the_model_card_says_what_was_measured_and_what_it_is_not_for(
    finished: tuple[Run, Findings], package: ModelPackage
) -> None:
    _, findings = finished
    card = package.model_card
    assert f"| AUROC | {findings.auroc.value:.4f} |" in card
    assert f"{findings.lungs_blanked.value:.4f}" in card
    assert "- adults and newborns\n" in card
    assert "never replaces" in card
    (precision,) = findings.arithmetic
    assert f", in {'bfloat16' if precision is Precision.BF16 else '32 bits'}, binary loss" in card
    assert "classifier: random, seed 20261121; lung finder: random, seed 20261121" in card


def test_a_run_leaves_what_a_comparison_reads_and_its_learning_curves(finished: tuple[Run, Findings]) -> None:
    run, findings = finished

    compared = compare([read_run(run.folder, "first"), read_run(run.folder, "again")])

    assert compared.runs[0].auroc is not None
    assert compared.runs[0].auroc.value == pytest.approx(findings.auroc.value)
    assert compared.runs[0].notes == ()  # split by patient
    drawn = {path.stem for path in (run.folder / "figures").iterdir()}
    assert {"learning-lung-finder-loss", "learning-classifier-loss"} <= drawn


def test_a_finished_run_is_not_trained_again_and_gives_the_same_numbers(finished: tuple[Run, Findings]) -> None:
    run, findings = finished
    epochs: list[str] = []
    again = train_run(run, progress=lambda stage, *_: epochs.append(stage), say=lambda _: None)
    assert epochs == []
    assert again == findings


def test_a_gate_that_fails_writes_no_package_and_names_the_number(
    finished: tuple[Run, Findings], tmp_path: Path
) -> None:
    run, _ = finished
    strict = Run(folder=tmp_path / "strict", data=run.data)
    strict.folder.mkdir()
    for name in ("networks.pt", "findings.json", "split.json"):
        (strict.folder / name).write_bytes((run.folder / name).read_bytes())
    strict.recipe_path.write_text(run.recipe_path.read_text().replace("auroc_at_least = 0.6", "auroc_at_least = 1.0"))
    with pytest.raises(TrainingError, match=r"no package is written: AUROC is 0\.\d+, at least 1 is asked"):
        export_run(strict, tmp_path / "out", commit=None, say=lambda _: None)
    assert not (tmp_path / "out").exists()


def test_a_run_begun_with_another_recipe_is_not_touched(finished: tuple[Run, Findings]) -> None:
    run, _ = finished
    with pytest.raises(TrainingError, match="begun with another recipe"):
        begin_small(run.folder, run.data, "seed=1")


def test_the_same_recipe_in_other_words_goes_on(finished: tuple[Run, Findings]) -> None:
    run, _ = finished
    before = run.recipe_path.read_text()
    again = begin_small(run.folder, run.data, "split.folds=3", "split.folds=2")
    assert again.recipe_path.read_text() == before


def test_a_corrected_recipe_takes_the_place_of_one_that_came_to_nothing(tmp_path: Path) -> None:
    run = begin_small(tmp_path / "run", tmp_path, "data.source=misspelt.csv")
    with pytest.raises(TrainingError, match=r"misspelt\.csv"):
        train_run(run, progress=lambda _: None, say=lambda _: None)
    run.split_path.write_text("what followed from the first recipe alone")

    again = begin_small(tmp_path / "run", tmp_path)
    assert 'source = "data.csv"' in again.recipe_path.read_text()
    assert not again.split_path.exists()

    (tmp_path / "run" / "final").mkdir()
    begin_small(tmp_path / "run", tmp_path, "seed=1")  # a folder without a file is no result
    (tmp_path / "run" / "final" / "lung_finder.checkpoint").touch()
    with pytest.raises(TrainingError, match="begun with another recipe"):
        begin_small(tmp_path / "run", tmp_path)


def test_a_misspelt_network_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no network 'resnet5'; there are lingula"):
        begin_run(DEFAULT, tmp_path / "run", tmp_path, ("classifier.network.name=resnet5",))
    assert not (tmp_path / "run").exists()


def test_an_unfinished_run_cannot_be_exported(tmp_path: Path) -> None:
    run = begin_small(tmp_path / "run", tmp_path)
    with pytest.raises(TrainingError, match="no finished run"):
        export_run(run, tmp_path, commit=None, say=lambda _: None)


@pytest.mark.parametrize("graph", ["int8", "fp32"])
def test_a_recipe_chooses_how_wide_the_numbers_of_its_graph_are(
    graph: str, finished: tuple[Run, Findings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limits are for real models; how far so small a one moves depends on the processor it was trained on."""
    monkeypatch.setattr(quantise, "AUROC_WITHIN", 0.02)
    monkeypatch.setattr(quantise, "BANDS_EQUAL", 0.9)
    run, _ = finished
    chosen = Run(folder=tmp_path / graph, data=run.data)
    chosen.folder.mkdir()
    for name in ("networks.pt", "findings.json", "split.json"):
        (chosen.folder / name).write_bytes((run.folder / name).read_bytes())
    chosen.recipe_path.write_text(run.recipe_path.read_text().replace('graph = "fp32"', f'graph = "{graph}"'))
    said: list[str] = []
    made = read_package(export_run(chosen, tmp_path / "out", commit=None, say=said.append))
    assert said[0].startswith(f"parity over {CHESTS} radiographs: ")  # there are no two hundred
    rounding = made.manifest.evidence.rounding
    assert (rounding is not None) == (graph == "int8")
    assert rounding is None or 0.9 <= rounding.bands_equal <= 1
    assert ("eight-bit integers" in made.model_card) == (graph == "int8")
    assert any("bands stay the same" in line for line in said) == (graph == "int8")
