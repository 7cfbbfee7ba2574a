"""The audit finds the shortcut that was drawn, and none where none was."""

from pathlib import Path

import numpy as np
import pytest
from made.looked_at import bright_border, drawn_set, unmarked
from PIL import Image, ImageFilter

from lingula.radiology.radiograph import Pixels
from lingula.training.data.dataset import Dataset
from lingula.training.data.labelled import Source
from lingula.training.describe import Audit, Clue, Shows
from lingula.training.describe.lungs import Seen
from lingula.training.describe.properties import measure_properties
from lingula.training.describe.shortcuts import audit_shortcuts, draw_rows


def audit(source: Source, dataset: Dataset, seen: Seen | None = None) -> Audit:
    paths = {source.name_of(row): row.path for row in source.rows}
    return audit_shortcuts(
        dataset,
        measure_properties(dataset.pixels),
        paths=[paths[name] for name in dataset.names.tolist()],
        seen=seen,
        package=None if seen is None else "made 1.0.0",
    )


def clues(made: Audit) -> dict[str, Clue]:
    return {clue.name: clue for clue in made.clues}


def value(clue: Clue) -> float:
    assert clue.auroc is not None
    return clue.auroc.value


def test_a_label_in_the_borders_brightness_is_found_there(tmp_path: Path) -> None:
    found = clues(audit(*drawn_set(tmp_path, 160, bright_border)))

    assert value(found["outermost pixels"]) > 0.97
    assert value(found["whole frame"]) > 0.9
    assert "alone tells the label with AUROC" in found["outermost pixels"].meaning
    assert found["image size"].auroc is None
    assert "All pictures have one size here" in found["image size"].meaning
    assert found["dark borders"].auroc is None


def test_where_nothing_tells_the_label_every_clue_is_a_coin(tmp_path: Path) -> None:
    made = audit(*drawn_set(tmp_path, 240, unmarked))

    measured = [clue for clue in made.clues if clue.auroc is not None]
    assert len(measured) >= 4
    assert all(0.35 < value(clue) < 0.65 for clue in measured)
    assert "No shortcut was found" in made.conclusion


def test_a_label_in_the_size_of_the_file_s_picture_is_found_there(tmp_path: Path) -> None:
    def larger(picture: Pixels, label: int) -> Pixels:
        side = 224 + 30 * label + int(picture[0, 0]) % 20
        return np.asarray(Image.fromarray(picture).resize((side, side + 8)))

    found = clues(audit(*drawn_set(tmp_path, 120, larger)))

    assert value(found["image size"]) > 0.99
    assert "Never feed size" in found["image size"].meaning


def test_a_label_in_the_sharpness_is_found_in_the_spectrum(tmp_path: Path) -> None:
    def softer(picture: Pixels, label: int) -> Pixels:
        return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(0.8))) if label else picture

    found = clues(audit(*drawn_set(tmp_path, 120, softer)))

    assert value(found["power spectrum"]) > 0.99
    assert "Blur, sharpen and recompress" in found["power spectrum"].meaning


def test_what_lies_in_the_lungs_alone_is_not_called_a_shortcut(tmp_path: Path) -> None:
    def shaded(picture: Pixels, label: int) -> Pixels:
        marked = picture.copy()
        marked[80:140, 80:140] = np.clip(picture[80:140, 80:140].astype(np.int64) + 40 * label, 0, 255)
        return marked

    source, dataset = drawn_set(tmp_path, 160, shaded)
    masks = np.zeros((len(dataset), 56, 56), np.bool_)
    masks[:, 18:38, 18:38] = True
    found = clues(audit(source, dataset, Seen(masks=masks, probabilities=dataset.labels.astype(np.float64))))

    assert value(found["lungs alone"]) > 0.95
    assert value(found["lungs painted over"]) < 0.65
    assert found["lungs alone"].shows is Shows.LUNGS
    assert {name for name, clue in found.items() if clue.shows is Shows.NO_SHAPES} == {
        "brightness and contrast",
        "power spectrum",
    }
    assert value(found["package, not held out"]) == 1.0


def test_too_few_patients_are_not_audited(tmp_path: Path) -> None:
    made = audit(*drawn_set(tmp_path, 30))

    assert made.clues == ()
    assert "Fewer than 10 patients of one label" in made.conclusion


def test_a_large_set_is_looked_at_in_part_by_whole_patients(tmp_path: Path) -> None:
    _, dataset = drawn_set(tmp_path, 40)

    rows = draw_rows(dataset, most=15)

    assert 0 < len(rows) <= 15
    drawn = set(dataset.patients[rows].tolist())
    assert len(rows) == 2 * len(drawn)
    assert draw_rows(dataset, most=40) == pytest.approx(np.arange(40))
