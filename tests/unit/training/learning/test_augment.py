"""Augmentation: nothing changes where nothing is asked for, a seed repeats it, and it does what its name says."""

import numpy as np
import pytest
import torch
from made.chests import drawn_chest
from torch import Generator, Tensor

from lingula.training.learning.augment import erased, exposed, pose, recompressed, sampled
from lingula.training.learning.examples import LabelledExamples, as_tensor
from lingula.training.learning.losses import UNKNOWN_FINDING
from lingula.training.learning.views import Batch, as_they_are, augmented
from lingula.training.recipe import AugmentRecipe, ClassifierRecipe, LossRecipe, NetworkRecipe, Schedule, Sight

COUNT = 12
CHESTS = [drawn_chest(number, has_opacity=number % 2 == 1) for number in range(COUNT)]
PIXELS = np.stack([chest.pixels for chest in CHESTS])
PICTURES = as_tensor(PIXELS)
FRAMES = torch.tensor([[0.0, 0.0, 1.0, 1.0]]).expand(COUNT, 4)
ROWS = torch.arange(COUNT)
NOTHING = AugmentRecipe.nothing()
HUNDREDTH = 4e-5  # of a grey level of 255


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def seeded(seed: int = 1) -> Generator:
    return Generator().manual_seed(seed)


def examples(*, has_lungs: bool = True) -> LabelledExamples:
    masks = torch.from_numpy(np.stack([chest.mask for chest in CHESTS]))[:, None].float() / 255
    masks = torch.nn.functional.avg_pool2d(masks, 4)
    targets = np.array([chest.has_opacity for chest in CHESTS], np.float32)
    return LabelledExamples(
        pictures=PIXELS,
        targets=targets,
        findings=targets.astype(np.int64),
        masks=masks if has_lungs else torch.zeros_like(masks),
    )


def recipe(
    augment: AugmentRecipe, *, sees: Sight = Sight.LUNGS, side: int = 144, smoothing: float = 0.0
) -> ClassifierRecipe:
    return ClassifierRecipe(
        schedule=Schedule(epochs=1, batch=4, learning_rate=1e-3),
        network=NetworkRecipe(sees=sees, side=side),
        loss=LossRecipe(label_smoothing=smoothing),
        augment=augment,
    )


def only(**more: float) -> AugmentRecipe:
    return NOTHING.model_copy(update=more)


def batch(augment: AugmentRecipe, seed: int = 1) -> Batch:
    return augmented(examples(), ROWS, recipe(augment), seeded(seed))


def same(first: Tensor, second: Tensor) -> list[bool]:
    """Tell which of two batches' pictures are the same."""
    return [torch.equal(one, other) for one, other in zip(first, second, strict=True)]


@pytest.mark.parametrize("sees", Sight)
def test_a_recipe_without_augmentation_trains_on_what_the_package_sees(sees: Sight) -> None:
    still = recipe(NOTHING, sees=sees)
    changed = augmented(examples(), ROWS, still, seeded())
    torch.testing.assert_close(
        changed.pictures, as_they_are(examples(), slice(None), still.network), rtol=0, atol=HUNDREDTH
    )
    assert changed.targets[:, 0].tolist() == examples().targets.tolist()
    assert changed.findings.tolist() == examples().findings.tolist()


def test_the_whole_frame_at_its_own_side_is_the_picture_itself() -> None:
    still = recipe(NOTHING, sees=Sight.FRAME, side=224)
    changed = augmented(examples(has_lungs=False), ROWS, still, seeded())
    torch.testing.assert_close(changed.pictures, PICTURES, rtol=0, atol=HUNDREDTH)


def test_each_step_left_at_nothing_leaves_the_picture() -> None:
    torch.testing.assert_close(
        sampled(PICTURES, pose(FRAMES, seeded(), NOTHING), 224), PICTURES, rtol=0, atol=HUNDREDTH
    )
    torch.testing.assert_close(exposed(PICTURES, seeded(), exposure=0, sharpness=0), PICTURES, rtol=0, atol=HUNDREDTH)
    assert torch.equal(erased(PICTURES, 0, seeded()), PICTURES)
    assert np.array_equal(recompressed(PIXELS, 0, seeded()), PIXELS)


