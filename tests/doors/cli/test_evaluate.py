import json
from pathlib import Path

from made.commands import Lingula
from made.labels import write_class_folders


def test_evaluate_writes_a_report_and_prints_what_it_found(lingula: Lingula, package: Path, tmp_path: Path) -> None:
    write_class_folders(tmp_path / "set" / "test", normal=["a.png", "b.png"], pneumonia=["c.png", "d.png"])

    ended = lingula("evaluate", "set", "--package", package, "--out", "report")

    assert ended.code == 0
    assert "4 radiographs, 4 assessed" in ended.out
    assert "AUROC 1.0000" in ended.out
    assert "never replaces" in ended.err
    assert {path.name for path in (tmp_path / "report").iterdir()} == {
        "evaluation.html",
        "evaluation.json",
        "predictions.csv",
        "figures",
    }


def test_evaluate_prints_json_of_one_part(lingula: Lingula, package: Path, tmp_path: Path) -> None:
    write_class_folders(tmp_path / "set" / "train", normal=["a.png"], pneumonia=["c.png"])
    write_class_folders(tmp_path / "set" / "test", normal=["e.png", "f.png"], pneumonia=["g.png"])

    ended = lingula("evaluate", "set", "--package", package, "--out", "report", "--part", "test", "--json")

    assert ended.code == 0
    assert json.loads(ended.out)["radiographs"] == 3


def test_evaluate_says_what_is_wrong_with_a_data_set_or_part(lingula: Lingula, package: Path, tmp_path: Path) -> None:
    write_class_folders(tmp_path / "set", normal=["a.png"], pneumonia=["c.png"])

    nothing = lingula("evaluate", "nowhere", "--package", package, "--out", "report")
    unknown = lingula("evaluate", "set", "--package", package, "--out", "report", "--part", "holdout")
    empty = lingula("evaluate", "set", "--package", package, "--out", "report", "--part", "test")

    assert 0 not in {nothing.code, unknown.code, empty.code}
    assert "nowhere does not exist" in nothing.err
    assert "part 'holdout' is not training, tuning or test" in unknown.err
    assert "no radiograph in its test part" in empty.err
    assert not (tmp_path / "report").exists()
