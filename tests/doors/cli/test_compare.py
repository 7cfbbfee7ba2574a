import json
from pathlib import Path

from made.commands import Lingula
from made.outcomes import made_outcomes

from lingula.training.data.predictions import write_predictions


def runs(tmp_path: Path) -> list[Path]:
    """Write two runs of different quality on the same radiographs."""
    made = []
    for name, separation in (("before", 1.0), ("after", 2.0)):
        (tmp_path / name).mkdir()
        write_predictions(tmp_path / name / "predictions.csv", made_outcomes(120, separation=separation))
        made.append(Path(name))
    return made


def test_compare_prints_a_table_and_writes_a_folder(lingula: Lingula, tmp_path: Path) -> None:
    ended = lingula("compare", *runs(tmp_path), "--out", "compared")

    assert ended.code == 0
    assert "before" in ended.out.splitlines()[0]
    assert "difference of AUROC, patients drawn again" in ended.out
    assert "wrote compared/comparison.md" in ended.err
    assert (tmp_path / "compared" / "roc.png").is_file()


def test_compare_prints_json(lingula: Lingula, tmp_path: Path) -> None:
    ended = lingula("compare", *runs(tmp_path), "--json")

    said = json.loads(ended.out)
    assert [run["name"] for run in said["runs"]] == ["before", "after"]
    assert said["pairs"][0]["drawn"]["difference"]["value"] > 0


def test_compare_says_what_is_wrong(lingula: Lingula, tmp_path: Path) -> None:
    before, _ = runs(tmp_path)

    alone = lingula("compare", before)
    nothing = lingula("compare", before, "nowhere")

    assert alone.code == nothing.code == 65
    assert "name two runs or more" in alone.err
    assert "nowhere has no predictions.csv" in nothing.err
