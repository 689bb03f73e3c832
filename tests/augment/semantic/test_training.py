import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("timm", reason="training needs the extra 'train'")

import torch
from torch import nn

from fer_core.augment.semantic import training
from fer_core.augment.semantic.images import to_rgb, to_vae_gan
from fer_core.augment.semantic.measuring import measure
from fer_core.augment.semantic.recipe import VaeGanRecipe, shipped_vae_gans
from fer_core.augment.semantic.sampling import SemanticAugmenter, load_augmenter
from fer_core.augment.semantic.training import CHECKPOINT, VAE_GAN, follow, train_vae_gan
from fer_core.data.alignment import ALIGNMENTS
from fer_core.data.shards import encode_crop
from fer_core.labels import EXPRESSIONS
from fer_core.losses.perceptual import PerceptualLoss
from fer_core.models.backbones import create_backbone
from fer_core.train.checkpoint import load_checkpoint
from fer_core.train.journal import LOG
from fer_core.train.options import RecipeError

#: Five steps an epoch of 23 rated faces.
TINY = VaeGanRecipe(
    size_px=16, width=2, latent=4, embedding=2, attention=False, epochs=2, batch_size=4, checkpoint_every=2
)
original_perceptual_loss = training.perceptual_loss


@pytest.fixture(scope="module", autouse=True)
def random_features():
    """A small random network instead of the one with ImageNet weights, the same each time."""

    def perceptual_loss(recipe):
        with torch.random.fork_rng():
            torch.manual_seed(5)
            return PerceptualLoss(create_backbone("test_efficientnet", imagenet=False), range(recipe.perceptual_depths))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "perceptual_loss", perceptual_loss)
        yield


@pytest.fixture(scope="module")
def shards(toys):
    return [toys.toy_faces()]


@pytest.fixture(scope="module")
def whole_run(shards, tmp_path_factory):
    return train_vae_gan(replace(TINY, samples=3), shards, tmp_path_factory.mktemp("whole"))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(shipped_vae_gans()))
def test_shipped_vae_gan_trains_at_its_size(name, shards, tmp_path):
    tiny = replace(shipped_vae_gans()[name], width=2, latent=4, embedding=2, epochs=1, batch_size=8, samples=2)
    made = load_augmenter(train_vae_gan(tiny, shards, tmp_path))
    assert made.recipe["size_px"] == shipped_vae_gans()[name].size_px


def interrupt_at(patch: pytest.MonkeyPatch, step: int) -> None:
    original, done = training.gaussian_kl, 0

    def dying(*args):
        nonlocal done
        if done == step:
            raise KeyboardInterrupt
        done += 1
        return original(*args)

    patch.setattr(training, "gaussian_kl", dying)


def assert_equal(first: object, second: object, where: str = "") -> None:
    if isinstance(first, torch.Tensor):
        assert torch.equal(first, second), where
    elif isinstance(first, dict):
        assert first.keys() == second.keys(), where
        for key in first:
            assert_equal(first[key], second[key], f"{where}.{key}")
    elif isinstance(first, list | tuple):
        assert len(first) == len(second), where
        for n, (a, b) in enumerate(zip(first, second, strict=True)):
            assert_equal(a, b, f"{where}[{n}]")
    else:
        assert first == second, where


@pytest.mark.parametrize("step", [3, 7], ids=["in the first epoch", "in the second, between checkpoints"])
def test_train_vae_gan_resumed_equals_whole_bit_for_bit(shards, whole_run, tmp_path, step):
    with pytest.MonkeyPatch.context() as patch:
        interrupt_at(patch, step)
        with pytest.raises(KeyboardInterrupt):
            train_vae_gan(TINY, shards, tmp_path)
    torch.manual_seed(999)
    resumed = train_vae_gan(TINY, shards, tmp_path)
    states = [load_checkpoint(path.with_name(CHECKPOINT))["states"] for path in (resumed, whole_run)]
    assert_equal(*states)
    made = [torch.load(path, weights_only=True) for path in (resumed, whole_run)]
    for content in made:
        content.pop("recipe")
    assert_equal(*made)


