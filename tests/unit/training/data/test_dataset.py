import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from made.labels import made_picture, write_class_folders, write_picture
from PIL import Image

from lingula.errors import TrainingError
from lingula.modelpackage.preprocessing import DEFAULT_PREPROCESSING, resize_pixels
from lingula.training.data.dataset import load_dataset
from lingula.training.sources import read_source


def test_radiographs_are_decoded_as_triage_decodes_them(tmp_path: Path) -> None:
    write_class_folders(tmp_path, normal=["a.png", "b.png"], pneumonia=["c.png"])

    dataset = load_dataset(read_source(tmp_path))

    assert dataset.pixels.shape == (3, 224, 224)
    assert dataset.pixels.dtype == np.uint8
    assert (dataset.pixels[1] == resize_pixels(made_picture(1, brightness=90), DEFAULT_PREPROCESSING)).all()
    assert dataset.names.tolist() == ["NORMAL/a.png", "NORMAL/b.png", "PNEUMONIA/c.png"]
    assert dataset.labels.tolist() == [0, 0, 1]
    assert dataset.findings.tolist() == ["normal", "normal", "pneumonia"]
    assert len(set(dataset.patients.tolist())) == 3
    assert dataset.report.without_patient == 3


def test_what_cannot_be_read_is_left_out_with_its_reason(tmp_path: Path) -> None:
    write_class_folders(tmp_path, normal=["a.png", "cut.png"], pneumonia=["c.png"])
    (tmp_path / "NORMAL" / "cut.png").write_bytes((tmp_path / "NORMAL" / "cut.png").read_bytes()[:300])
    (tmp_path / "NORMAL" / "empty.jpeg").touch()
    (tmp_path / "PNEUMONIA" / "notes.txt").write_text("not a picture")
    Image.new("L", (300, 300), 7).save(tmp_path / "PNEUMONIA" / "blank.png")
    Image.fromarray(made_picture(3)).resize((40, 40)).save(tmp_path / "PNEUMONIA" / "small.png")

    report = load_dataset(read_source(tmp_path)).report

    reasons = {entry.name: entry.reason for entry in report.left_out}
    assert sorted(reasons) == [
        "NORMAL/cut.png",
        "NORMAL/empty.jpeg",
        "PNEUMONIA/blank.png",
        "PNEUMONIA/notes.txt",
        "PNEUMONIA/small.png",
    ]
    assert "same grey level 7" in reasons["PNEUMONIA/blank.png"]
    assert "40 pixels" in reasons["PNEUMONIA/small.png"]
    assert report.kept == 2


def test_the_same_radiograph_is_kept_once_and_joins_its_patients(tmp_path: Path) -> None:
    write_picture(tmp_path / "n.png", 1)
    for name, seed in {"a.png": 2, "b.png": 2, "c.png": 3, "d.png": 3, "e.png": 4}.items():
        write_picture(tmp_path / name, seed)
    Image.open(tmp_path / "c.png").save(tmp_path / "c.tiff")  # the same pixels in another file
    rows = ["n.png,0,zoe", "a.png,1,ann", "b.png,1,bob", "c.tiff,1,bob", "d.png,1,cid", "e.png,1,cid"]
    (tmp_path / "rows.csv").write_text("image_path,label,patient_id\n" + "\n".join(rows))

    dataset = load_dataset(read_source(tmp_path / "rows.csv"))

    assert dataset.names.tolist() == ["a.png", "c.tiff", "e.png", "n.png"]
    assert dataset.patients.tolist() == ["ann", "ann", "ann", "zoe"]
    assert dataset.report.duplicates == 2
    assert [(each.name, each.first, each.other_patient) for each in dataset.report.repeats] == [
        ("b.png", "a.png", True),
        ("d.png", "c.tiff", True),
    ]


def test_a_large_jpeg_and_its_lossless_copy_are_the_same_radiograph(tmp_path: Path) -> None:
    for label in ("NORMAL", "PNEUMONIA"):
        (tmp_path / label).mkdir()
    large = Image.fromarray(made_picture(1)).resize((1300, 1100))  # a JPEG of this size is decoded at half of it
    large.save(tmp_path / "NORMAL" / "a.jpeg", quality=90)
    Image.open(tmp_path / "NORMAL" / "a.jpeg").save(tmp_path / "PNEUMONIA" / "b.png")

    with pytest.raises(TrainingError, match=r"1 radiographs are there under both labels: NORMAL/a\.jpeg"):
        load_dataset(read_source(tmp_path))


def test_one_radiograph_under_both_labels_stops_everything(tmp_path: Path) -> None:
    write_class_folders(tmp_path, normal=["a.png"], pneumonia=["c.png"])
    (tmp_path / "PNEUMONIA" / "again.png").write_bytes((tmp_path / "NORMAL" / "a.png").read_bytes())

    with pytest.raises(TrainingError, match=r"1 radiographs are there under both labels: NORMAL/a\.png \(normal\)"):
        load_dataset(read_source(tmp_path))


def test_a_radiograph_under_both_labels_is_left_out_of_a_description(tmp_path: Path) -> None:
    write_class_folders(tmp_path, normal=["a.png", "b.png"], pneumonia=["c.png"])
    (tmp_path / "PNEUMONIA" / "again.png").write_bytes((tmp_path / "NORMAL" / "a.png").read_bytes())

    dataset = load_dataset(read_source(tmp_path), conflicts_left_out=True)

    assert dataset.names.tolist() == ["NORMAL/b.png", "PNEUMONIA/c.png"]
    assert {entry.name for entry in dataset.report.left_out} == {"NORMAL/a.png", "PNEUMONIA/again.png"}
    assert [each.other_label for each in dataset.report.repeats] == [True]


