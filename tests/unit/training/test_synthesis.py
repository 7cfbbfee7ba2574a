"""Synthetic chests: registered, mixed, made a film, chosen and written as what they are."""

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
import torch
from made.cohorts import drawn_cohort
from PIL import Image

from lingula.errors import TrainingError
from lingula.radiology.reading import describe_instance, read_radiograph
from lingula.training.synthesis.atlas import look_alikes
from lingula.training.synthesis.choosing import Candidate, Opinion, choose, unsuitability
from lingula.training.synthesis.cohort import SIDE, lay_over, read_cohort
from lingula.training.synthesis.drawing import MOST_OF_ONE, Chest, residual_weights, with_opacity
from lingula.training.synthesis.files import STATEMENT, Encoding, encode, made_up_uid
from lingula.training.synthesis.film import Film, FilmSize, develop, draw_size, inside_frame, marked
from lingula.training.synthesis.likeness import details, nearest, nearest_other_patient
from lingula.training.synthesis.registration import grid, invert_field, register, sample_at, smooth


def _wave(shift: float) -> torch.Tensor:
    rows, columns = grid(56)[0]
    return (torch.sin((rows + shift) / 5) + torch.cos(columns / 6))[None, None]


def test_registration_finds_a_small_shift() -> None:
    field = register(_wave(-2.0), _wave(0.0), torch.zeros(1, 2, 56, 56), steps=40, stiffness=1.5)
    assert field[0, 0, 10:-10, 10:-10].mean().item() == pytest.approx(2.0, abs=0.5)
    assert field[0, 1, 10:-10, 10:-10].mean().item() == pytest.approx(0.0, abs=0.5)


def test_an_inverted_field_leads_back() -> None:
    field = smooth(torch.randn(1, 2, 56, 56, generator=torch.Generator().manual_seed(1)) * 30, 6.0)
    places = invert_field(field)
    there = places + sample_at(field, places)
    assert (there - grid(56))[..., 8:-8, 8:-8].abs().max().item() < 0.05


@pytest.mark.parametrize("seed", range(20))
def test_no_patient_gets_more_than_the_stated_weight(seed: int) -> None:
    weights = residual_weights(18, np.random.default_rng(seed))
    assert weights.sum() == pytest.approx(0, abs=1e-5)
    assert (weights**2).sum() == pytest.approx(1, abs=1e-5)
    assert np.abs(weights).max() <= MOST_OF_ONE


def test_look_alikes_are_of_different_patients() -> None:
    likeness = torch.tensor([[1.0, 0.9, 0.8, 0.7], [0.9, 1.0, 0, 0], [0.8, 0, 1.0, 0], [0.7, 0, 0, 1.0]])
    assert look_alikes(likeness, ["a", "a", "b", "c"], 0, 2).tolist() == [0, 2, 3]


def test_an_opacity_brightens_lungs_and_nothing_else() -> None:
    texture, lungs = torch.full((SIDE, SIDE), 0.3), torch.zeros(SIDE, SIDE)
    lungs[60:160, 40:100] = 1.0
    change = with_opacity(texture, lungs, np.random.default_rng(3)) - texture
    assert change[60:160, 40:100].max().item() > 0.05
    assert change.min().item() >= 0
    assert change[:, 120:].max().item() < 1e-4


def test_a_narrowed_frame_shows_nothing_outside() -> None:
    scale, shift, wide, aside = inside_frame(np.array([0.8, 30.0, 1.2, -10.0], dtype=np.float32))
    for factor, offset in ((scale, shift), (wide, aside)):
        assert (0 - offset) / factor >= -1e-3
        assert (SIDE - 1 - offset) / factor <= SIDE - 1 + 1e-3


def test_every_box_of_lungs_lands_on_the_same_place() -> None:
    lungs = np.zeros((3, SIDE, SIDE), dtype=np.bool_)
    boxes = ((20, 100), (40, 100), (50, 140))  # first row, rows
    for number, (top, height) in enumerate(boxes):
        lungs[number, top : top + height, 30:190] = True
    frames = lay_over(lungs)
    ends = [
        ((top - frame[1]) / frame[0], (top + height - 1 - frame[1]) / frame[0])
        for (top, height), frame in zip(boxes, frames, strict=True)
    ]
    assert np.ptp(ends, axis=0).max() < 1e-2
    middle = (SIDE - 1) / 2
    assert abs(ends[0][0] - middle) < middle - 40  # smaller than the median's own


def test_the_mark_is_in_the_corner_and_away_from_the_lungs() -> None:
    film = np.zeros((800, 1000), dtype=np.float32)
    found = marked(film, np.random.default_rng(1))
    assert found[:40, 800:].max() > 0.8
    assert found[:, 100:800].max() == 0


def test_a_size_is_like_those_hospitals_send() -> None:
    for seed in range(50):
        size = draw_size(np.random.default_rng(seed))
        assert 1000 <= size.columns <= 1320
        assert 1.1 <= size.columns / size.rows <= 1.45


