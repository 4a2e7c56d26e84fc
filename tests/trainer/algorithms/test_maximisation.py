"""Pictures that raise an output: they do, for every network, and each regulariser does what it says."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from tests.trainer.algorithms.test_temporal import CONFIG, temporal_of
from trainer.algorithms.augmentation import GREY
from trainer.algorithms.callbacks import Cancelled
from trainer.algorithms.face_network import FaceNetwork
from trainer.algorithms.maximisation import (
    MaximisationConfig,
    activation_maximise,
    image_blur,
    image_regularise,
    pictures_stretch,
    pixels_clip,
)
from trainer.algorithms.networks import network_create
from trainer.algorithms.settings import NetworkConfig

SMALL = NetworkConfig(outputs=3, input_size=32, width=4, features=8)
NETWORKS = [
    SMALL,
    NetworkConfig(outputs=2, name="alexnet", input_size=63, features=8),
    NetworkConfig(outputs=2, name="drml", input_size=66, width=4, features=8),
    NetworkConfig(outputs=2, name="resnet18", input_size=32),
]
QUICK = MaximisationConfig(steps=12)


class Stripes(FaceNetwork):
    """Output 0 likes a bright upper half, output 1 a bright left half, of the pixels as they are."""

    def __init__(self) -> None:
        super().__init__(NetworkConfig(outputs=2, input_size=32, features=1))
        self.body = nn.Identity()

    def forward(self, pixels):
        grey = pixels.mean(dim=1) / 255
        upper = grey[:, :16].mean(dim=(1, 2)) - grey[:, 16:].mean(dim=(1, 2))
        left = grey[:, :, :16].mean(dim=(1, 2)) - grey[:, :, 16:].mean(dim=(1, 2))
        return torch.stack([upper, left], dim=1)


@pytest.mark.parametrize("config", NETWORKS, ids=lambda config: config.name)
def test_every_network_s_outputs_rise(config):
    network = network_create(config, seed=1).eval()
    seeded = MaximisationConfig(steps=1, rate=0.001, decay=0, clip=0, blur=0)
    before = activation_maximise(network, seeded).scores.diagonal()
    after = activation_maximise(network, QUICK).scores.diagonal()
    assert (after > before).all()


def test_of_a_network_that_looks_along_time_the_single_frame_s_output_rises():
    network = network_create(SMALL, seed=1).eval()
    alone = activation_maximise(network, QUICK)
    network.temporal = temporal_of(replace(CONFIG, features=8))
    assert np.array_equal(activation_maximise(network, QUICK).pictures, alone.pictures)


def test_the_picture_is_what_the_output_likes():
    made = activation_maximise(Stripes(), QUICK)
    grey = made.pictures.mean(axis=3)
    assert grey[0, :12].mean() > grey[0, 20:].mean() + 50
    assert grey[1, :, :12].mean() > grey[1, :, 20:].mean() + 50
    assert made.pictures.shape == (2, 32, 32, 3) and made.scores.shape == (2, 2)


def test_the_scores_are_those_of_the_pictures_as_they_are():
    network = network_create(SMALL, seed=2).eval()
    made = activation_maximise(network, QUICK)
    pixels = torch.from_numpy(made.pictures).permute(0, 3, 1, 2).float()
    with torch.inference_mode():
        assert np.allclose(torch.sigmoid(network(pixels)).numpy(), made.scores, atol=1e-5)


def test_a_seed_gives_the_same_pictures_and_another_others():
    network = network_create(SMALL, seed=2)
    first, again = activation_maximise(network, QUICK), activation_maximise(network, QUICK)
    other = activation_maximise(network, MaximisationConfig(steps=12, seed=1))
    assert (first.pictures == again.pictures).all()
    assert (first.pictures != other.pictures).any()
    assert network.training


def test_broken_off_and_taken_up_it_ends_the_same():
    network, kept = network_create(SMALL, seed=2), {}
    whole = activation_maximise(network, QUICK, keep=lambda done, pictures: kept.update({done: pictures.copy()}))
    taken_up = activation_maximise(network, QUICK, begun=(5, kept[5]))
    assert (taken_up.pictures == whole.pictures).all()
    with pytest.raises(ValueError, match="to go on with"):
        activation_maximise(network, QUICK, begun=(5, kept[5][:1]))


def test_it_stops_when_asked():
    with pytest.raises(Cancelled):
        activation_maximise(network_create(SMALL), QUICK, cancelled=lambda: True)


def test_a_picture_doesn_t_know_of_the_others():
    network = network_create(SMALL, seed=2).eval()
    image = 10 * torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    moved = image.clone()
    moved[2] += 40 * torch.randn(3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        assert torch.allclose(network(image + GREY)[:2], network(moved + GREY)[:2], atol=1e-6)


def test_decay_takes_its_share_of_every_level():
    config = MaximisationConfig(decay=0.25, clip=0, blur=0)
    image = torch.randn(2, 3, 8, 8)
    assert torch.allclose(image_regularise(image, config, 0), 0.75 * image)


def test_clipping_empties_the_weakest_pixels_and_leaves_the_rest():
    image = torch.ones(1, 3, 2, 2)
    image[0, :, 0, 0], image[0, :, 1, 1] = torch.tensor([0.1, -0.1, 0.1]), torch.tensor([-3.0, 0.0, 0.0])
    clipped = pixels_clip(image, 0.3)
    assert clipped[0, :, 0, 0].tolist() == [0, 0, 0]
    assert (clipped[0, :, 1, 1] == image[0, :, 1, 1]).all() and (clipped[0, :, 0, 1] == 1).all()


def test_the_blur_is_gaussian():
    image = torch.zeros(1, 1, 15, 15)
    image[0, 0, 7, 7] = 1
    blurred = image_blur(image, 1.5)[0, 0]
    assert float(blurred.sum()) == pytest.approx(1, abs=1e-5)
    assert float(blurred[7, 8] / blurred[7, 7]) == pytest.approx(np.exp(-1 / (2 * 1.5**2)), abs=1e-4)


def test_clipping_and_blur_come_in_their_steps_alone():
    config = MaximisationConfig(decay=0, clip=0.5, clip_every=4, blur=1, blur_every=3)
    image = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert [not torch.equal(image_regularise(image, config, step), image) for step in range(6)] == [
        False, False, True, True, False, True
    ]  # fmt: skip


def test_a_stretched_picture_reaches_from_black_to_white_about_grey():
    image = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 0.01
    shown = pictures_stretch(image)
    assert int(shown.min()) == 0 and int(shown.max()) == 255
    assert float(shown.float().mean()) == pytest.approx(GREY, abs=3)
    assert int(pictures_stretch(torch.zeros(1, 3, 4, 4)).unique()) == 128
