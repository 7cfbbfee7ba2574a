from pathlib import Path

import pytest
from made.dicom_files import IDENTIFYING
from made.labels import write_picture
from made.published import Person, write_chest, write_dicom, write_lines

from lingula.errors import TrainingError
from lingula.training.data.dataset import load_dataset
from lingula.training.data.labelled import Part, Source
from lingula.training.sources import read_source

JANE, JOHN = Person(), Person(patient_id="PID-0815", name="Roe^John", age="018M", sex="M")


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """An archive's export: two files of Jane in one study, one of John, and a text beside them."""
    folder = tmp_path / "export"
    write_dicom(folder / "a" / "one.dcm", 0, JANE, has_opacity=True)
    write_dicom(folder / "a" / "two", 1, JANE, view="AP", has_opacity=True)
    write_dicom(folder / "b" / "three.dcm", 2, JOHN)
    write_lines(folder / "readme.txt", "exported on a Monday")
    return folder


def by_file(source: Source) -> dict[str, tuple[int | None, str | None]]:
    return {row.path.name: (row.label, row.finding) for row in source.rows}


EXPECTED = {"one.dcm": (1, "bacteria"), "two": (1, "bacteria"), "three.dcm": (0, "normal")}


@pytest.mark.parametrize(
    "lines",
    [
        (
            "SOPInstanceUID,label,finding",
            "1.2.826.0.1.9.0,1,bacteria",
            "1.2.826.0.1.9.1,1,bacteria",
            "1.2.826.0.1.9.2,0,",
        ),
        ("target,finding,study_instance_uid", "1,bacteria,1.2.826.0.1.8.0", "0,,1.2.826.0.1.8.1"),
        ("Accession Number,label,finding", "ACC-0000,1,bacteria", "ACC-0001,1,bacteria", "ACC-0002,0,"),
        ("patient_id;label;finding", "PID-4711;1;bacteria", "PID-0815;0;"),
        ("image_path,label,finding", "a/one.dcm,1,bacteria", "a\\two,1,bacteria", "b/three.dcm,0,"),
        ("File Name,label,finding", "one,1,bacteria", "two,1,bacteria", "three.dcm,0,"),
    ],
    ids=["instance", "study", "accession", "patient", "path", "file name"],
)
def test_labels_are_matched_by_whatever_names_a_radiograph(export: Path, lines: tuple[str, ...]) -> None:
    write_lines(export / "labels.csv", *lines)

    assert by_file(read_source(f"dicom:{export}")) == EXPECTED


def test_headers_say_what_the_table_does_not(export: Path) -> None:
    write_lines(export / "labels.csv", "patient_id,label,split,site", "PID-4711,1,train,north", "PID-0815,0,test,south")

    one, two, three = read_source(f"dicom:{export}").rows

    assert (one.age_years, one.sex, one.view, one.split, one.site) == (3.0, "F", "PA", Part.TRAINING, "north")
    assert (three.age_years, three.sex, three.view, three.split, three.site) == (1.5, "M", "PA", Part.TEST, "south")
    assert one.patient_id == two.patient_id != three.patient_id


def test_the_most_exact_column_decides_and_the_table_may_lie_elsewhere(export: Path, tmp_path: Path) -> None:
    table = write_lines(
        tmp_path / "truth.csv",
        "patient_id,sop_instance_uid,label,age",
        "PID-4711,1.2.826.0.1.9.0,1,7",
        "PID-4711,1.2.826.0.1.9.1,0,",
    )

    rows = read_source(f"dicom:{export}?labels={table}").rows

    assert [(row.path.name, row.label, row.age_years) for row in rows] == [
        ("one.dcm", 1, 7.0),
        ("two", 0, 3.0),
        ("three.dcm", None, 1.5),
    ]


def test_a_patient_has_the_same_key_whatever_files_are_called_and_nobody_reads_who_it_is(export: Path) -> None:
    write_lines(export / "labels.csv", "patient_id,label", "PID-4711,1", "PID-0815,0")
    before = {row.patient_id for row in read_source(f"dicom:{export}").rows}
    (export / "a" / "one.dcm").rename(export / "a" / "renamed.dcm")

    after = {row.patient_id for row in read_source(f"dicom:{export}").rows}

    assert before == after
    assert all(key is not None and key.startswith("patient-") for key in after)


