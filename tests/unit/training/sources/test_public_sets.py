import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from made.labels import write_class_folders, write_picture
from made.published import (
    CHEXPERT_COLUMNS,
    Person,
    kermany_archive,
    write_chest,
    write_dicom,
    write_lines,
    zipped,
)
from made.web import Web, serve

from lingula.errors import TrainingError
from lingula.training.data.dataset import load_dataset
from lingula.training.data.labelled import Box, LabelledRadiograph, Part, Source
from lingula.training.sources import read_source
from lingula.training.sources.catalogue import PUBLIC_SETS, archive_of
from lingula.training.sources.fetch import fetch_set
from lingula.training.sources.published import Archive


def by_name(source: Source) -> Mapping[str, LabelledRadiograph]:
    return {row.path.stem: row for row in source.rows}


def labels(source: Source) -> dict[str, int | None]:
    return {name: row.label for name, row in by_name(source).items()}


def archive_for(address: str, content: bytes) -> Archive:
    return Archive(
        url=f"{address}/archive",
        file_name="ChestXRay2017.zip",
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        home="https://example.org/set",
    )


class TestKermany:
    def test_it_is_fetched_once_and_read_with_its_parts_patients_and_terms(self, tmp_path: Path) -> None:
        content = kermany_archive()
        with serve(Web(content=content)) as web:
            archive = archive_for(web.address, content)
            assert fetch_set(archive, tmp_path / "set")
            assert not fetch_set(archive, tmp_path / "set")

        source = read_source(f"kermany:{tmp_path / 'set'}")

        assert len(web.asked) == 1
        assert {row.split for row in source.rows} == {Part.TRAINING, Part.TEST}
        assert by_name(source)["person0_virus_1"].patient_id == "person0_virus"
        assert (source.licence, source.name) == ("CC BY 4.0", "kermany")
        assert load_dataset(source, size=64).report.by_label == {"normal": 6, "pneumonia": 6}
        assert sorted(path.name for path in (tmp_path / "set").iterdir()) == [".fetched", "chest_xray"]

    def test_an_archive_fetched_by_hand_is_checked_and_left_where_it_is(self, tmp_path: Path) -> None:
        content = kermany_archive(per_class=1)
        given = tmp_path / "by-hand.zip"
        given.write_bytes(content)
        archive = archive_for("http://nowhere.invalid", content)

        assert fetch_set(archive, tmp_path / "set", given=given)
        assert given.is_file()
        assert len(read_source(f"kermany:{tmp_path / 'set'}").rows) == 4

        given.write_bytes(zipped({"a.txt": b"something else"}))
        with pytest.raises(TrainingError, match="is not what was published"):
            fetch_set(archive, tmp_path / "other", given=given)
        assert given.is_file()

    def test_an_unpacking_that_failed_is_tried_again_without_a_second_transfer(self, tmp_path: Path) -> None:
        content = kermany_archive(per_class=1)
        (tmp_path / "chest_xray").mkdir()
        with serve(Web(content=content)) as web:
            archive = archive_for(web.address, content)
            with pytest.raises(TrainingError, match="is there already"):
                fetch_set(archive, tmp_path)
            (tmp_path / "chest_xray").rmdir()
            assert fetch_set(archive, tmp_path)

        assert len(web.asked) == 1

    def test_another_folder_is_not_taken_for_it(self, tmp_path: Path) -> None:
        write_class_folders(tmp_path, normal=["a.png"], pneumonia=["b.png"])

        with pytest.raises(TrainingError, match="does not hold the set of Kermany"):
            read_source(f"kermany:{tmp_path}")
        with pytest.raises(TrainingError, match="lingula dataset fetch kermany"):
            read_source(f"kermany:{tmp_path / 'nothing'}")

    def test_the_real_training_part_is_read(self, real_data: Path) -> None:
        source = read_source(f"kermany:{real_data / 'chest_xray'}")

        assert len(source.rows) == 5232
        assert {row.split for row in source.rows} == {Part.TRAINING}


