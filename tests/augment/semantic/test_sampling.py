import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'")

import torch

from fer_core.augment.semantic.images import to_rgb, to_vae_gan
from fer_core.augment.semantic.sampling import load_augmenter
from fer_core.models.multitask import LUMA
from fer_core.train.options import RecipeError


def test_move_draws_from_the_distribution_of_equation_4(toys):
    augmenter = toys.toy_augmenter()
    label, mean = torch.full((20000,), 3), torch.tensor([1.0, -2.0, 0.5, 3.0])
    moved = augmenter.move(mean.repeat(20000, 1), label, 0.5, np.random.default_rng(0)).double().numpy()
    covariance = (augmenter.roots[3] @ augmenter.roots[3]).numpy()
    scale = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(moved.mean(axis=0), mean, atol=0.03 * scale.max())
    found = np.cov(moved, rowvar=False)
    np.testing.assert_allclose(found, 0.5 * covariance, atol=0.03 * 0.5 * np.abs(covariance).max())


def test_move_by_nothing_gives_the_encoding_back(toys):
    encoding = torch.randn(2, 4)
    moved = toys.toy_augmenter().move(encoding, torch.tensor([0, 1]), 0.0, np.random.default_rng(0))
    assert torch.equal(moved, encoding)


def test_augment_depends_on_its_chance_alone(toys):
    augmenter = toys.toy_augmenter()
    faces, label = torch.randint(0, 256, (3, 3, 20, 20)).float(), torch.tensor([0, 1, 2])
    first, again, other = (augmenter.augment(faces, label, 0.5, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.shape == faces.shape
    assert first.min() >= 0
    assert first.max() <= 255
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(first[:, 0], first[:, 1])  # one channel, three times


def test_move_refuses_classes_that_training_did_not_show(toys):
    augmenter = toys.toy_augmenter(seen=7)
    assert augmenter.knows(torch.tensor([6, 7])).tolist() == [True, False]
    with pytest.raises(ValueError, match=r"classes \[7\] had fewer than two faces"):
        augmenter.move(torch.zeros(2, 4), torch.tensor([0, 7]), 0.5, np.random.default_rng(0))
    with pytest.raises(ValueError, match="strength must be 0 or more"):
        augmenter.move(torch.zeros(1, 4), torch.tensor([0]), -1.0, np.random.default_rng(0))


def test_images_go_there_and_back():
    crop = torch.randint(0, 256, (2, 3, 16, 16)).float()
    luminance = to_vae_gan(crop, 16, 1)
    expected = torch.einsum("bchw,c->bhw", crop, torch.tensor(LUMA))[:, None]
    torch.testing.assert_close(to_rgb(luminance, 16), expected.expand(-1, 3, -1, -1), rtol=0, atol=1e-3)
    torch.testing.assert_close(to_rgb(to_vae_gan(crop, 16, 3), 16), crop, rtol=0, atol=1e-3)
    assert to_vae_gan(crop, 24, 1).shape == (2, 1, 24, 24)


def test_load_augmenter_says_what_is_wrong_and_what_to_do(tmp_path):
    with pytest.raises(RecipeError, match=r"No such file.*fer-core train vae_gan"):
        load_augmenter(tmp_path / "none.pt")
    torch.save({"states": {}}, tmp_path / "other.pt")
    with pytest.raises(RecipeError, match=r"is no VAE-GAN of this version.*fer-core train vae_gan"):
        load_augmenter(tmp_path / "other.pt")
