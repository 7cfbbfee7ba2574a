from pathlib import Path

import pytest

from lingula.errors import TrainingError
from lingula.training.data.labelled import Part
from lingula.training.sources import read_source


def table(folder: Path, text: str, *files: str, encoding: str = "utf-8") -> Path:
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    path = folder / "rows.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_columns_in_any_order_give_everything_a_row_says(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        "site,target,finding,age,patient_id,image_path,split,sex,view\nnorth,1,virus,018M,p7,in/a.png,val,F,AP\n",
        "in/a.png",
    )

    (row,) = read_source(path).rows

    assert row.path == tmp_path / "in" / "a.png"
    assert (row.label, row.patient_id, row.finding, row.split) == (1, "p7", "virus", Part.TUNING)
    assert (row.site, row.age_years, row.sex, row.view) == ("north", 1.5, "F", "AP")


@pytest.mark.parametrize(
    ("text", "label"),
    [("0", 0), ("1", 1), ("1.0", 1), ("NORMAL", 0), ("Pneumonia", 1), (" pneumonia ", 1), ("", None)],
)
def test_a_label_is_a_number_a_name_or_unknown(tmp_path: Path, text: str, label: int | None) -> None:
    (row,) = read_source(table(tmp_path, f"image_path,label\na.png,{text}\n", "a.png")).rows

    assert row.label == label


