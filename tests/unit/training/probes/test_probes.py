import sys
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import onnx
import pytest
from made.labels import SIDE, write_class_folders
from made.packages import MAP_SIDE, made_package
from made.readers import LUNGS, MadeReader, made_lungs
from numpy.typing import NDArray
from PIL import Image

from lingula.errors import TrainingError
from lingula.modelpackage.archive import ModelPackage, read_package
from lingula.radiology.radiograph import Pixels
from lingula.radiology.study import Status
from lingula.training.data.labelled import Box, Source
from lingula.training.data.outcomes import Outcome
from lingula.training.evaluation.running import run_package
from lingula.training.probes import ProbeOptions, Probes, probe_package
from lingula.training.probes.looking import DRAWN, OWN, mass_inside, probe_looking
from lingula.training.probes.randomising import classifier_layers, lung_extent, rank_correlation, structural_similarity
from lingula.training.probes.sample import Judge, draw_outcomes, read_sample
from lingula.training.sources import read_source


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """Ten radiographs of each label, pneumonia brighter everywhere."""
    folder = tmp_path_factory.mktemp("probed")
    names = {"normal": [f"n{at}.png" for at in range(10)], "pneumonia": [f"p{at}.png" for at in range(10)]}
    return read_source(write_class_folders(folder, normal=names["normal"], pneumonia=names["pneumonia"]))


def probed(package: ModelPackage, source: Source, *, count: int = 20, masks: Path | None = None) -> Probes:
    options = ProbeOptions(radiographs=count, masks=masks)
    found = probe_package(package, source, run_package(package, source), options, lambda _: None)
    assert found is not None
    return found


def value(probes: Probes, which: str) -> float:
    measured = getattr(probes.stress, which).auroc
    assert measured is not None
    return float(measured.value)


def test_a_graph_that_reads_lungs_falls_to_chance_without_them_and_holds_without_the_rest(
    source: Source, tmp_path: Path
) -> None:
    found = probed(MadeReader(reads_lungs=True).package(tmp_path), source)

    assert value(found, "unchanged") == 1
    assert value(found, "lungs_blanked") == 0.5
    assert found.stress.lungs_blanked.difference is not None
    assert found.stress.lungs_blanked.difference.high == -0.5
    assert value(found, "surroundings_blanked") == 1
    assert found.stress.surroundings_blanked.moved < 0.02
    for looked in found.looking.by_label:
        assert looked.inside is not None
        assert looked.inside.value == pytest.approx(1)
        assert looked.peak_inside == 1


def test_a_graph_that_reads_the_frame_is_found_out(source: Source, tmp_path: Path) -> None:
    found = probed(MadeReader(reads_lungs=False).package(tmp_path), source)

    assert value(found, "lungs_blanked") == 1
    assert value(found, "surroundings_blanked") == 0.5
    assert [looked.peak_inside for looked in found.looking.by_label] == [0, 0]
    assert {looked.inside.value for looked in found.looking.by_label if looked.inside} == {0}


def test_every_stress_is_measured_against_the_same_radiographs_unchanged(source: Source, tmp_path: Path) -> None:
    found = probed(MadeReader().package(tmp_path), source)

    assert found.stress.unchanged.difference is not None
    assert (found.stress.unchanged.difference.low, found.stress.unchanged.difference.high) == (0, 0)
    assert (found.stress.unchanged.moved, found.stress.unchanged.same_band) == (0, 1)
    assert len(found.stress.stressed) == 14
    darkened = next(entry for entry in found.stress.stressed if entry.name == "darkened")
    assert darkened.sensitivity < 1 or darkened.moved > 0.05
    assert found.stress.worst.name in {entry.name for entry in found.stress.stressed}


def test_a_map_made_by_the_weights_changes_with_them_and_a_map_of_the_picture_does_not(
    source: Source, tmp_path: Path
) -> None:
    honest = probed(MadeReader(shows_weights=True).package(tmp_path / "honest"), source).randomisation
    pretended = probed(MadeReader(shows_weights=False).package(tmp_path / "pretended"), source).randomisation

    assert honest is not None
    assert pretended is not None
    assert (honest.layers, pretended.layers) == (2, 2)
    assert [step.layers for step in honest.steps] == [1, 2]
    assert honest.steps[-1].rank_correlation < 0.9
    assert [step.rank_correlation for step in pretended.steps] == pytest.approx([1, 1])
    assert [step.similarity for step in pretended.steps] == pytest.approx([1, 1])


def test_weights_are_shuffled_from_the_output_inwards_and_constants_are_left_alone(tmp_path: Path) -> None:
    model = onnx.load_from_string(MadeReader().package(tmp_path).graph)

    assert classifier_layers(model) == ["last", "first"]


@pytest.mark.parametrize("shown", [(), (1,)])
def test_maps_that_are_all_silent_leave_their_label_without_shares_and_cost_nothing_else(
    source: Source, tmp_path: Path, shown: tuple[int, ...]
) -> None:
    sample = read_sample(
        package := read_package(made_package(tmp_path)), source, draw_outcomes(run_package(package, source), 20, 0)
    )

    def judge(pictures: Pixels, *_outputs: str) -> dict[str, NDArray[np.float32]]:
        speaks = np.isin(sample.labels, shown).astype(np.float32)[:, None, None, None]
        lungs = np.ones((len(pictures), 1, MAP_SIDE, MAP_SIDE), np.float32)
        return {"activation_map": speaks * lungs, "lung_mask": lungs}

    found = probe_looking(cast("Judge", judge), sample, None)

    assert [looked.silent for looked in found.by_label] == [0 if 1 in shown else 10, 10]
    assert [looked.peak_inside for looked in found.by_label] == [1.0 if 1 in shown else None, None]
    assert found.by_label[1].inside is None
    assert found.by_label[1].near is None