_OPINION = Opinion(probability=0.9, novelty=0.4, rule_out=0.1, rule_in=0.5, novelty_limit=1.0)


def _candidate(likeness: float, opinion: Opinion) -> Candidate:
    return Candidate(
        film=np.zeros((8, 8), dtype=np.float32), lung_box=(0.1, 0.9, 0.1, 0.9), likeness=likeness, opinion=opinion
    )


def test_the_first_suitable_candidate_is_taken_and_no_further_one_drawn() -> None:
    def drawn() -> Iterator[Candidate]:
        yield _candidate(0.3, replace(_OPINION, probability=0.2))
        yield _candidate(0.3, _OPINION)
        raise AssertionError

    assert choose(drawn(), shows_pneumonia=True, most_alike=0.5).opinion.probability == 0.9


def test_the_least_unsuitable_candidate_is_taken_where_none_is_suitable() -> None:
    drawn = [_candidate(0.3, replace(_OPINION, probability=chance)) for chance in (0.9, 0.3, 0.6)]
    assert choose(drawn, shows_pneumonia=False, most_alike=0.5).opinion.probability == 0.3


def test_a_candidate_too_like_a_patient_or_too_novel_is_unsuitable() -> None:
    assert unsuitability(_candidate(0.3, _OPINION), shows_pneumonia=True, most_alike=0.5) == 0
    assert unsuitability(_candidate(0.6, _OPINION), shows_pneumonia=True, most_alike=0.5) > 0
    novel = _candidate(0.3, replace(_OPINION, novelty=1.2))
    assert unsuitability(novel, shows_pneumonia=True, most_alike=0.5) > 0


def test_choosing_among_none_is_refused() -> None:
    with pytest.raises(TrainingError, match="no candidate"):
        choose([], shows_pneumonia=True, most_alike=0.5)


def test_a_copy_of_a_training_picture_is_found_out() -> None:
    pictures = torch.from_numpy(drawn_cohort(4).pixels / np.float32(255))[:, None]
    everyone = details(pictures)
    darker = details(pictures[2:3] * 0.7 + 0.1)
    assert nearest(darker, everyone)[0] > 0.97
    assert nearest_other_patient(everyone, list("abcdefgh")).max() < 0.9
    twice = nearest_other_patient(torch.cat([everyone, everyone]), list("abcdefgh") * 2)
    assert twice.max() < 0.9


def _film() -> Film:
    rows, columns = np.mgrid[0:240, 0:320]
    film: Film = ((np.sin(rows / 40) + np.cos(columns / 50)) / 5 + 0.5).astype(np.float32)
    return film


@pytest.mark.parametrize("encoding", Encoding)
def test_every_encoding_reads_back_as_the_same_film(encoding: Encoding) -> None:
    found = read_radiograph(encode(_film(), encoding, 3))
    assert np.abs(found.pixels / 255 - _film()).mean() < 0.01


@pytest.mark.parametrize("encoding", [encoding for encoding in Encoding if encoding != Encoding.JPEG])
def test_a_dicom_sample_says_that_it_is_synthetic_and_what_it_shows(encoding: Encoding) -> None:
    data = encode(_film(), encoding, 5)
    dataset = pydicom.dcmread(io.BytesIO(data))
    assert str(dataset.PatientName).startswith("SYNTHETIC^")
    assert dataset.ImageComments == STATEMENT
    assert dataset.StudyInstanceUID == made_up_uid("study 5")
    assert dataset.SOPInstanceUID.is_valid
    instance = describe_instance(data)
    assert (instance.body_part_examined, instance.view_position in {"AP", "PA"}) == ("CHEST", True)
    assert instance.age_years is not None
    assert 1 <= instance.age_years <= 5


def test_a_jpeg_sample_says_that_it_is_synthetic() -> None:
    picture = Image.open(io.BytesIO(encode(_film(), Encoding.JPEG, 1)))
    assert picture.info["comment"] == STATEMENT.encode()
    assert picture.getexif()[0x010E] == STATEMENT


def test_the_same_seed_draws_the_same_film() -> None:
    chest = Chest(
        texture=_wave(0.0)[0, 0].repeat(4, 4) / 4 + 0.5,
        field=torch.zeros(1, 2, SIDE, SIDE),
        frame=np.array([1.0, 0.0, 1.0, 0.0], dtype=np.float32),
    )
    size = FilmSize(rows=160, columns=200)
    first, second, other = (develop(chest, size, np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)
    assert first.shape == (160, 200)


def test_a_folder_without_masks_is_refused_with_advice(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"no manifest\.csv"):
        read_cohort(tmp_path)
    (tmp_path / "manifest.csv").write_text("image_path,label,finding,patient_id\na.jpeg,NORMAL,normal,1\n")
    with pytest.raises(TrainingError, match="lung_masks"):
        read_cohort(tmp_path)