def test_rows_without_a_label_are_left_out(tmp_path: Path) -> None:
    for seed, name in enumerate(("a.png", "b.png", "c.png")):
        write_picture(tmp_path / name, seed)
    (tmp_path / "rows.csv").write_text("image_path,label\na.png,0\nb.png,\nc.png,1\n")

    report = load_dataset(read_source(tmp_path / "rows.csv")).report

    assert [(entry.name, entry.reason) for entry in report.left_out] == [("b.png", "no label")]


def test_a_label_without_radiographs_is_refused_with_the_commonest_reason(tmp_path: Path) -> None:
    write_class_folders(tmp_path, normal=["a.png"], pneumonia=[])
    (tmp_path / "PNEUMONIA").mkdir()
    (tmp_path / "PNEUMONIA" / "empty.png").touch()

    with pytest.raises(TrainingError, match=r"no radiograph is labelled pneumonia \(1 left out: "):
        load_dataset(read_source(tmp_path))


def test_the_digest_follows_contents_and_claims_but_not_the_order_or_place(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        for seed, name in enumerate(("a.png", "b.png")):
            write_picture(tmp_path / folder / name, seed)
    texts = {
        "one/rows.csv": "image_path,label,patient_id\na.png,0,p\nb.png,1,q\n",
        "two/rows.csv": "patient_id,image_path,target\nq,b.png,PNEUMONIA\np,a.png,NORMAL\n",
        "two/other.csv": "image_path,label,patient_id\na.png,0,p\nb.png,1,p\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)

    one, two, other = (load_dataset(read_source(tmp_path / name)).digest for name in texts)

    assert one == two
    assert one != other


def test_a_second_load_takes_the_pixels_from_the_cache(tmp_path: Path) -> None:
    write_class_folders(tmp_path / "set", normal=["a.png", "empty.png"], pneumonia=["c.png"])
    (tmp_path / "set" / "NORMAL" / "empty.png").write_bytes(b"")
    source, told = read_source(tmp_path / "set"), []

    first = load_dataset(source, cache=tmp_path / "cache", progress=lambda done, total: told.append((done, total)))
    second = load_dataset(source, cache=tmp_path / "cache", progress=lambda done, total: told.append((done, total)))

    assert told == [(1, 3), (2, 3), (3, 3)]
    assert (first.pixels == second.pixels).all()
    assert (first.digest, first.report) == (second.digest, second.report)


def test_a_cache_cut_off_or_of_other_contents_is_not_taken(tmp_path: Path) -> None:
    write_class_folders(tmp_path / "set", normal=["a.png"], pneumonia=["c.png"])
    first = load_dataset(read_source(tmp_path / "set"), cache=tmp_path / "cache")
    (stored,) = (tmp_path / "cache").glob("*.npy")
    stored.write_bytes(stored.read_bytes()[:1000])

    again = load_dataset(read_source(tmp_path / "set"), cache=tmp_path / "cache")
    write_picture(tmp_path / "set" / "NORMAL" / "a.png", 77)
    changed = load_dataset(read_source(tmp_path / "set"), cache=tmp_path / "cache")

    assert (again.pixels == first.pixels).all()
    assert not (changed.pixels == first.pixels).all()


def test_the_report_is_readable_as_text_and_as_json(tmp_path: Path) -> None:
    write_class_folders(tmp_path / "set", normal=["IM-0001-0001.png"], pneumonia=["person1_virus_1.png", "x.png"])
    (tmp_path / "set" / "PNEUMONIA" / "x.png").write_bytes(b"")

    report = load_dataset(read_source(tmp_path / "set")).report

    assert "set: 2 radiographs of 2 patients (normal 1, pneumonia 1)" in str(report)
    assert "licence: CC BY 4.0" in str(report)
    assert "left out: 1 x " in str(report)
    assert json.loads(json.dumps(asdict(report)))["by_finding"] == {"normal": 1, "virus": 1}


def test_real_radiographs_at_original_size_are_all_readable(real_data: Path) -> None:
    report = load_dataset(read_source(real_data / "chest_xray" / "fullres"), size=64).report

    assert report.left_out == ()
    assert report.kept == 120


def test_what_the_source_says_and_the_size_in_the_file_travel_with_each_radiograph(tmp_path: Path) -> None:
    for seed, name in enumerate(("a.png", "b.png", "c.png")):
        write_picture(tmp_path / name, seed)
    Image.open(tmp_path / "b.png").resize((300, 200)).save(tmp_path / "b.png")
    rows = ["a.png,0,train,north,4Y,F,PA", "b.png,1,test,,,,", "c.png,1,val,south,30M,M,AP"]
    (tmp_path / "rows.csv").write_text("image_path,label,split,site,age,sex,view\n" + "\n".join(rows))
    source = read_source(tmp_path / "rows.csv")

    first = load_dataset(source, cache=tmp_path / "cache").take(np.array([2, 1])).circumstances
    again = load_dataset(source, cache=tmp_path / "cache").circumstances

    assert first.parts.tolist() == ["tuning", "test"]
    assert first.sites.tolist() == ["south", ""]
    assert (first.sexes.tolist(), first.views.tolist()) == (["M", ""], ["AP", ""])
    assert first.ages_years.tolist() == pytest.approx([2.5, np.nan], nan_ok=True)
    assert list(zip(again.rows.tolist(), again.columns.tolist(), strict=True)) == [(128, 128), (200, 300), (128, 128)]
