from pathlib import Path

import pytest
from made.labels import write_class_folders, write_picture

from lingula.errors import TrainingError
from lingula.training.data.labelled import Part
from lingula.training.sources import read_source


def test_a_folder_per_class_gives_labels_and_unknown_patients(tmp_path: Path) -> None:
    write_class_folders(tmp_path, normal=["a.png", "b.png"], pneumonia=["c.png"])

    source = read_source(tmp_path)

    assert [(source.name_of(row), row.label) for row in source.rows] == [
        ("NORMAL/a.png", 0),
        ("NORMAL/b.png", 0),
        ("PNEUMONIA/c.png", 1),
    ]
    assert {row.patient_id for row in source.rows} == {None}
    assert source.licence is None
    assert any("patients are unknown" in note for note in source.notes)


def test_class_folders_in_any_letter_case_under_train_val_and_test_keep_their_part(tmp_path: Path) -> None:
    write_picture(tmp_path / "Train" / "normal" / "a.png", 1)
    write_picture(tmp_path / "val" / "Pneumonia" / "b.png", 2)
    write_picture(tmp_path / "TEST" / "PNEUMONIA" / "deeper" / "c.png", 3)

    source = read_source(tmp_path)

    assert {(row.path.name, row.label, row.split) for row in source.rows} == {
        ("a.png", 0, Part.TRAINING),
        ("b.png", 1, Part.TUNING),
        ("c.png", 1, Part.TEST),
    }
    assert [row.path.name for row in source.only(Part.TEST).rows] == ["c.png"]


def test_an_archive_unpacked_into_folders_of_one_folder_is_found(tmp_path: Path) -> None:
    write_class_folders(tmp_path / "chest_xray" / "chest_xray" / "train", normal=["a.png"], pneumonia=["b.png"])
    (tmp_path / "chest_xray" / "__MACOSX").mkdir()
    (tmp_path / "chest_xray" / ".DS_Store").touch()

    assert len(read_source(tmp_path).rows) == 2


def test_hidden_files_are_no_radiographs_and_other_files_are_rows(tmp_path: Path) -> None:
    write_class_folders(tmp_path, normal=["a.png"], pneumonia=["b.png"])
    for name in (".DS_Store", "Thumbs.db", "notes.txt"):
        (tmp_path / "NORMAL" / name).write_text("x")

    assert sorted(row.path.name for row in read_source(tmp_path).rows) == ["a.png", "b.png", "notes.txt"]


def test_a_folder_that_is_no_class_is_named_in_a_note(tmp_path: Path) -> None:
    write_class_folders(tmp_path, normal=["a.png"], pneumonia=["b.png"])
    write_picture(tmp_path / "COVID" / "c.png", 1)

    assert any("COVID" in note for note in read_source(tmp_path).notes)


def test_patients_of_the_kermany_names_are_four_numberings(tmp_path: Path) -> None:
    write_class_folders(
        tmp_path,
        normal=["IM-0001-0001.jpeg", "NORMAL2-IM-0001-0001.jpeg", "IM-0001-0002-0001.jpeg"],
        pneumonia=["person1_bacteria_1.jpeg", "person1_bacteria_2.jpeg", "person1_virus_6.jpeg"],
    )

    source = read_source(tmp_path)

    assert [(row.patient_id, row.finding) for row in source.rows] == [
        ("IM-0001", "normal"),
        ("IM-0001", "normal"),
        ("NORMAL2-IM-0001", "normal"),
        ("person1_bacteria", "bacteria"),
        ("person1_bacteria", "bacteria"),
        ("person1_virus", "virus"),
    ]
    assert source.licence == "CC BY 4.0"


def test_viewer_file_names_alone_do_not_make_patients(tmp_path: Path) -> None:
    write_class_folders(tmp_path, normal=["IM-0001-0001.jpeg"], pneumonia=["IM-0002-0001.jpeg"])

    assert {row.patient_id for row in read_source(tmp_path).rows} == {None}


@pytest.mark.parametrize("name", ["nothing-here", "empty", "list.txt"])
def test_what_is_no_source_is_refused_with_what_would_be_one(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "list.txt").touch()

    with pytest.raises(TrainingError, match="NORMAL and PNEUMONIA"):
        read_source(tmp_path / name)


def test_folder_and_manifest_of_the_real_radiographs_name_the_same_files_and_findings(real_data: Path) -> None:
    folder, table = read_source(real_data / "chest_xray"), read_source(real_data / "chest_xray" / "manifest.csv")

    assert len(folder.rows) == 5232
    assert {(row.path, row.label, row.finding) for row in folder.rows} == {
        (row.path, row.label, row.finding) for row in table.rows
    }
    assert len({row.patient_id for row in folder.rows}) >= len({row.patient_id for row in table.rows})
