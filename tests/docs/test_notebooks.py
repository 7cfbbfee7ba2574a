"""The notebooks run from the first cell to the last, and hold nothing but what was written."""

import json
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

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


@pytest.mark.timeout(900)  # a minute of work, for machines that are busy with something else
def test_all_run_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (*NOTEBOOKS, FOLDER / "drawn.toml"):
        shutil.copy(path, tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # networks this small gain nothing from a second thread
    monkeypatch.setenv("LINGULA_HOME", str(tmp_path / "home"))
    for path in NOTEBOOKS:
        notebook = nbformat.read(tmp_path / path.name, as_version=4)  # type: ignore[no-untyped-call]  # it has no types
        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
        shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
        assert any("lingula" in output.get("data", {}).get("text/html", "") for output in shown), path.name
        warned = [output.text for output in shown if output.output_type == "stream" and output.name == "stderr"]
        assert warned == [], path.name
