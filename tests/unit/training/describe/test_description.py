"""A description counts rightly, warns of what matters, and becomes a page and JSON."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from made.looked_at import bright_border, drawn_set, grainy_picture
from PIL import Image

from lingula.modelpackage.archive import read_package, shipped_package_path
from lingula.training.charts.layout import Path as Drawn
from lingula.training.charts.layout import strokes_of
from lingula.training.data.dataset import load_dataset
from lingula.training.data.split import split_dataset
from lingula.training.describe import Description, Looking, describe_dataset, write_description
from lingula.training.describe.drawings import draw_spread
from lingula.training.describe.lungs import crop_lungs, lung_boxes, paint_over
from lingula.training.describe.properties import measure_properties, radial_spectrum, thumbnails
from lingula.training.describe.result import Spread
from lingula.training.sources import read_source

QUICK = Looking(audits=False)


def described(folder: Path, rows: list[str], header: str) -> Description:
    (folder / "rows.csv").write_text(header + "\n" + "\n".join(rows))
    source = read_source(folder / "rows.csv")
    return describe_dataset(source, load_dataset(source, conflicts_left_out=True), QUICK)


def drawn_files(folder: Path, count: int) -> None:
    for number in range(count):
        Image.fromarray(grainy_picture(number, side=128)).save(folder / f"{number}.png")


def test_groups_missing_values_and_patients_of_both_labels_are_counted(tmp_path: Path) -> None:
    drawn_files(tmp_path, 6)
    rows = [
        "0.png,0,ann,north,3,train",
        "1.png,1,ann,north,3,train",
        "2.png,0,bob,south,,train",
        "3.png,1,cid,,40Y,test",
        "4.png,1,dan,south,6M,test",
        "5.png,0,eve,south,70,test",
    ]

    made = described(tmp_path, rows, "image_path,label,patient_id,site,age,split")

    groups = {(group.column, group.value): group for group in made.groups}
    assert groups["site", "south"].by_label == {"normal": 2, "pneumonia": 1}
    assert groups["site", "unknown"].radiographs == 1
    assert groups["part", "test"].patients == 3
    assert [value for column, value in groups if column == "age"] == [
        "0 years",
        "2-5 years",
        "40-64 years",
        "65 years and more",
        "unknown",
    ]
    assert made.missing == {"patient": 0, "finding": 3, "part": 0, "site": 1, "view": 6, "sex": 6, "age": 1}
    assert made.both_labels == 1


def test_what_the_source_says_of_itself_is_on_the_page_though_nothing_was_left_out(tmp_path: Path) -> None:
    drawn_files(tmp_path, 2)
    (tmp_path / "rows.csv").write_text("image_path,label,colour\n0.png,0,red\n1.png,1,blue\n")
    source = read_source(tmp_path / "rows.csv")
    dataset = load_dataset(source)

    page, _ = write_description(describe_dataset(source, dataset, QUICK), dataset, tmp_path / "out")

    assert dataset.report.left_out == ()
    assert "none was left out" in page.read_text()
    assert "column colour is not used" in page.read_text()


def test_contradicting_labels_are_reported_and_the_rest_is_described(tmp_path: Path) -> None:
    drawn_files(tmp_path, 5)
    Image.open(tmp_path / "0.png").save(tmp_path / "again.tiff")

    made = described(tmp_path, ["0.png,0", "1.png,0", "2.png,1", "3.png,1", "again.tiff,1"], "image_path,label")

    assert made.report.kept == 3
    assert made.warnings[0].startswith("1 radiographs are there under both labels")
    assert any("3 radiographs name no patient" in warning for warning in made.warnings)


def test_copies_in_two_parts_of_a_split_are_warned_of(tmp_path: Path) -> None:
    source, dataset = drawn_set(tmp_path, 40)
    Image.fromarray(grainy_picture(0)).save(tmp_path / "copy.jpeg", quality=60)
    with (tmp_path / "rows.csv").open("a") as file:
        file.write("copy.jpeg,0,stranger\n")
    source = read_source(tmp_path / "rows.csv")
    dataset = load_dataset(source)
    split = next(
        made
        for made in (split_dataset(dataset, tuning=0.4, test=0, folds=0, seed=seed) for seed in range(20))
        if made.parts[dataset.names == "copy.jpeg"] != made.parts[dataset.names == "0000.png"]
    )

    made = describe_dataset(source, dataset, Looking(split=split, audits=False))

    assert [(pair.first, pair.second, pair.other_part) for pair in made.copies.pairs] == [
        ("0000.png", "copy.jpeg", True)
    ]
    assert any("1 pairs of nearly the same picture lie in two parts" in warning for warning in made.warnings)


def test_a_source_that_puts_patients_into_two_of_its_parts_is_warned_of(tmp_path: Path) -> None:
    drawn_files(tmp_path, 6)
    parts = ["train", "test", "train", "test", "", "train"]
    people = ["ann", "ann", "bob", "cid", "bob", "dan"]
    rows = [f"{number}.png,{number % 2},{people[number]},{part},{number % 3}" for number, part in enumerate(parts)]

    made = described(tmp_path, rows, "image_path,label,patient_id,split,age")

    assert made.warnings[0].startswith("the source puts 1 of 4 patients in two of its parts")
    assert [group.value for group in made.groups if group.column == "age"] == ["0 years", "1 year", "2-5 years"]


def test_the_legend_of_a_histogram_hides_none_of_it() -> None:
    shares = {"normal": (0.0, 0.5), "pneumonia": (0.5, 0.5)}
    spread = Spread(name="black", unit="share", quantiles={}, edges=(0.0, 0.5, 1.0), shares=shares, auroc=0.5)

    paths = [stroke for stroke in strokes_of(draw_spread(spread)) if isinstance(stroke, Drawn)]

    legend = next(path for path in paths if path.fill == "paper")
    curves = [path for path in paths if len(path.points) > 2 and (path.stroke or "").startswith("series")]
    assert len(curves) == len(shares)
    assert max(up for _, up in legend.points) < min(up for curve in curves for _, up in curve.points)


def test_a_source_that_keeps_patients_apart_is_not_warned_of(tmp_path: Path) -> None:
    drawn_files(tmp_path, 4)
    rows = ["0.png,0,ann,train", "1.png,1,ann,train", "2.png,0,bob,test", "3.png,1,bob,"]

    made = described(tmp_path, rows, "image_path,label,patient_id,split")

    assert not any("two of its parts" in warning for warning in made.warnings)


@pytest.mark.parametrize("with_pictures", [True, False])
def test_the_page_is_one_file_and_shows_radiographs_only_if_asked(tmp_path: Path, *, with_pictures: bool) -> None:
    source, dataset = drawn_set(tmp_path / "set", 48, bright_border)
    made = describe_dataset(source, dataset, Looking())

    page, data = write_description(made, dataset, tmp_path / "out", with_pictures=with_pictures)

    text, stored = page.read_text(), json.loads(data.read_text())
    assert ("data:image/png" in text) is with_pictures
    assert ("as confidential as they are" in text) is with_pictures
    assert not re.search(r'(?:src|href)="(?!data:|#)', text)
    assert "outermost eighth of the frame alone tells the label" in text
    assert stored["kept"] == 48
    assert {clue["name"] for clue in stored["audit"]["clues"]} >= {"image size", "power spectrum", "whole frame"}


def test_means_are_shown_only_where_many_patients_hide_each_other(tmp_path: Path) -> None:
    source, dataset = drawn_set(tmp_path / "set", 200, bright_border)

    page, _ = write_description(describe_dataset(source, dataset, QUICK), dataset, tmp_path / "out")

    assert page.read_text().count("data:image/png") == 3


def test_names_from_files_cannot_become_markup(tmp_path: Path) -> None:
    drawn_files(tmp_path, 4)
    (tmp_path / "0.png").rename(tmp_path / "<b>0.png")
    (tmp_path / "bad<i>.png").write_bytes(b"no picture")

    rows = ["<b>0.png,0,<u>x", "1.png,0,<u>y", "2.png,1,z", "3.png,1,z", "bad<i>.png,1,z"]
    made = described(tmp_path, rows, "image_path,label,site")
    dataset = load_dataset(read_source(tmp_path / "rows.csv"))
    page, _ = write_description(made, dataset, tmp_path / "out")

    assert not re.search("<[biu]>", page.read_text())


def test_properties_are_those_worked_out_by_hand() -> None:
    pixels = np.full((2, 224, 224), 100, np.uint8)
    pixels[0, :56] = 0
    pixels[1, :, -28:] = 10
    pixels[1, :, 0] = 255

    made = measure_properties(pixels)

    assert made.brightness.tolist() == pytest.approx([75, (100 * 195 + 280 + 255) / 224])
    assert made.black.tolist() == pytest.approx([0.25, 0])
    assert made.white.tolist() == pytest.approx([0, 1 / 224])
    assert made.top.tolist() == pytest.approx([0.25, 0])
    assert made.right.tolist() == pytest.approx([0, 0.125])
    assert made.left.tolist() == made.bottom.tolist() == [0, 0]
    assert thumbnails(pixels)[0, 7:9, 0].tolist() == [0, 100]


def test_a_wave_s_power_lies_in_the_ring_of_its_frequency() -> None:
    across = np.arange(224)
    pixels = np.stack([np.tile(128 + 100 * np.sin(2 * np.pi * waves * across / 224), (224, 1)) for waves in (14, 56)])

    spectrum = radial_spectrum(pixels.astype(np.uint8))

    # 48 rings up to half a cycle per pixel: 14 waves in 224 pixels are ring 6, 56 waves ring 24.
    assert spectrum.argmax(axis=1).tolist() == [6, 24]


def test_lungs_are_boxed_cropped_and_painted_over() -> None:
    masks = np.zeros((2, 56, 56), np.bool_)
    masks[0, 14:42, 7:49] = True
    pixels = np.full((2, 224, 224), 50, np.uint8)
    pixels[0, 56:168, 28:196] = 200

    boxes = lung_boxes(masks)

    # 28 of 56 cells high and 42 wide, without 2 % of the lungs at each end, and 5 % more around.
    assert boxes[0].tolist() == pytest.approx([0.125 - 0.0375, 0.25 - 0.025, 0.875 + 0.0375, 0.75 + 0.025], abs=0.02)
    assert boxes[1].tolist() == [0, 0, 1, 1]
    assert crop_lungs(pixels, boxes)[0, 8:24, 8:24].min() == 200
    assert set(np.unique(paint_over(pixels, boxes)[0]).tolist()) == {50, 128}


def test_the_shipped_package_finds_lungs_for_the_audit(tmp_path: Path) -> None:
    source, dataset = drawn_set(tmp_path, 48)
    package = read_package(shipped_package_path())

    made = describe_dataset(source, dataset, Looking(package=package))

    assert made.audit is not None
    assert [clue.name for clue in made.audit.clues][-2:] == ["lungs alone", "package, not held out"]
