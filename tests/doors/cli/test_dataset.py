"""Labelled radiographs are described, imported and split from the command line."""

import csv
import json
from pathlib import Path

import pytest
from made.commands import Lingula
from made.labels import write_class_folders
from made.published import Person, kermany_archive, write_dicom, write_lines

from lingula.training.data.dataset import load_dataset
from lingula.training.sources import read_source

NORMAL = [f"IM-{number:04}-0001.jpeg" for number in range(12)]
PNEUMONIA = [f"person{number}_virus_1.jpeg" for number in range(12)]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = write_class_folders(tmp_path / "set", normal=NORMAL, pneumonia=PNEUMONIA)
    (folder / "NORMAL" / "torn.jpeg").write_bytes(b"\xff\xd8\xff")
    return folder


def test_a_data_set_is_described_with_what_was_left_out(lingula: Lingula, dataset: Path) -> None:
    row = lingula("dataset", "describe", dataset, "--json").rows[0]
    assert row["kept"] == 24
    assert row["by_label"] == {"normal": 12, "pneumonia": 12}
    assert "torn.jpeg" in json.dumps(row["left_out"])
    assert "24 radiographs" in lingula("dataset", "describe", dataset).out


def test_what_can_be_trusted_is_written_as_one_csv_that_reads_the_same(
    lingula: Lingula, dataset: Path, tmp_path: Path
) -> None:
    out = tmp_path / "lists" / "set.csv"
    assert lingula("dataset", "import", dataset, "--out", out).code == 0
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 24
    assert all((out.parent / row["image_path"]).is_file() for row in rows)
    again = lingula("dataset", "describe", out, "--json").rows[0]
    assert (again["by_label"], again["left_out"]) == ({"normal": 12, "pneumonia": 12}, [])


def test_a_split_is_a_file_with_a_digest_and_the_same_seed_gives_it_again(
    lingula: Lingula, dataset: Path, tmp_path: Path
) -> None:
    words = ("--tuning", "0.25", "--folds", "0", "--seed", "3")
    first = lingula("dataset", "split", dataset, "--out", tmp_path / "a.json", *words).rows[0]
    second = lingula("dataset", "split", dataset, "--out", tmp_path / "b.json", *words).rows[0]
    assert first["digest"] == second["digest"]
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert isinstance(first["training"], int)
    assert isinstance(first["tuning"], int)
    assert first["training"] + first["tuning"] == 24


def test_a_split_by_image_warns_that_it_tears_patients_apart(lingula: Lingula, tmp_path: Path) -> None:
    doubled = [f"IM-{number:04}-{view:04}.jpeg" for number in range(12) for view in (1, 2)]
    dataset = write_class_folders(tmp_path / "set", normal=doubled, pneumonia=PNEUMONIA)

    ended = lingula("dataset", "split", dataset, "--out", tmp_path / "s.json", "--by", "image", "--folds", "0")

    torn = ended.rows[0]["patients_on_two_sides"]
    assert ended.rows[0]["by"] == "image"
    assert f"warning: split by image: {torn} of 24 patients are on both sides" in ended.err


def test_a_split_by_source_without_parts_ends_with_65(lingula: Lingula, dataset: Path, tmp_path: Path) -> None:
    ended = lingula("dataset", "split", dataset, "--out", tmp_path / "s.json", "--by", "source")

    assert ended.code == 65
    assert "puts 24 of 24 radiographs in no part" in ended.err


def test_a_folder_without_classes_ends_with_65(lingula: Lingula, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert lingula("dataset", "describe", tmp_path / "empty").code == 65


def test_import_keeps_everything_a_source_says_and_the_csv_is_the_same_data_set(
    lingula: Lingula, tmp_path: Path
) -> None:
    jane, john = Person(), Person(patient_id="PID-0815", name="Roe^John", age="018M", sex="M")
    write_dicom(tmp_path / "in" / "PID-4711" / "1.dcm", 0, jane, has_opacity=True)
    write_dicom(tmp_path / "in" / "2.dcm", 2, john, view="AP")
    table = ("patient_id,label,finding,split,site", "PID-4711,1,virus,train,north", "PID-0815,0,,test,south")
    write_lines(tmp_path / "in" / "labels.csv", *table)
    out = tmp_path / "lists" / "set.csv"

    ended = lingula("dataset", "import", f"dicom:{tmp_path / 'in'}", "--out", out)

    with out.open(newline="") as file:
        rows = {row.pop("image_path"): row for row in csv.DictReader(file)}
    key = rows["../in/2.dcm"].pop("patient_id")
    assert rows["../in/2.dcm"] == {
        "label": "normal",
        "finding": "normal",
        "split": "test",
        "site": "south",
        "age": "1.5",
        "sex": "M",
        "view": "AP",
    }
    assert key.startswith("patient-")
    assert "1 paths name their patient" in ended.err
    assert "PID-4711" not in ended.out
    first = load_dataset(read_source(f"dicom:{tmp_path / 'in'}"), size=64)
    again = load_dataset(read_source(out), size=64)
    assert first.digest == again.digest


def test_fetch_refuses_what_it_cannot_have_and_says_the_way(lingula: Lingula, tmp_path: Path) -> None:
    unknown = lingula("dataset", "fetch", "mimic", "--out", tmp_path)
    closed = lingula("dataset", "fetch", "nih", "--out", tmp_path)
    (tmp_path / "other.zip").write_bytes(kermany_archive(per_class=1))
    wrong = lingula("dataset", "fetch", "kermany", "--out", tmp_path / "set", "--archive", tmp_path / "other.zip")

    assert (unknown.code, closed.code, wrong.code) == (65, 65, 65)
    assert "there are kermany, rsna" in unknown.err
    assert "nih:FOLDER" in closed.err
    assert "is not what was published" in wrong.err
    assert "CC BY 4.0" in wrong.err


def test_a_report_is_written_and_says_what_gives_the_label_away(
    lingula: Lingula, dataset: Path, tmp_path: Path
) -> None:
    ended = lingula("dataset", "describe", dataset, "--out", tmp_path / "look", "--json")

    assert ended.rows[0] == json.loads((tmp_path / "look" / "description.json").read_text())
    assert "brightness" in json.dumps(ended.rows[0]["audit"])
    assert (tmp_path / "look" / "description.html").is_file()
    assert "wrote" in ended.err


def test_a_description_warns_and_says_how_to_see_more(lingula: Lingula, dataset: Path) -> None:
    (dataset / "PNEUMONIA" / "again.jpeg").write_bytes((dataset / "NORMAL" / NORMAL[0]).read_bytes())

    ended = lingula("dataset", "describe", dataset)

    assert ended.code == 0
    assert "warning: 1 radiographs are there under both labels" in ended.out
    assert "--out FOLDER" in ended.err