def test_train_vae_gan_of_another_seed_is_another(shards, whole_run, tmp_path):
    other = torch.load(train_vae_gan(replace(TINY, seed=2), shards, tmp_path), weights_only=True)
    before = torch.load(whole_run, weights_only=True)
    assert not torch.equal(other["augmenter"]["roots"], before["augmenter"]["roots"])


def test_train_vae_gan_writes_what_it_says(whole_run):
    names = {p.name for p in whole_run.parent.iterdir()}
    assert names == {CHECKPOINT, VAE_GAN, LOG, "reconstructions.png", "augmented.png", "samples"}
    written = sorted(str(p.relative_to(whole_run.parent / "samples")) for p in whole_run.parent.rglob("samples/*/*/*"))
    assert written == [f"train/{name}/{n:05d}.png" for name in ("happiness", "sadness") for n in range(3)]
    saved = load_augmenter(whole_run)
    assert saved.geometry["size_px"] == 32
    counts = dict(zip(EXPRESSIONS, saved.augmenter.count.tolist(), strict=True))
    assert {k: v for k, v in counts.items() if v} == {"happiness": 12, "sadness": 11}  # the unlabelled face is left out


def test_train_vae_gan_that_is_done_does_nothing_more_but_samples(shards, whole_run):
    before = whole_run.read_bytes()
    train_vae_gan(replace(TINY, samples=4), shards, whole_run.parent)
    assert whole_run.read_bytes() == before
    assert len(list((whole_run.parent / "samples" / "train" / "sadness").iterdir())) == 4


def test_train_vae_gan_refuses_another_recipe_and_too_little_data(shards, whole_run, tmp_path):
    with pytest.raises(RecipeError, match="a run of another recipe; name another --out"):
        train_vae_gan(replace(TINY, width=3), shards, whole_run.parent)
    with pytest.raises(RecipeError, match="23 training images with an expression do not fill one batch of 64"):
        train_vae_gan(replace(TINY, batch_size=64), shards, tmp_path)


def test_train_vae_gan_refuses_faces_aligned_otherwise(shards, whole_run, tmp_path):
    other = replace(shards[0], geometry=ALIGNMENTS["eyes"])
    with pytest.raises(RecipeError, match="the shards differ in how their faces were aligned"):
        train_vae_gan(TINY, [*shards, other], tmp_path)
    with pytest.raises(RecipeError, match=rf"{CHECKPOINT}: of faces aligned otherwise than those of the shards"):
        train_vae_gan(TINY, [other], whole_run.parent)


def test_train_vae_gan_learns_to_rebuild(shards, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "_LOG_EVERY", 1)
    recipe = replace(TINY, width=4, latent=8, epochs=16, learning_rate=1e-2, momentum=0.5, ema_decay=0.8)
    train_vae_gan(recipe, shards, tmp_path)
    records = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    steps = [r for r in records if "total" in r]
    assert steps[0]["kl_weight"] == 0
    assert steps[-1]["kl_weight"] == recipe.kl_weight
    assert np.mean([r["l1"] for r in steps[-5:]]) < 0.5 * steps[0]["l1"]
    valid = [r["valid"]["l1"] for r in records if "valid" in r]
    assert valid[-1] < 0.5 * valid[0]


@pytest.mark.parametrize("size_px", [48, 64, 100])
def test_train_vae_gan_at_the_sizes_of_the_paper(toys, tmp_path, size_px):
    recipe = replace(TINY, size_px=size_px, attention=True, epochs=1, colour=size_px == 100)
    augmenter = load_augmenter(train_vae_gan(recipe, [toys.toy_faces(train=9, valid=2)], tmp_path)).augmenter
    made = augmenter.augment(torch.zeros(2, 3, 32, 32), torch.tensor([1, 3]), 0.5, np.random.default_rng(0))
    assert made.shape == (2, 3, 32, 32)
    assert made.isfinite().all()