class TestRsna:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        for seed, name in enumerate(("aa", "bb", "cc", "dd")):
            person = Person(patient_id=name, name=name, age="058Y", sex="M" if seed % 2 else "F")
            write_dicom(tmp_path / "stage_2_train_images" / f"{name}.dcm", seed, person, view="AP")
        write_lines(
            tmp_path / "stage_2_train_labels.csv",
            "patientId,x,y,width,height,Target",
            "aa,10.0,20.0,30.0,40.0,1",
            "aa,50.0,20.0,30.0,40.0,1",
            *(f"{name},,,,,0" for name in ("bb", "cc", "dd", "gone")),
        )
        write_lines(
            tmp_path / "stage_2_detailed_class_info.csv",
            "patientId,class",
            "aa,Lung Opacity",
            "aa,Lung Opacity",
            "bb,Normal",
            "cc,No Lung Opacity / Not Normal",
            "dd,Normal",
            "gone,Normal",
        )
        return tmp_path

    def test_opacity_is_pneumonia_and_what_is_not_normal_is_unknown(self, folder: Path) -> None:
        source = read_source(f"rsna:{folder}")

        assert labels(source) == {"aa": 1, "bb": 0, "cc": None, "dd": 0}
        assert by_name(source)["cc"].finding == "other abnormality"
        assert len(by_name(source)["aa"].boxes) == 2
        assert by_name(source)["aa"].boxes[0] == Box(finding="lung opacity", x=10, y=20, width=30, height=40)
        assert (by_name(source)["aa"].view, by_name(source)["aa"].sex) == ("AP", "F")
        assert "1 radiographs that stage_2_train_labels.csv lists are not in the folder" in " ".join(source.notes)

    def test_others_count_as_normal_if_asked(self, folder: Path) -> None:
        assert labels(read_source(f"rsna:{folder}?others=normal"))["cc"] == 0

    def test_without_classes_nothing_is_known_to_be_normal(self, folder: Path) -> None:
        (folder / "stage_2_detailed_class_info.csv").unlink()

        source = read_source(f"rsna:{folder}")

        assert labels(source) == {"aa": 1, "bb": None, "cc": None, "dd": None}
        assert any("no radiograph is known to be normal" in note for note in source.notes)

    def test_patients_are_those_of_the_nih_where_the_mappings_are_there(self, folder: Path) -> None:
        before = read_source(f"rsna:{folder}")
        images = {
            "aa": "00000007_000.png",
            "bb": "00000007_003.png",
            "cc": "00000008_000.png",
            "dd": "00000009_000.png",
        }
        mappings = [{"subset_img_id": name, "img_id": image} for name, image in images.items()]
        (folder / "pneumonia-challenge-dataset-mappings_2018.json").write_text(json.dumps(mappings))

        after = by_name(read_source(f"rsna:{folder}"))

        assert any("one patient may have several keys" in note for note in before.notes)
        assert after["aa"].patient_id == after["bb"].patient_id == "nih-00000007"
        assert after["cc"].patient_id == "nih-00000008"

    def test_tables_that_are_not_as_published_are_refused(self, folder: Path) -> None:
        (folder / "pneumonia-challenge-dataset-mappings_2018.json").write_text('[{"id": 1}]')
        with pytest.raises(TrainingError, match="is not as the RSNA published it"):
            read_source(f"rsna:{folder}")

        write_lines(folder / "stage_2_detailed_class_info.csv", "patientId,class", "aa,Sick")
        with pytest.raises(TrainingError, match="line 2: class 'Sick' is not"):
            read_source(f"rsna:{folder}")

        write_lines(folder / "stage_2_train_labels.csv", "patientId,x,y,width,height,Target", "aa,1,2,wide,4,1")
        with pytest.raises(TrainingError, match="line 2: the box is not four numbers"):
            read_source(f"rsna:{folder}")