def test_what_spreadsheets_add_is_read(tmp_path: Path) -> None:
    comma = table(tmp_path, '\ufeffimage_path,label\r\n"a, b.png","1"\r\n\r\n', "a, b.png")
    assert [row.label for row in read_source(comma).rows] == [1]

    semicolon = table(tmp_path, "Image_Path;Label\r\nin\\c.png;0\r\n", "in/c.png")
    assert [row.path.name for row in read_source(semicolon).rows] == ["c.png"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("image_path,label\n", "no line below it"),
        ("path,label\na.png,1\n", "line 1: there is no column image_path; there are path, label"),
        ("image_path,truth\na.png,1\n", r"line 1: there is no column label \(or target\); there are image_path, truth"),
        ("image_path,label,label\na.png,1,1\n", "line 1: column 'label' stands there twice"),
        ("image_path,label\na.png,1\na.png,COVID\n", "line 3: label 'COVID' is not 0 or NORMAL"),
        ("image_path,label\na.png,-1\n", "line 2: label '-1'"),
        ("image_path,label,target\na.png,1,0\n", r"line 2: label '1' is not what target says \(0\)"),
        ("image_path,label\na.png\n", "line 2: 1 cells, the header has 2"),
        ("image_path,label\n\nb.png,1\n", r"1 of 1 files of rows\.csv are not there \(rows\.csv line 3: 'b\.png'\)"),
        ("image_path,label\n,1\n", "line 2: image_path '' is not the path"),
        ("image_path,label,split\na.png,1,holdout\n", "line 2: split 'holdout' is not train, val or test"),
        ("image_path,label,age\na.png,1,old\n", "line 2: age 'old' is not a number of years"),
        ('image_path,label\n"a.png,1\n', "is it a CSV"),
    ],
)
def test_a_wrong_line_is_named_with_its_value(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        read_source(table(tmp_path, text, "a.png"))


def test_files_that_are_not_there_are_counted_and_the_first_named(tmp_path: Path) -> None:
    lines = [f"{name}.png,1" for name in "abcdefg"]
    path = table(tmp_path, "\n".join(["image_path,label", *lines]), "a.png", "e.png")

    with pytest.raises(TrainingError, match=r"5 of 7 files .* line 3: 'b\.png'; .*'c\.png'; .*'d\.png'; and 2 more\)"):
        read_source(path)


@pytest.mark.parametrize("nothing", ["", "nan", "NaN", "NA", "null", "None"])
def test_what_programs_write_for_unknown_is_unknown(tmp_path: Path, nothing: str) -> None:
    cells = ",".join([nothing] * 4)

    (row,) = read_source(table(tmp_path, f"image_path,label,site,age,sex,view\na.png,1,{cells}\n", "a.png")).rows

    assert (row.site, row.age_years, row.sex, row.view) == (None, None, None, None)


def test_patients_that_programs_wrote_as_unknown_are_not_one_patient(tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(8)]
    text = "image_path,label,patient_id,finding\n" + "".join(f"{name},1,nan,NaN\n" for name in names)

    source = read_source(table(tmp_path, text, *names))

    assert [(row.patient_id, row.finding) for row in source.rows] == [(None, "pneumonia")] * 8
    assert "patients are unknown" in source.notes


def test_patients_are_not_called_unknown_where_a_line_names_one(tmp_path: Path) -> None:
    text = "image_path,label,patient_id\na.png,1,nan\nb.png,0,p2\n"

    source = read_source(table(tmp_path, text, "a.png", "b.png"))

    assert [row.patient_id for row in source.rows] == [None, "p2"]
    assert "patients are unknown" not in source.notes


@pytest.mark.parametrize(("said", "sex"), [("f", "F"), ("Female", "F"), ("boy", "M"), ("M", "M"), ("x", "X")])
def test_sex_and_view_are_written_as_dicom_writes_them(tmp_path: Path, said: str, sex: str) -> None:
    (row,) = read_source(table(tmp_path, f"image_path,label,sex,view\na.png,1,{said},ap\n", "a.png")).rows

    assert (row.sex, row.view) == (sex, "AP")


def test_a_table_that_is_not_utf8_says_so(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="not UTF-8 at byte 17"):
        read_source(table(tmp_path, "image_path,label\nä.png,1\n", encoding="latin-1"))


def test_a_column_nobody_reads_is_named_in_a_note(tmp_path: Path) -> None:
    source = read_source(table(tmp_path, "image_path,label,weather\na.png,1,rain\n", "a.png"))

    assert "column weather is not used" in source.notes


def test_patients_come_from_kermany_names_only_where_no_column_says_them(tmp_path: Path) -> None:
    name = "person3_virus_15.jpeg"
    unsaid = read_source(table(tmp_path, f"image_path,label,patient_id\n{name},1,nan\n", name))
    without = read_source(table(tmp_path, f"image_path,label\n{name},1\n", name))
    stated = read_source(table(tmp_path, f"image_path,label,patient_id\n{name},1,child9\n", name))

    assert [row.patient_id for row in (*without.rows, *unsaid.rows)] == ["person3_virus", "person3_virus"]
    assert [row.patient_id for row in stated.rows] == ["child9"]


def test_a_patient_id_coarser_than_the_kermany_names_is_kept_and_noted(tmp_path: Path) -> None:
    names = ["person1_virus_6.jpeg", "person1_bacteria_1.jpeg", "person1_bacteria_2.jpeg"]
    text = "image_path,label,patient_id\n" + "".join(f"{name},1,person1\n" for name in names)

    source = read_source(table(tmp_path, text, *names))

    assert {row.patient_id for row in source.rows} == {"person1"}
    assert "patient_id knows 1 patients fewer than the file names of Kermany et al." in source.notes


def test_a_patient_id_that_is_unknown_joins_nobody(tmp_path: Path) -> None:
    names = ["person1_virus_6.jpeg", "person2_virus_7.jpeg", "person3_virus_8.jpeg"]
    text = "image_path,label,patient_id\n" + "".join(
        f"{name},1,{patient}\n" for name, patient in zip(names, ("nan", "nan", "p3"), strict=True)
    )

    source = read_source(table(tmp_path, text, *names))

    assert not any(note.startswith("patient_id knows") for note in source.notes)


def test_views_from_the_side_are_left_aside_and_ages_that_nobody_reaches_are_unknown_and_both_are_said(
    tmp_path: Path,
) -> None:
    lines = "image_path,label,age,view\na.png,1,200,AP\nb.png,0,,ll\nc.png,0,4,\n"

    source = read_source(table(tmp_path, lines, "a.png", "b.png", "c.png"))

    assert [(row.path.name, row.age_years) for row in source.rows] == [("a.png", None), ("c.png", 4.0)]
    assert "1 ages above 130 years were taken for unknown" in source.notes
    assert "1 lateral radiographs were left aside: only frontal ones are assessed" in source.notes