def test_follow_averages_all_but_the_vectors_of_spectral_norm(toys):
    kept, new = toys.toy_augmenter().generator, toys.toy_augmenter().generator
    with torch.no_grad():
        for tensor in new.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(1)
    before = {name: tensor.clone() for name, tensor in kept.state_dict().items()}
    follow(kept, new, 0.75)
    for name, tensor in kept.state_dict().items():
        if tensor.is_floating_point():
            moved = 1.0 if name.endswith(("._u", "._v")) else 0.25
            torch.testing.assert_close(tensor, before[name] + moved)


def test_perceptual_loss_takes_the_weights_of_a_file(tmp_path):
    network = create_backbone("test_efficientnet", imagenet=False)
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    recipe = replace(TINY, perceptual_network="test_efficientnet", perceptual_weights=str(tmp_path / "weights.pt"))
    loss = original_perceptual_loss(recipe)
    first, second = next(loss.network.parameters()), next(network.parameters())
    assert torch.equal(first, second)
    with pytest.raises(RecipeError, match="no package with ImageNet weights is known for test_efficientnet"):
        original_perceptual_loss(replace(recipe, perceptual_weights=""))
    with pytest.raises(RecipeError, match=r"perceptual_depths 9: depths must lie in 0\.\.4: \w+ gives 5 feature maps"):
        original_perceptual_loss(replace(recipe, perceptual_depths=9))


@pytest.mark.parametrize("colour", [False, True])
def test_measure_compares_reconstructions_with_what_the_generator_aims_at(toys, colour):
    """Of a generator that remakes its input whatever the colours, the difference is 0."""
    size = replace(toys.SIZE, size_px=32, channels=3 if colour else 1)
    augmenter = Copying(size)
    tint = np.array([200, 40, 90]) + np.arange(32 * 32).reshape(32, 32, 1) % 50
    jpeg = encode_crop(tint.astype(np.uint8))
    shard = toys.toy_faces()
    found = measure(augmenter, [replace(shard, jpegs=[jpeg] * len(shard))], Bright(), 0.5, per_class=5)
    assert found["l1"] < 1e-5


class Copying(SemanticAugmenter):
    """Gives the image back, as its generator would at best."""

    def __init__(self, size):
        super().__init__(size)
        self.count.fill_(10)

    def augment(self, image_rgb, label, strength, rng):
        return to_rgb(to_vae_gan(image_rgb, self.size.size_px, self.size.channels), image_rgb.shape[-1])


class Bright(nn.Module):
    """Sees happiness where the upper half is brighter, else sadness; its features are the two means."""

    def forward(self, image_rgb):
        half = image_rgb.shape[-1] // 2
        features = torch.stack([image_rgb[..., :half, :].mean((1, 2, 3)), image_rgb[..., half:, :].mean((1, 2, 3))], 1)
        logits = torch.full((len(features), len(EXPRESSIONS)), -1e3)
        logits[:, EXPRESSIONS.index("happiness")] = features[:, 0]
        logits[:, EXPRESSIONS.index("sadness")] = features[:, 1]
        return features, logits


def test_measure_tells_photographs_from_what_was_made_of_them(shards, whole_run):
    found = measure(load_augmenter(whole_run).augmenter, shards, Bright(), 0.5, per_class=5)
    assert found["faces"] == {"train": 10, "valid": 8, "remade": 10, "augmented": 10}
    assert found["seen_as_labelled"]["train"] == found["seen_as_labelled"]["valid"] == 1
    assert 0 <= found["seen_as_labelled"]["augmented"] <= 1
    assert found["fid"]["remade"] > found["fid"]["valid"] >= 0  # two epochs make grey squares
    assert 0 < found["l1"] < 1
    assert found["memorising"]["median_generated"] > found["memorising"]["median_held_out"]
    json.dumps(found, allow_nan=False)