class TestNih:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        names = ("00000001_000", "00000001_001", "00000002_000", "00000003_000")
        for seed, name in enumerate(names):
            write_chest(tmp_path / "images_001" / "images" / f"{name}.png", seed)
        write_lines(
            tmp_path / "Data_Entry_2017.csv",
            "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
            "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],",
            "00000001_000.png,Pneumonia|Infiltration,0,1,058Y,M,PA,2682,2749,0.143,0.143,",
            "00000001_001.png,Consolidation,1,1,58,M,AP,2894,2729,0.143,0.143,",
            "00000002_000.png,No Finding,0,2,411,F,PA,2500,2048,0.168,0.168,",
            "00000003_000.png,Effusion|Mass,0,3,80,F,PA,2500,2048,0.168,0.168,",
            "00000004_000.png,No Finding,0,4,80,F,PA,2500,2048,0.168,0.168,",
        )
        write_lines(
            tmp_path / "BBox_List_2017.csv",
            "Image Index,Finding Label,Bbox [x,y,w,h],,,",
            "00000001_000.png,Pneumonia,225.08,547.02,86.78,79.19",
            "00000003_000.png,Mass,1,2,3,4,,,",
        )
        write_lines(tmp_path / "train_val_list.txt", "00000001_000.png", "00000001_001.png")
        write_lines(tmp_path / "test_list.txt", "00000002_000.png", "00000003_000.png")
        return tmp_path

    def test_pneumonia_among_the_findings_is_pneumonia_and_consolidation_alone_is_unknown(self, folder: Path) -> None:
        source = read_source(f"nih:{folder}")

        assert list(labels(source).values()) == [1, None, 0, None]
        assert [row.finding for row in source.rows] == ["pneumonia", "consolidation", "normal", "several"]
        assert [row.patient_id for row in source.rows] == ["nih-00000001"] * 2 + ["nih-00000002", "nih-00000003"]
        assert [row.age_years for row in source.rows] == [58.0, 58.0, None, 80.0]  # nobody is 411
        assert [row.view for row in source.rows] == ["PA", "AP", "PA", "PA"]
        assert [row.split for row in source.rows] == [Part.TRAINING] * 2 + [Part.TEST] * 2

    def test_boxes_are_read_by_place_because_the_header_is_broken(self, folder: Path) -> None:
        boxes = [row.boxes for row in read_source(f"nih:{folder}").rows]

        assert boxes[0] == (Box(finding="pneumonia", x=225.08, y=547.02, width=86.78, height=79.19),)
        assert [len(marked) for marked in boxes] == [1, 0, 0, 1]

    def test_others_count_as_normal_if_asked_and_the_source_says_so(self, folder: Path) -> None:
        source = read_source(f"nih:{folder}?others=normal")

        assert list(labels(source).values()) == [1, 0, 0, 0]
        assert any("others=normal" in note for note in source.notes)

    def test_a_broken_box_is_named_by_its_line(self, folder: Path) -> None:
        write_lines(folder / "BBox_List_2017.csv", "Image Index,Finding Label,Bbox [x,y,w,h]", "a.png,Mass,1,2")

        with pytest.raises(TrainingError, match=r"BBox_List_2017.csv line 2"):
            read_source(f"nih:{folder}")