def test_no_identity_reaches_what_is_written_of_a_data_set(tmp_path: Path) -> None:
    folder = tmp_path / "export"
    write_dicom(folder / "Doe_Jane" / "first.dcm", 0, JANE, has_opacity=True)
    write_dicom(folder / "PID-0815" / "second.dcm", 2, JOHN)
    write_dicom(folder / "1.2.826.0.1.9.4.dcm", 4, JOHN)
    write_dicom(folder / "plain.dcm", 6, JOHN)
    (folder / "torn.dcm").write_bytes((folder / "plain.dcm").read_bytes()[:4000])
    write_lines(folder / "labels.csv", "patient_id,label,finding", "PID-4711,1,", "PID-0815,0,")
    source = read_source(f"dicom:{folder}")

    loaded = load_dataset(source)
    written = " ".join([repr(loaded.report), *loaded.names, *loaded.patients, *source.notes])

    for identity in (*IDENTIFYING, JOHN.patient_id, "Jane", "John", "Roe", "0815", "1.2.826"):
        assert identity not in written
    assert "plain.dcm" in loaded.names
    assert any("3 paths name their patient" in note for note in source.notes)


def test_class_folders_of_dicom_files_give_patients_too(tmp_path: Path) -> None:
    write_dicom(tmp_path / "PNEUMONIA" / "1.dcm", 0, JANE, has_opacity=True)
    write_dicom(tmp_path / "PNEUMONIA" / "2.dcm", 1, JANE, has_opacity=True)
    write_dicom(tmp_path / "NORMAL" / "3.dcm", 2, JOHN)
    write_chest(tmp_path / "NORMAL" / "4.png", 9)

    for location in (str(tmp_path), f"dicom:{tmp_path}"):
        source = read_source(location)
        said = {row.path.name: row for row in source.rows}
        assert said["1.dcm"].patient_id == said["2.dcm"].patient_id is not None
        assert (said["3.dcm"].sex, said["3.dcm"].age_years, said["4.png"].patient_id) == ("M", 1.5, None)
        assert not any("patients are unknown" in note for note in source.notes)


def test_a_table_of_dicom_files_keeps_its_own_words(tmp_path: Path) -> None:
    write_dicom(tmp_path / "x.dcm", 0, JANE)
    write_lines(tmp_path / "rows.csv", "image_path,label,patient_id,age", "x.dcm,1,child7,5")

    (row,) = read_source(tmp_path / "rows.csv").rows

    assert (row.patient_id, row.age_years, row.sex, row.view) == ("child7", 5.0, "F", "PA")


def test_a_patient_id_that_stands_in_every_file_is_none(tmp_path: Path) -> None:
    for seed in range(10):
        label = "NORMAL" if seed % 2 else "PNEUMONIA"
        write_dicom(tmp_path / label / f"{seed}.dcm", seed, Person(patient_id="ANONYMOUS", name="", age="", sex=""))

    source = read_source(tmp_path)

    assert {row.patient_id for row in source.rows} == {None}
    assert "all 10 DICOM headers carry one patient ID: it was taken for none" in source.notes


def test_lateral_views_are_left_aside_and_counted(export: Path) -> None:
    write_dicom(export / "side.dcm", 8, JANE, view="LL")
    write_lines(export / "labels.csv", "patient_id,label", "PID-4711,1", "PID-0815,0")

    source = read_source(f"dicom:{export}")

    assert "side.dcm" not in by_file(source)
    assert any(note.startswith("1 lateral") for note in source.notes)


def test_a_table_of_labels_is_read_like_a_csv_of_pictures(export: Path) -> None:
    """What pandas writes for nothing known is nothing known, and a sex is one."""
    write_lines(export / "labels.csv", "patient_id,label,sex,view,site,age", "PID-4711,1,girl,pa,nan,200")

    source = read_source(f"dicom:{export}")

    named = [row for row in source.rows if row.label == 1]
    assert {(row.sex, row.view, row.site) for row in named} == {("F", "PA", None)}
    assert "1 ages above 130 years were taken for unknown" in source.notes


