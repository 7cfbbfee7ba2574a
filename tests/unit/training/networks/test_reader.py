"""The networks' geometry: the box follows the lungs, and the crop sees nothing but the box."""

import pytest
import torch

from lingula.training.networks import (
    MAP_SIDE,
    LungFinder,
    Reader,
    Settlement,
    bare_classifier,
    crop,
    fills_frame,
    lung_box,
)
from lingula.training.recipe import NetworkRecipe, Sight


def mask_with(left: int, top: int, right: int, bottom: int) -> torch.Tensor:
    mask = torch.zeros(1, 1, MAP_SIDE, MAP_SIDE)
    mask[:, :, top:bottom, left:right] = 1.0
    return mask


def small_reader(settled: Settlement | None = None, sees: Sight = Sight.LUNGS) -> Reader:
    torch.manual_seed(0)
    recipe = NetworkRecipe(side=64, widths=(16, 16, 16, 16), blocks=(1, 1, 1, 1), sees=sees)
    return Reader(LungFinder((8, 8, 8, 8), 8), bare_classifier(recipe), settled).eval()


def test_the_box_lies_around_the_lungs_with_a_margin() -> None:
    left, top, right, bottom = (lung_box(mask_with(14, 7, 42, 49))[0] * MAP_SIDE).tolist()
    assert (left, right) == pytest.approx((14 - 2.1, 42 + 2.1), abs=0.4)  # 2 % inwards, then 10 % outwards
    assert (top, bottom) == pytest.approx((7 - 3.2, 49 + 3.2), abs=0.4)


def test_a_speck_far_away_does_not_move_the_box() -> None:
    mask = mask_with(14, 14, 42, 42)
    speck = mask.clone()
    speck[:, :, 0:2, 54:56] = 1.0
    assert (lung_box(mask) - lung_box(speck)).abs().max() < 0.02


def test_without_lungs_the_box_is_the_whole_frame() -> None:
    assert lung_box(torch.zeros(1, 1, MAP_SIDE, MAP_SIDE))[0].tolist() == pytest.approx([0, 0, 1, 1], abs=1e-3)


def test_a_box_that_is_nearly_the_whole_frame_is_told_from_one_around_lungs() -> None:
    nearly = torch.tensor([[0.019, 0.0, 1.0, 0.981], [0.0, 0.021, 1.0, 1.0]])
    found = torch.cat([lung_box(torch.zeros(1, 1, MAP_SIDE, MAP_SIDE)), lung_box(mask_with(8, 8, 48, 48)), nearly])
    assert fills_frame(found).tolist() == [True, False, True, False]


def test_the_crop_sees_nothing_outside_the_box() -> None:
    torch.manual_seed(0)
    inside, outside = torch.rand(1, 1, 224, 224), torch.rand(1, 1, 224, 224)
    box = torch.tensor([[0.25, 0.25, 0.75, 0.75]])
    changed = outside.clone()
    changed[:, :, 55:169, 55:169] = inside[:, :, 55:169, 55:169]
    torch.testing.assert_close(crop(inside, box, 64), crop(changed, box, 64))


def test_a_crop_of_the_whole_frame_at_its_own_size_changes_nothing() -> None:
    picture = torch.rand(2, 1, 224, 224)
    whole = torch.tensor([[0.0, 0.0, 1.0, 1.0]]).expand(2, 4)
    torch.testing.assert_close(crop(picture, whole, 224), picture, atol=1e-4, rtol=0)


def test_a_shrinking_crop_averages_instead_of_skipping_pixels() -> None:
    stripes = (torch.arange(224) % 2).float().expand(1, 1, 224, 224)
    shrunk = crop(stripes, torch.tensor([[0.0, 0.0, 1.0, 1.0]]), 56)
    assert (shrunk[..., 1:-1] - 0.5).abs().max() < 0.05


def test_every_output_has_the_contracts_shape_and_range() -> None:
    probability, activation, mask, embedding, novelty = small_reader()(torch.rand(3, 1, 224, 224))
    assert probability.shape == novelty.shape == (3, 1)
    assert activation.shape == mask.shape == (3, 1, MAP_SIDE, MAP_SIDE)
    assert embedding.shape == (3, 16)
    for bounded in (probability, activation, mask):
        assert 0 <= bounded.min() <= bounded.max() <= 1
    assert novelty.min() >= 0


def test_the_mean_of_the_evidence_is_the_logit() -> None:
    classifier = small_reader().classifier
    lungs = torch.rand(2, 1, 64, 64)
    local = classifier.evidence(classifier.features(lungs)).mean(dim=(1, 2, 3))
    torch.testing.assert_close(local, classifier(lungs)[0][:, 0], atol=1e-5, rtol=1e-4)


def test_exposure_and_contrast_do_not_change_the_probability() -> None:
    picture = torch.rand(1, 1, 224, 224)
    reader = small_reader()
    torch.testing.assert_close(reader(picture)[0], reader(0.5 * picture + 0.2)[0], atol=2e-3, rtol=0)


def test_each_part_of_novelty_reaches_one_at_its_limit() -> None:
    settled = Settlement(
        scale=1,
        bias=0,
        ceiling=1.0,
        outlier_limit=2.0,
        distance_limit=3.0,
        centre=torch.zeros(2),
        whitening=torch.eye(2),
        least_lung=0.1,
    )
    usual = {"lung": torch.tensor([[0.3]]), "outlier": torch.tensor([[-8.0]]), "embedding": torch.zeros(1, 2)}
    assert float(settled.novelty(**usual)) < 1
    for part, at_limit in (("lung", [[0.1]]), ("outlier", [[2.0]]), ("embedding", [[3.0, 3.0]])):
        assert float(settled.novelty(**(usual | {part: torch.tensor(at_limit)}))) == pytest.approx(1.0, abs=1e-3)


def test_a_reader_of_whole_frames_is_moved_by_what_lies_at_the_edge_and_one_of_lungs_is_not() -> None:
    picture = torch.rand(1, 1, 224, 224)
    edged = picture.clone()
    edged[:, :, :3] = 1.0
    for sees, is_moved in ((Sight.FRAME, True), (Sight.LUNGS, False)):
        reader = small_reader(sees=sees)
        reader.finder.look = lambda small: (  # type: ignore[method-assign] # lungs where this test wants them
            20 * mask_with(14, 14, 42, 42).expand(len(small), 1, MAP_SIDE, MAP_SIDE) - 10,
            torch.zeros(len(small), 1),
        )
        apart = (reader(picture)[0] - reader(edged)[0]).abs().item()
        assert (apart > 1e-4) == is_moved