class TestChexpert:
    def line(self, path: str, **said: str) -> str:
        cells = {"Path": f"CheXpert-v1.0-small/{path}", "Sex": "Female", "Age": "68", "Frontal/Lateral": "Frontal"}
        cells |= {"AP/PA": "AP"} | {name.replace("_", " "): value for name, value in said.items()}
        return ",".join(cells.get(name, "") for name in CHEXPERT_COLUMNS)

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        root = tmp_path / "CheXpert renamed"
        said: list[dict[str, str]] = [
            {"Pneumonia": "1.0", "Lung_Opacity": "1.0"},
            {"Pneumonia": "-1.0"},
            {"No_Finding": "1.0", "Support_Devices": "1.0"},
            {"Edema": "1.0", "Pneumonia": "0.0"},
            {},
        ]
        paths = [f"train/patient{number:05}/study1/view1_frontal.jpg" for number in range(len(said))]
        for seed, path in enumerate(paths):
            write_chest(root / path, seed)
        side = self.line("train/patient00000/study1/view2_lateral.jpg", Pneumonia="1.0")
        lines = [self.line(path, **words) for path, words in zip(paths, said, strict=True)]
        write_lines(root / "train.csv", ",".join(CHEXPERT_COLUMNS), *lines, side.replace("Frontal,AP", "Lateral,"))
        valid = "valid/patient64541/study1/view1_frontal.jpg"
        write_chest(root / valid, 99)
        write_lines(root / "valid.csv", ",".join(CHEXPERT_COLUMNS), self.line(valid, Pneumonia="1.0"))
        return root

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ("", [1, None, 0, None, None, 1]),
            ("?uncertain=pneumonia", [1, 1, 0, None, None, 1]),
            ("?uncertain=normal&others=normal", [1, 0, 0, 0, 0, 1]),
        ],
    )
    def test_uncertain_and_other_findings_follow_the_policy(
        self, folder: Path, options: str, expected: list[int | None]
    ) -> None:
        source = read_source(f"chexpert:{folder}{options}")

        assert [row.label for row in source.rows] == expected
        assert [row.split for row in source.rows] == [Part.TRAINING] * 5 + [Part.TUNING]

    def test_lateral_views_are_left_aside_and_patients_come_from_the_path(self, folder: Path) -> None:
        source = read_source(f"chexpert:{folder}")

        assert len(source.rows) == 6
        assert any(note.startswith("1 lateral") for note in source.notes)
        first = source.rows[0]
        assert (first.patient_id, first.sex, first.age_years, first.view) == ("chexpert-patient00000", "F", 68.0, "AP")
        assert [row.finding for row in source.rows[:5]] == [
            "pneumonia",
            "uncertain pneumonia",
            "normal",
            "edema",
            "nothing stated",
        ]


class TestVindrPcxr:
    DISEASES = "No finding,Bronchitis,Brocho-pneumonia,Pneumonia,Pleuro-pneumonia,Tuberculosis"

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        nobody = Person(patient_id="", name="", age="014M", sex="M")
        for seed, name in enumerate(("a1", "b2", "c3", "d4")):
            write_dicom(tmp_path / "train" / f"{name}.dicom", seed, nobody)
        write_dicom(tmp_path / "test" / "e5.dicom", 9, nobody)
        write_lines(
            tmp_path / "image_labels_train.csv",
            f"image_id,rad_ID,{self.DISEASES}",
            "a1,R1,0.0,0,1.0,0,0,0",
            "b2,R1,1,0,0,0,0,0",
            "c3,R2,0,1,0,0,0,0",
            "d4,R1,0,0,0,1,0,0",
            "d4,R2,1,0,0,0,0,0",
        )
        write_lines(tmp_path / "image_labels_test.csv", f"image_id,{self.DISEASES}", "e5,0,0,0,1,0,1")
        write_lines(
            tmp_path / "annotations_train.csv",
            "image_id,rad_ID,class_name,x_min,y_min,x_max,y_max",
            "a1,R1,Consolidation,10,20,40,60",
            "b2,R1,No finding,,,,",
        )
        return tmp_path

    def test_three_pneumonias_are_pneumonia_and_bronchitis_is_unknown(self, folder: Path) -> None:
        source = read_source(f"vindr-pcxr:{folder}")

        assert labels(source) == {"a1": 1, "b2": 0, "c3": None, "d4": None, "e5": 1}  # readers of d4 disagree
        assert [row.finding for row in source.rows] == [
            "brocho-pneumonia",
            "normal",
            "bronchitis",
            "pneumonia",
            "several",
        ]
        assert {name: row.split for name, row in by_name(source).items()}["e5"] is Part.TEST
        first = by_name(source)["a1"]
        assert first.boxes == (Box(finding="consolidation", x=10, y=20, width=30, height=40),)
        assert (first.age_years, first.sex, first.patient_id) == (14 / 12, "M", None)

    def test_others_count_as_normal_if_asked(self, folder: Path) -> None:
        assert labels(read_source(f"vindr-pcxr:{folder}?others=normal"))["c3"] == 0

    def test_a_broken_box_is_named_by_its_line(self, folder: Path) -> None:
        columns = "image_id,rad_ID,class_name,x_min,y_min,x_max,y_max"
        write_lines(folder / "annotations_train.csv", columns, "a1,R1,Mass,1,2,3,wide")

        with pytest.raises(TrainingError, match=r"annotations_train.csv line 2: the box"):
            read_source(f"vindr-pcxr:{folder}")