def test_a_patient_the_table_does_not_know_is_the_header_s(export: Path) -> None:
    uids = [f"1.2.826.0.1.9.{number},{number // 2},nan,nan" for number in range(3)]
    write_lines(export / "labels.csv", "sop_instance_uid,label,patient_id,finding", *uids)

    source = read_source(f"dicom:{export}")

    said = {row.path.name: row for row in source.rows}
    assert said["one.dcm"].patient_id == said["two"].patient_id != said["three.dcm"].patient_id
    assert {row.finding for row in source.rows} == {"normal", "pneumonia"}
    assert "patients are unknown" not in source.notes


def test_files_that_name_no_patient_are_not_said_to_share_one(tmp_path: Path) -> None:
    for seed in range(10):
        write_dicom(tmp_path / f"{seed}.dcm", seed, Person(patient_id="", name="", age="", sex=""))
    write_lines(tmp_path / "labels.csv", "file,label,patient_id", *(f"{seed}.dcm,{seed % 2},nan" for seed in range(10)))

    source = read_source(f"dicom:{tmp_path}")

    assert {row.patient_id for row in source.rows} == {None}
    assert "patients are unknown" in source.notes
    assert not any("one patient ID" in note for note in source.notes)


def test_what_is_missing_and_what_is_damaged_is_counted(export: Path) -> None:
    (export / "torn.dcm").write_bytes((export / "a" / "one.dcm").read_bytes()[:4000])
    write_lines(export / "labels.csv", "patient_id,label", "PID-4711,1", "PID-0815,0", "PID-9999,1")

    source = read_source(f"dicom:{export}")

    assert "1 lines of labels.csv name no radiograph in the folder" in source.notes
    assert "1 DICOM files are damaged or hold no picture" in source.notes
    assert by_file(source)["torn.dcm"] == (None, None)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("weather,label", "rain,1"), "line 1: it needs one of sop_instance_uid, image_path"),
        (("patient_id,truth", "PID-4711,1"), "and label or target"),
        (("patient_id,label", ",1"), "line 2: patient_id is empty"),
        (
            ("patient_id,label", "PID-4711,1", "PID-4711,0"),
            "line 3 and labels.csv line 2 give one radiograph two labels",
        ),
        (("patient_id,label", "SECRET,1"), "no patient_id of labels.csv is in the folder"),
        (("patient_id,label", "PID-4711,sick"), "line 2: label 'sick' is not 0 or NORMAL"),
    ],
)
def test_a_table_that_cannot_be_used_says_why_and_names_nobody(
    export: Path, lines: tuple[str, ...], message: str
) -> None:
    write_lines(export / "labels.csv", *lines)

    with pytest.raises(TrainingError, match=message) as refused:
        read_source(f"dicom:{export}")

    assert not any(identity in str(refused.value) for identity in ("PID-4711", "SECRET"))


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("dicom:", "names no folder; write dicom:FOLDER"),
        ("dicom:{}/nothing", "is no folder"),
        ("dicom:{}", "neither labels.csv nor folders NORMAL and PNEUMONIA; name a table with"),
        ("dicom:{}?labels=none.csv", "none.csv is not there"),
        ("dicom:{}?colour=red", "option 'colour=red' of dicom: is not known; there are: labels"),
        ("dicom:{}?labels=rows.csv", "holds no DICOM files"),
    ],
)
def test_a_folder_that_cannot_be_read_says_what_is_missing(tmp_path: Path, location: str, message: str) -> None:
    write_picture(tmp_path / "a.png", 1)
    write_lines(tmp_path / "rows.csv", "patient_id,label", "p,1")

    with pytest.raises(TrainingError, match=message):
        read_source(location.format(tmp_path))


def test_real_dicom_files_are_read(real_data: Path, tmp_path: Path) -> None:
    names = sorted(path.name for path in (real_data / "dicom").iterdir() if path.suffix == ".dcm")
    table = write_lines(tmp_path / "labels.csv", "image_path,label", *(f"{name},{at}" for at, name in enumerate(names)))

    source = read_source(f"dicom:{real_data / 'dicom'}?labels={table}")

    assert [row.label for row in source.rows] == [0, 1]
    assert len(load_dataset(source, size=64)) == 2
