"""The notebooks run from the first cell to the last, and hold nothing but what was written."""

import json
import shutil
from pathlib import Path

import nbformat
import numpy as np
import pytest
from made.chests import drawn_chest
from nbclient import NotebookClient

from lingula.doors.notebook import tuning_part
from lingula.modelpackage.archive import ModelPackage, read_package
from lingula.training.data.predictions import read_predictions
from lingula.training.evaluation.running import run_package
from lingula.training.learning.train import find_lungs
from lingula.training.networks import finder_from_package
from lingula.training.networks.geometry import lung_box
from lingula.training.sources import read_source
from lingula.training.statistics.cases import Cases
from lingula.training.statistics.operating_point import choose_operating_points

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
MOST = 5


def test_there_are_a_few_and_the_docs_list_each() -> None:
    assert 0 < len(NOTEBOOKS) <= MOST
    page = (FOLDER.parent / "docs" / "tutorial" / "notebooks.md").read_text()
    for path in NOTEBOOKS:
        assert f"`{path.name}`" in page


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_holds_no_outputs_and_defines_nothing(path: Path) -> None:
    notebook = json.loads(path.read_text())
    nbformat.validate(notebook)
    assert set(notebook["metadata"]) <= {"kernelspec", "language_info"}
    for cell in notebook["cells"]:
        assert cell["metadata"] == {}
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None), path.name
            text = "".join(cell["source"])
            assert "def " not in text, "logic belongs in the package"
            assert "class " not in text, "logic belongs in the package"


def test_an_opacity_is_plain_unless_a_faint_one_is_asked_for() -> None:
    plain, faint = drawn_chest(3, has_opacity=True), drawn_chest(3, has_opacity=True, faintest=0.04)
    assert (plain.mask == faint.mask).all()
    brighter = plain.pixels.astype(int) - faint.pixels
    assert (brighter >= 0).all()
    assert 0 < brighter.max() <= 255 * (0.35 - 0.04) + 1


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which all notebooks ran, one after the other, and left what they made."""
    folder = tmp_path_factory.mktemp("notebooks")
    for path in (*NOTEBOOKS, FOLDER / "drawn.toml"):
        shutil.copy(path, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")  # networks this small gain nothing from a second thread
        patch.setenv("LINGULA_HOME", str(folder / "home"))
        for path in NOTEBOOKS:
            notebook = nbformat.read(folder / path.name, as_version=4)  # type: ignore[no-untyped-call]  # it has no types
            NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}}).execute()
            nbformat.write(notebook, folder / path.name)  # type: ignore[no-untyped-call]  # it has no types
    return folder


@pytest.fixture(scope="module")
def package(ran: Path) -> ModelPackage:
    return read_package(ran / "work" / "packages" / "drawn-chests-0.1.0.lingula")


@pytest.mark.timeout(900)  # a minute or two of work, for machines that are busy with something else
def test_all_run_one_after_the_other_and_show_something_without_a_warning(ran: Path) -> None:
    for path in NOTEBOOKS:
        cells = json.loads((ran / path.name).read_text())["cells"]
        shown = [output for cell in cells if cell["cell_type"] == "code" for output in cell["outputs"]]
        assert any("lingula" in "".join(output.get("data", {}).get("text/html", "")) for output in shown), path.name
        warned = [output["text"] for output in shown if output.get("name") == "stderr"]
        assert warned == [], path.name


@pytest.mark.timeout(900)  # whichever test comes first runs the notebooks
def test_the_two_runs_that_are_compared_see_and_say_different_things(ran: Path, package: ModelPackage) -> None:
    chests = np.stack([drawn_chest(10_000 + number, has_opacity=number % 2 == 1).pixels for number in range(20)])
    boxes = lung_box(find_lungs(finder_from_package(package), chests)[0]).numpy()
    assert (boxes[:, :2] > 0.02).all()  # left and top edge; 0 is the frame's
    assert (boxes[:, 2:] < 0.98).all()  # right and bottom edge; 1 is the frame's

    lungs, frame = (read_predictions(ran / "work" / "runs" / name / "predictions.csv") for name in ("lungs", "frame"))
    assert [entry.name for entry in lungs] == [entry.name for entry in frame]
    assert np.abs(Cases.of(lungs).probabilities - Cases.of(frame).probabilities).mean() > 0.05


@pytest.mark.timeout(900)  # whichever test comes first runs the notebooks
def test_thresholds_are_chosen_on_the_patients_who_chose_the_packages_own(ran: Path, package: ModelPackage) -> None:
    work = ran / "work"
    tuning = tuning_part(package, read_source(work / "data" / "data.csv"), work / "runs" / "lungs" / "split.json")
    tested = {entry.name for entry in read_predictions(work / "runs" / "lungs" / "predictions.csv")}
    assert tested.isdisjoint(map(tuning.name_of, tuning.rows))

    cases = Cases.of(run_package(package, tuning))
    chosen = choose_operating_points(
        cases.labels, cases.probabilities, cases.patients, rule_out_sensitivity=0.9, rule_in_specificity=0.9
    )

    stated = package.manifest.operating_points
    assert chosen.rule_out.threshold == pytest.approx(stated.rule_out.threshold, abs=1e-4)
    assert chosen.rule_in.threshold == pytest.approx(stated.rule_in.threshold, abs=1e-4)
    assert chosen.rule_out.measured_on == stated.rule_out.measured_on