@pytest.mark.parametrize("name", ["rsna", "nih", "chexpert", "vindr-pcxr"])
def test_a_set_that_is_not_there_says_which_file_is_missing(tmp_path: Path, name: str) -> None:
    with pytest.raises(TrainingError, match="is no folder; name the one that holds"):
        read_source(f"{name}:{tmp_path / 'nothing'}")
    with pytest.raises(TrainingError, match=r"holds no .*\.csv"):
        read_source(f"{name}:{tmp_path}")


def test_tables_without_pictures_are_refused(tmp_path: Path) -> None:
    columns = "Image Index,Finding Labels,Patient ID,Patient Age,View Position"
    write_lines(tmp_path / "Data_Entry_2017.csv", columns, "00000001_000.png,No Finding,1,50,PA")
    with pytest.raises(
        TrainingError, match=r"none of the 1 radiographs that Data_Entry_2017.csv lists is in the folder"
    ):
        read_source(f"nih:{tmp_path}")

    write_lines(tmp_path / "Data_Entry_2017.csv", "Image,Label", "00000001_000.png,No Finding")
    with pytest.raises(TrainingError, match="there is no column 'Image Index'"):
        read_source(f"nih:{tmp_path}")


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("nih:{}?others=sick", "option others=sick of nih is not one of unknown, normal"),
        ("nih:{}?uncertain=normal", "'uncertain=normal' of nih: is not known; there are: others"),
        ("kermany:{}?others=normal", "is not known; there are: none"),
        ("chexpert:{}?uncertain", "option 'uncertain' of chexpert: is not known"),
    ],
)
def test_an_option_that_is_not_known_is_refused(tmp_path: Path, location: str, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        read_source(location.format(tmp_path))


def test_a_relative_folder_may_start_elsewhere(tmp_path: Path) -> None:
    write_class_folders(tmp_path / "in", normal=["a.png"], pneumonia=["b.png"])
    write_dicom(tmp_path / "export" / "a.dcm", 0, Person())
    write_lines(tmp_path / "export" / "labels.csv", "image_path,label", "a,1")

    assert len(read_source("in", below=tmp_path).rows) == 2
    assert len(read_source("dicom:export", below=tmp_path).rows) == 1
    assert len(read_source(tmp_path / "in", below=Path("/elsewhere")).rows) == 2


def test_a_path_with_a_colon_is_a_path(tmp_path: Path) -> None:
    write_picture(tmp_path / "a:b" / "NORMAL" / "a.png", 1)

    assert len(read_source(tmp_path / "a:b").rows) == 1


def test_every_set_states_its_terms_and_only_free_ones_are_fetched() -> None:
    for name, known in PUBLIC_SETS.items():
        assert known.terms.name == name
        assert known.terms.licence
        assert known.terms.home.startswith("https://")
    assert archive_of("kermany").url.startswith("https://data.mendeley.com/")
    with pytest.raises(TrainingError, match="accept its terms and fetch it at https://nihcc"):
        archive_of("nih")
    with pytest.raises(TrainingError, match="no public set 'mimic'; there are kermany, rsna, nih"):
        archive_of("mimic")
