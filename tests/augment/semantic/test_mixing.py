from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("timm", reason="training needs the extra 'train'")

import torch

from fer_core.augment.semantic.mixing import augment_some
from fer_core.data.alignment import ALIGNMENTS
from fer_core.data.dataset import Batch, ShardDataset
from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_core.train import trainer
from fer_core.train.checkpoint import load_checkpoint
from fer_core.train.options import RecipeError
from fer_core.train.parts import check, mixing_of, sampler_of
from fer_core.train.recipe import Recipe, Stage, load_recipe
from fer_core.train.trainer import train

TINY = Recipe(
    backbone="test_efficientnet",
    imagenet=False,
    losses={"votes": {"weight": 1.0}},
    batch_size=8,
    stages=(Stage(1, 32), Stage(2, 32)),
    checkpoint_every=2,
)


def batch_of(labels: list[int]) -> Batch:
    """Random faces; -1 is one without votes."""
    votes = torch.full((len(labels), len(EXPRESSIONS)), torch.nan)
    for row, label in enumerate(labels):
        if label >= 0:
            votes[row] = torch.nn.functional.one_hot(torch.tensor(label), len(EXPRESSIONS))
    count = len(labels)
    image = torch.randint(0, 256, (count, 3, 20, 20), generator=torch.Generator().manual_seed(0)).float()
    return Batch(image, votes, torch.zeros(count, 2), torch.zeros(count, len(ACTION_UNITS)), torch.ones(count, 1))


@pytest.fixture
def file(toys, tmp_path) -> Path:
    """A VAE-GAN on disk."""
    augmenter = toys.toy_augmenter()
    path = tmp_path / "vae_gan.pt"
    content = {
        "recipe": {},
        "geometry": toys.toy_faces().geometry.to_dict(),
        "size": asdict(toys.SIZE),
        "augmenter": augmenter.state_dict(),
    }
    torch.save(content, path)
    return path


def changed_rows(before: Batch, after: Batch) -> list[int]:
    return [n for n in range(len(before)) if not torch.equal(before.image_rgb[n], after.image_rgb[n])]


def test_augment_some_changes_images_and_what_is_no_longer_known(toys):
    batch = batch_of([0, 1, 2, 3])
    images = batch.image_rgb.clone()
    after = augment_some(batch, toys.toy_augmenter(), 1.0, 0.5, np.random.default_rng(0))
    assert changed_rows(batch, after) == [0, 1, 2, 3]
    assert torch.equal(after.votes, batch.votes)
    assert after.va.isnan().all()
    assert after.au.isnan().all()
    assert torch.equal(batch.image_rgb, images)
    assert not batch.va.isnan().any()


def test_augment_some_changes_the_asked_share(toys):
    batch = batch_of([n % 7 for n in range(400)])
    after = augment_some(batch, toys.toy_augmenter(), 0.5, 0.5, np.random.default_rng(0))
    changed = changed_rows(batch, after)
    assert len(changed) == pytest.approx(200, abs=30)
    assert after.va.isnan().all(dim=1).nonzero()[:, 0].tolist() == changed
    assert changed_rows(batch, augment_some(batch, toys.toy_augmenter(), 0.0, 0.5, np.random.default_rng(0))) == []


def test_augment_some_leaves_faces_without_votes_and_unknown_classes(toys):
    batch = batch_of([0, -1, 7, 2])
    after = augment_some(batch, toys.toy_augmenter(seen=7), 1.0, 0.5, np.random.default_rng(0))
    assert changed_rows(batch, after) == [0, 3]
    assert not after.va[1:3].isnan().any()


def test_mixing_semantic_stops_for_the_last_epochs(file):
    mixing = {"name": "semantic", "file": str(file), "ratio": 1.0, "original_epochs": 2}
    mixing_at = mixing_of(replace(TINY, mixing=mixing))
    batch = batch_of([0, 1, 2])
    seen = [mixing_at(epoch)(batch, np.random.default_rng(0)) for epoch in range(3)]
    assert [len(changed_rows(batch, view.batch)) for (view,) in seen] == [3, 0, 0]


def test_sampler_expression_gives_the_last_epochs_as_they_are(toys):
    recipe = replace(TINY, sampler={"name": "expression", "original_epochs": 1})
    order_of = sampler_of(recipe)(ShardDataset([toys.toy_faces()], "train", None, 1), recipe)
    assert [order_of(epoch) is None for epoch in range(3)] == [False, False, True]


def test_train_refuses_a_vae_gan_of_faces_aligned_otherwise(toys, file, tmp_path):
    recipe = replace(TINY, mixing={"name": "semantic", "file": str(file)})
    with pytest.raises(RecipeError, match=rf"{file}: of faces aligned otherwise than those of the shards"):
        train(recipe, [replace(toys.toy_faces(), geometry=ALIGNMENTS["eyes"])], tmp_path / "out")


def test_train_with_semantic_augmentation_resumes_bit_for_bit(toys, file, tmp_path, monkeypatch):
    mixing = {"name": "semantic", "file": str(file), "ratio": 0.5, "strength": 0.5, "original_epochs": 1}
    recipe = replace(TINY, mixing=mixing, sampler={"name": "expression"})
    shards = [toys.toy_faces()]
    plain = load_checkpoint(train(replace(recipe, mixing={"name": "none"}), shards, tmp_path / "plain"))
    whole = load_checkpoint(train(recipe, shards, tmp_path / "whole"))
    original, done = trainer.add_up, 0

    def dying(*args):
        nonlocal done
        done += 1
        if done == 6:
            raise KeyboardInterrupt
        return original(*args)

    with monkeypatch.context() as patch:
        patch.setattr(trainer, "add_up", dying)
        with pytest.raises(KeyboardInterrupt):
            train(recipe, shards, tmp_path / "broken")
    resumed = load_checkpoint(train(recipe, shards, tmp_path / "broken"))
    for name, tensor in whole["states"]["average"].items():
        assert torch.equal(tensor, resumed["states"]["average"][name]), name
    weight = "module.expression.weight"
    assert not torch.equal(whole["states"]["average"][weight], plain["states"]["average"][weight])


@pytest.mark.parametrize(
    ("mixing", "complaint"),
    [
        ({"file": "none.pt"}, "there is no VAE-GAN 'none.pt'; make one: fer-core train vae_gan"),
        ({"file": "", "ratio": 0.5}, "there is no VAE-GAN ''"),
        ({"ratio": 1.5}, "ratio must be 0 to 1"),
        ({"strength": -1.0}, "strength 0 or more"),
        ({"original_epochs": -1}, "original_epochs: expected 0 or more"),
        ({"original_epoch": 1}, "unknown key 'original_epoch'"),
    ],
)
def test_check_refuses_semantic_options_that_do_not_work(mixing, complaint, file):
    with pytest.raises(RecipeError, match=complaint):
        check(replace(TINY, mixing={"name": "semantic", "file": str(file), **mixing}))


def test_check_refuses_semantic_augmentation_of_clips(file):
    recipe = load_recipe("cnn_gru", {"mixing": f'{{ name = "semantic", file = "{file}" }}'})
    with pytest.raises(RecipeError, match="semantic makes single faces"):
        check(recipe)
