"""Nearly the same pictures are found whatever was done to them; different ones are left alone."""

import io
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from made.labels import made_dataset
from made.looked_at import grainy_picture
from PIL import Image, ImageEnhance, ImageFilter

from lingula.radiology.radiograph import Pixels
from lingula.radiology.reading import read_radiograph
from lingula.training.data.dataset import Dataset
from lingula.training.describe.copies import find_near_copies

COUNT = 60


@cache
def different() -> tuple[Pixels, ...]:
    return tuple(grainy_picture(seed) for seed in range(COUNT))


def set_of(pictures: list[Pixels]) -> Dataset:
    """Make a data set of pictures, each of a patient of its own, labels by turns."""
    count = len(pictures)
    dataset = made_dataset([f"p{number}" for number in range(count)], [number % 2 for number in range(count)])
    return replace(dataset, pixels=np.stack(pictures))


def recompressed(picture: Image.Image) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=25)
    return Image.open(io.BytesIO(file.getvalue())).convert("L")


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "recompressed": recompressed,
    "blurred": lambda picture: picture.filter(ImageFilter.GaussianBlur(1.5)),
    "contrast": lambda picture: ImageEnhance.Contrast(picture).enhance(0.6),
    "brighter": lambda picture: ImageEnhance.Brightness(picture).enhance(1.2),
    "turned 2": lambda picture: picture.rotate(2, Image.Resampling.BILINEAR),
    "turned -5": lambda picture: picture.rotate(-5, Image.Resampling.BILINEAR),
    "cut": lambda picture: picture.resize(picture.size, Image.Resampling.BILINEAR, box=(8, 8, 216, 216)),
    "mirrored": lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "turned 90": lambda picture: picture.transpose(Image.Transpose.ROTATE_90),
    "turned 270": lambda picture: picture.transpose(Image.Transpose.ROTATE_270),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_copy_is_found_and_nothing_else(name: str) -> None:
    pictures = list(different())
    pictures.append(np.asarray(CHANGES[name](Image.fromarray(pictures[7]))))

    copies = find_near_copies(set_of(pictures), np.full(COUNT + 1, ""))

    assert [(pair.first, pair.second) for pair in copies.pairs] == [("00007.png", f"{COUNT:05}.png")]
    assert copies.pairs[0].similarity >= copies.threshold
    assert copies.closest_apart is not None
    assert copies.closest_apart < copies.threshold


def test_the_change_that_makes_one_of_the_other_is_named() -> None:
    pictures = list(different())
    pictures.append(np.ascontiguousarray(pictures[3][:, ::-1]))
    pictures.append(np.asarray(recompressed(Image.fromarray(pictures[4]))))

    changes = {pair.first: pair.change for pair in find_near_copies(set_of(pictures), np.full(COUNT + 2, "")).pairs}

    assert changes == {"00003.png": "mirrored", "00004.png": "as it is"}


def test_copies_across_parts_patients_and_labels_are_told_apart() -> None:
    pictures = list(different())
    pictures += [np.asarray(recompressed(Image.fromarray(pictures[seed]))) for seed in (0, 1)]
    parts = np.array(["training"] * COUNT + ["training", "test"])

    copies = find_near_copies(set_of(pictures), parts)

    # 0 and 60 share the label, 1 and 61 too; only the second pair lies in two parts.
    assert {(p.first, p.other_part, p.other_patient, p.other_label) for p in copies.pairs} == {
        ("00000.png", False, True, False),
        ("00001.png", True, True, False),
    }


def test_different_real_chests_are_not_taken_for_the_same_and_their_copies_are(real_data: Path) -> None:
    names = sorted((real_data / "chest_xray" / "train" / "NORMAL").iterdir())[:300]
    patients = {name.name.rsplit("-", 1)[0]: name for name in names}
    pictures = [read_radiograph(path.read_bytes()).pixels for path in patients.values()]
    copied = [np.asarray(recompressed(Image.fromarray(picture).rotate(3))) for picture in pictures[::20]]

    pairs = find_near_copies(set_of(pictures + copied), np.full(len(pictures) + len(copied), "")).pairs

    wanted = {(f"{20 * n:05}.png", f"{len(pictures) + n:05}.png") for n in range(len(copied))}
    assert {(pair.first, pair.second) for pair in pairs} == wanted