def test_a_seed_repeats_everything_and_another_seed_does_not() -> None:
    everything = AugmentRecipe(mixup=0.4, erase=0.5, swap_surroundings=0.5, blank_lungs=0.3)
    one, two, other = batch(everything, 1), batch(everything, 1), batch(everything, 2)
    assert torch.equal(one.pictures, two.pictures)
    assert torch.equal(one.targets, two.targets)
    assert not torch.equal(one.pictures, other.pictures)


@pytest.mark.parametrize("name", sorted(set(AugmentRecipe.model_fields) - {"mixup", "erase", "flip"}))
def test_every_value_of_the_recipe_changes_pictures(name: str) -> None:
    changed = batch(only(**{name: 0.9})).pictures
    assert same(changed, batch(NOTHING).pictures).count(True) < COUNT / 2


def test_a_picture_that_is_surely_flipped_is_its_mirror_image() -> None:
    flipped = sampled(PICTURES, pose(FRAMES, seeded(), only(flip=1.0)), 224)
    torch.testing.assert_close(flipped, PICTURES.flip(3), rtol=0, atol=HUNDREDTH)


def test_turning_goes_both_ways_and_not_beyond_its_limit() -> None:
    theta = pose(torch.tensor([[0.0, 0.0, 1.0, 1.0]]).expand(500, 4), seeded(), only(rotation=30.0))
    degrees = torch.rad2deg(torch.atan2(theta[:, 1, 0], theta[:, 0, 0]))
    assert -30 <= float(degrees.min()) < -25
    assert 25 < float(degrees.max()) <= 30


def test_a_shift_is_a_share_of_the_box_and_not_beyond_its_limit() -> None:
    boxes = torch.tensor([[0.25, 0.25, 0.75, 0.75]]).expand(500, 4)
    moved = pose(boxes, seeded(), only(shift=0.2))[:, :, 2]  # the frame is -1 to 1, so the box's width is 1
    assert 0.18 < float(moved.abs().max()) <= 0.2


def test_blanked_lungs_are_undecided_and_teach_no_finding() -> None:
    blanked = batch(only(blank_lungs=0.5))
    still = same(blanked.pictures, batch(NOTHING).pictures)
    assert 0 < still.count(True) < COUNT
    for row, is_still in enumerate(still):
        assert (float(blanked.targets[row]) == 0.5) is not is_still
        assert (int(blanked.findings[row]) == UNKNOWN_FINDING) is not is_still


def test_swapped_surroundings_leave_the_lungs_and_the_target() -> None:
    swapped, before = batch(only(swap_surroundings=1.0)), batch(NOTHING)
    middle = (slice(None), slice(None), slice(60, 84), slice(26, 46))  # inside the left lung of every drawn chest
    torch.testing.assert_close(swapped.pictures[middle], before.pictures[middle], rtol=0, atol=1e-4)
    assert not torch.allclose(swapped.pictures, before.pictures)
    assert torch.equal(swapped.targets, before.targets)


def test_erasing_covers_at_most_a_third_of_each_side_with_the_mean() -> None:
    covered = erased(PICTURES, 1.0, seeded()) != PICTURES
    for picture in covered[:, 0]:
        assert 0 < int(picture.any(dim=0).sum()) <= 224 * 0.33
        assert 0 < int(picture.any(dim=1).sum()) <= 224 * 0.33


def test_mixing_mixes_targets_as_it_mixes_pictures() -> None:
    drawn = (batch(only(mixup=0.5), seed) for seed in range(20))
    mixed = next(one for one in drawn if 0.05 < one.share < 0.95)
    before = batch(NOTHING)
    expected = mixed.share * before.pictures + (1 - mixed.share) * before.pictures[mixed.order]
    torch.testing.assert_close(mixed.pictures, expected, rtol=0, atol=HUNDREDTH)
    targets = mixed.share * before.targets + (1 - mixed.share) * before.targets[mixed.order]
    torch.testing.assert_close(mixed.targets, targets)


def test_noise_stays_between_black_and_white() -> None:
    changed = exposed(PICTURES, seeded(), exposure=2.0, sharpness=2.0)
    assert float(changed.min()) >= 0.0
    assert float(changed.max()) <= 1.0


def test_smoothing_is_of_the_target_not_of_what_is_undecided() -> None:
    smoothed = augmented(examples(), ROWS, recipe(NOTHING, smoothing=0.1), seeded())
    assert sorted(set(smoothed.targets[:, 0].tolist())) == pytest.approx([0.05, 0.95])