def test_drawn_masks_are_measured_beside_the_packages_own(source: Source, tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    shifted = np.zeros((MAP_SIDE, MAP_SIDE), np.uint8)
    shifted[LUNGS[0], : (LUNGS[1].start + LUNGS[1].stop) // 2] = 255  # half of the made lungs, and as much beside them
    for name in ("p0", "p1", "n0"):
        Image.fromarray(shifted).save(tmp_path / "masks" / f"{name}.png")

    found = probed(MadeReader(shows_weights=False).package(tmp_path / "package"), source, masks=tmp_path / "masks")

    assert [(looked.lungs, looked.label, looked.radiographs) for looked in found.looking.by_label] == [
        (OWN, "pneumonia", 10),
        (OWN, "normal", 10),
        (DRAWN, "pneumonia", 2),
        (DRAWN, "normal", 1),
    ]
    assert found.looking.dice == pytest.approx(0.5, abs=0.001)
    drawn = found.looking.by_label[2].inside
    assert drawn is not None
    assert drawn.value == pytest.approx(0.5, abs=0.1)


def test_masks_of_other_radiographs_are_refused(source: Source, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="a mask for none of the 20 radiographs"):
        probed(MadeReader().package(tmp_path / "package"), source, masks=tmp_path)


def test_the_draw_is_half_of_each_label_and_the_same_every_time() -> None:
    outcomes = [
        Outcome(name=f"{number:03}", label=int(number >= 10), finding="", status=Status.ASSESSED, probability=0.5)
        for number in range(100)
    ]

    drawn = draw_outcomes(outcomes, 30, seed=1)

    assert [entry.label for entry in drawn].count(0) == 10
    assert len(drawn) == 30
    assert drawn == draw_outcomes(outcomes[::1], 30, seed=1)
    assert drawn != draw_outcomes(outcomes, 30, seed=2)
    assert [entry.label for entry in draw_outcomes(outcomes, 10, seed=1)].count(0) == 5
    assert draw_outcomes(outcomes, 0, seed=1) == []


def test_marks_are_hit_where_the_map_is_highest_inside_them(source: Source, tmp_path: Path) -> None:
    package = MadeReader(shows_weights=False).package(tmp_path)
    outcomes = [entry for entry in run_package(package, source) if entry.label == 1]
    height, width = SIDE, SIDE  # of the files
    lungs = Box(
        finding="opacity",
        x=LUNGS[1].start / MAP_SIDE * width,
        y=LUNGS[0].start / MAP_SIDE * height,
        width=(LUNGS[1].stop - LUNGS[1].start) / MAP_SIDE * width,
        height=(LUNGS[0].stop - LUNGS[0].start) / MAP_SIDE * height,
    )
    corner = Box(finding="opacity", x=0, y=0, width=width / 8, height=height / 8)
    names = sorted(entry.name for entry in outcomes)
    marks = {name: (lungs if place < 7 else corner,) for place, name in enumerate(names)}
    marked = replace(source, rows=tuple(replace(row, boxes=marks.get(source.name_of(row), ())) for row in source.rows))

    found = probed(package, marked).pointing

    assert found is not None
    assert found.radiographs == 10
    assert found.hits is not None
    assert found.hits.value == 0.7
    lungs_share = made_lungs().mean()
    assert found.chance == pytest.approx(0.7 * lungs_share + 0.3 / 64, abs=0.001)


def test_without_onnx_the_check_of_the_map_is_left_out_and_said(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = MadeReader().package(tmp_path)
    monkeypatch.setitem(sys.modules, "onnx", None)

    found = probed(package, source, count=8)

    assert found.randomisation is None
    assert found.left_out == (
        "randomisation check of the heat map: needs the package `onnx`, which the train extra brings",
    )


def test_a_map_without_weights_behind_it_cannot_be_checked(source: Source, tmp_path: Path) -> None:
    package = read_package(made_package(tmp_path))

    found = probed(package, source, count=8)

    assert found.randomisation is None
    assert "no weights" in found.left_out[0]


def test_mass_inside_is_a_share_of_the_map() -> None:
    maps = np.array([[[1, 0], [0, 3]], [[0, 0], [0, 0]]], np.float32)
    masks = np.array([[[False, False], [False, True]], [[True, True], [True, True]]])

    assert mass_inside(maps, masks).tolist() == [0.75, 0]


def test_the_box_holds_every_lung_cell() -> None:
    assert lung_extent(made_lungs()[0, 0] > 0) == LUNGS
    assert lung_extent(np.zeros((4, 4), np.bool_)) == (slice(None), slice(None))


def test_similarity_of_maps_is_one_for_equal_maps_and_falls_with_difference() -> None:
    rng = np.random.default_rng(0)
    one = rng.random((20, 20)).astype(np.float32)

    assert rank_correlation(one, one**3) == pytest.approx(1)
    assert rank_correlation(one, -one) == pytest.approx(-1)
    assert rank_correlation(one, np.zeros_like(one)) == 0
    ties = np.array([[1, 1, 2, 3]], np.float32), np.array([[1, 2, 2, 4]], np.float32)
    assert rank_correlation(*ties) == pytest.approx(3.75 / 4.5)  # ranks 1.5 1.5 3 4 and 1 2.5 2.5 4
    assert structural_similarity(one, one) == pytest.approx(1)
    assert abs(structural_similarity(one, rng.random((20, 20)).astype(np.float32))) < 0.2
