from pathlib import Path

import pytest

from lingula.errors import TrainingError
from lingula.radiology.study import Band, Status
from lingula.training.data.outcomes import Outcome
from lingula.training.data.predictions import read_predictions, write_predictions

ASSESSED = Outcome(
    name='NORMAL/a "strange", name.png',
    label=0,
    finding="normal",
    status=Status.ASSESSED,
    probability=0.1 + 0.2,
    band=Band.UNSURE,
    novelty=1e-9,
    patient="person1_bacteria",
    site="north",
    age_years=1.5,
    sex="F",
    view="AP",
    rows=1200,
    columns=1500,
)
REFUSED = Outcome(name="b.dcm", label=None, finding="unknown", status=Status.FAILED, reason="line one\nline two")


def table(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "predictions.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_what_is_written_is_read_again_to_the_last_digit(tmp_path: Path) -> None:
    write_predictions(tmp_path / "predictions.csv", [ASSESSED, REFUSED])

    assert read_predictions(tmp_path / "predictions.csv") == [ASSESSED, REFUSED]
    assert [path.name for path in tmp_path.iterdir()] == ["predictions.csv"]


def test_another_program_s_table_needs_three_columns_only(tmp_path: Path) -> None:
    path = tmp_path / "keras.csv"
    path.write_bytes("\ufeffProbability,label,path\r\n0.25,1.0,a.png\r\n\r\n,0,b.png\r\n".encode())

    first, second = read_predictions(path)

    assert (first.name, first.label, first.probability, first.status) == ("a.png", 1, 0.25, Status.ASSESSED)
    assert (second.label, second.probability, second.status) == (0, None, Status.FAILED)
    assert first.band is None


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("a.png,2,0.5,,,", "line 3: label '2' is not 0, 1 or empty"),
        ("a.png,1,1.5,,,", "line 3: probability '1.5' is not a number from 0 to 1"),
        ("a.png,1,nan,,,", "line 3: probability 'nan' is not a number from 0 to 1"),
        ("a.png,1,often,,,", "line 3: probability 'often' is not a number"),
        ("a.png,1,0.5,perhaps,,", "line 3: band 'perhaps' is not likely, unsure, unlikely"),
        ("a.png,1,0.5,,lost,", "line 3: status 'lost' is not received, assessed"),
        ("a.png,1,0.5,,,0", "line 3: rows '0' is not a number of 1 or more"),
        ("first.png,1,0.5,,,", "line 3: path 'first.png' is not there once only"),
        (",1,0.5,,,", "line 3: path '' is not the name"),
        ("a.png,1,0.5", "line 3: 3 cells, the header has 6"),
        ('a.png,1,0.5,"x"y,,', "line 3: .*is it a CSV"),
    ],
)
def test_a_wrong_cell_is_named_with_its_line(tmp_path: Path, line: str, complaint: str) -> None:
    path = table(tmp_path, "path,label,probability,band,status,rows", "first.png,0,0.1,,,", line)

    with pytest.raises(TrainingError, match=complaint):
        read_predictions(path)


def test_a_table_without_its_columns_lines_or_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="line 1: column probability is missing"):
        read_predictions(table(tmp_path, "path,label", "a.png,1"))
    with pytest.raises(TrainingError, match="no line below its header"):
        read_predictions(table(tmp_path, "path,label,probability"))
    with pytest.raises(TrainingError, match="column path is missing"):
        read_predictions(table(tmp_path))
    with pytest.raises(TrainingError, match="cannot be read: No such file"):
        read_predictions(tmp_path / "nothing.csv")
    (tmp_path / "latin.csv").write_bytes("path,label,probability\nä,0,0.1\n".encode("latin-1"))
    with pytest.raises(TrainingError, match="not UTF-8 at byte 23"):
        read_predictions(tmp_path / "latin.csv")
