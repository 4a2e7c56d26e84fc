"""Augmentation: shape and layout, seeds, nothing from nothing, exact mirrors, borders, light."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from trainer.algorithms.augmentation import batch_augment
from trainer.algorithms.settings import AugmentationConfig

NOTHING = AugmentationConfig(flip=0, rotation=0, scale=0, shift=0, brightness=0, colour=0)
CLOSE = 0.02  # grey levels: what single precision leaves of places


def faces_make(batch: int = 6, side: int = 32, seed: int = 1) -> Tensor:
    """Smooth random pictures, (B, 3, S, S) from 0 to 255, channels last as the loop gives them."""
    rough = torch.rand(batch, 3, 8, 8, generator=torch.Generator().manual_seed(seed)) * 255
    smooth = F.interpolate(rough, (side, side), mode="bilinear", align_corners=False)
    return smooth.contiguous(memory_format=torch.channels_last)


def augmented(pixels: Tensor, config: AugmentationConfig, seed: int = 3) -> Tensor:
    return batch_augment(pixels, config, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("batch", "side"), [(1, 32), (5, 47), (2, 64)])
def test_shape_type_and_layout_stay(batch: int, side: int) -> None:
    pixels = faces_make(batch, side)
    changed = augmented(pixels, AugmentationConfig())
    assert (changed.shape, changed.dtype) == (pixels.shape, torch.float32)
    assert changed.is_contiguous(memory_format=torch.channels_last)
    assert not torch.allclose(changed, pixels, atol=1)


def test_the_faces_given_are_left_as_they_are() -> None:
    pixels = faces_make()
    before = pixels.clone()
    augmented(pixels, AugmentationConfig())
    augmented(pixels, NOTHING).add_(1)
    assert torch.equal(pixels, before)


def test_the_seed_alone_decides_and_the_global_generator_is_left_alone() -> None:
    pixels, config = faces_make(), AugmentationConfig()
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    first = augmented(pixels, config, seed=1)
    assert torch.equal(torch.rand(3), expected)
    torch.manual_seed(8)
    assert torch.equal(augmented(pixels, config, seed=1), first)
    assert not torch.equal(augmented(pixels, config, seed=2), first)


def test_a_generator_goes_on_from_batch_to_batch() -> None:
    generator = torch.Generator().manual_seed(1)
    pixels, config = faces_make(), AugmentationConfig()
    first, second = (batch_augment(pixels, config, generator) for _ in range(2))
    assert not torch.equal(first, second)


def test_nothing_asked_for_changes_nothing() -> None:
    pixels = faces_make()
    assert torch.allclose(augmented(pixels, NOTHING), pixels, atol=CLOSE)


@pytest.mark.parametrize("side", [32, 47])
def test_flip_mirrors_left_and_right_exactly(side: int) -> None:
    pixels = faces_make(side=side)
    assert torch.allclose(augmented(pixels, replace(NOTHING, flip=1)), pixels.flip(3), atol=CLOSE)


def test_about_as_many_faces_are_mirrored_as_asked_for() -> None:
    pixels = faces_make(batch=1, side=8).expand(400, -1, -1, -1)
    changed = augmented(pixels, replace(NOTHING, flip=0.3))
    mirrored = (changed - pixels.flip(3)).abs().amax(dim=(1, 2, 3)) < CLOSE
    same = (changed - pixels).abs().amax(dim=(1, 2, 3)) < CLOSE
    assert (mirrored ^ same).all()
    assert 0.2 < mirrored.float().mean() < 0.4


def test_borders_repeat_where_a_face_has_moved_away() -> None:
    pixels = torch.full((40, 3, 32, 32), 200.0)
    moved = augmented(pixels, replace(NOTHING, shift=0.5, rotation=45, scale=0.5))
    assert torch.allclose(moved, pixels, atol=CLOSE)


def test_a_shift_moves_a_face_by_its_share_of_the_side_at_most() -> None:
    pixels = torch.zeros(200, 3, 40, 40)
    pixels[:, :, 20, 20] = 255
    moved = augmented(pixels, replace(NOTHING, shift=0.1))
    places = torch.arange(40.0)
    mass = moved[:, 0].sum(dim=(1, 2))
    across = (moved[:, 0].sum(dim=1) * places).sum(dim=1) / mass - 20
    down = (moved[:, 0].sum(dim=2) * places).sum(dim=1) / mass - 20
    for offsets in (across, down):
        assert offsets.abs().max() <= 4.01
        assert offsets.min() < -3
        assert offsets.max() > 3


def test_turn_and_size_keep_the_middle_and_stay_in_their_range() -> None:
    pixels = torch.zeros(200, 3, 41, 41)
    pixels[:, :, 20, 4:37] = 255  # a line through the middle
    turned = augmented(pixels, replace(NOTHING, rotation=10))[:, 0]
    assert torch.allclose(turned[:, 20, 20], torch.tensor(255.0), atol=CLOSE)
    rows = (turned[:, :, 32] * torch.arange(41.0)).sum(dim=1) / turned[:, :, 32].sum(dim=1) - 20
    degrees = torch.atan(rows / 12) * 180 / torch.pi
    assert degrees.abs().max() < 11
    assert degrees.max() > 8
    assert degrees.min() < -8
    lengths = augmented(pixels, replace(NOTHING, scale=0.2))[:, 0, 20].sum(dim=1) / 255 / 33
    assert 0.78 < lengths.min() < 0.85
    assert 1.15 < lengths.max() < 1.22


def test_mean_light_stays_about_middle_grey() -> None:
    pixels = torch.full((2000, 3, 8, 8), 127.5) + torch.tensor([[-60.0, 60.0]]).repeat(1, 4)
    changed = augmented(pixels, replace(NOTHING, brightness=0.2, colour=0.2))
    means = changed.mean(dim=(2, 3))
    assert abs(float(means.mean()) - 127.5) < 1
    assert means.std() > 5
    spread = changed.std(dim=(2, 3)) / pixels.std(dim=(2, 3))
    assert abs(float(spread.mean()) - 1) < 0.02
    assert spread.min() < 0.8
    assert spread.max() > 1.2


def test_brightness_is_of_the_whole_face_and_colour_of_each_channel() -> None:
    pixels = torch.full((50, 3, 8, 8), 100.0)
    grey = augmented(pixels, replace(NOTHING, brightness=0.2)).mean(dim=(2, 3))  # (B, 3)
    tinted = augmented(pixels, replace(NOTHING, colour=0.2)).mean(dim=(2, 3))
    assert torch.allclose(grey[:, 0], grey[:, 2], atol=CLOSE)
    assert grey.std() > 2
    assert (tinted[:, 0] - tinted[:, 2]).abs().mean() > 2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_seed_means_the_same_on_a_cuda_device() -> None:
    pixels, config = faces_make(), AugmentationConfig()
    before = torch.cuda.get_rng_state()
    there = batch_augment(pixels.cuda(), config, torch.Generator().manual_seed(3))
    assert torch.allclose(there.cpu(), augmented(pixels, config), atol=0.1)
    assert torch.equal(torch.cuda.get_rng_state(), before)
