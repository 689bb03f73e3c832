from dataclasses import asdict, replace

import pytest

from fer_core.augment.semantic.recipe import (
    MIRRORED,
    VaeGanRecipe,
    load_vae_gan_recipe,
    names_vae_gan,
    shipped_vae_gans,
    vae_gan_recipe,
)
from fer_core.train.options import RecipeError
from fer_core.train.recipe import shipped_recipes


def test_shipped_vae_gans_are_described_and_not_among_the_classifiers():
    shipped = shipped_vae_gans()
    assert {recipe.size_px for recipe in shipped.values()} >= {48, 64, 100}
    for name, recipe in shipped.items():
        assert recipe.description, name
        assert load_vae_gan_recipe(name) == recipe
        assert names_vae_gan(name)
    assert not shipped.keys() & shipped_recipes().keys()


def test_names_vae_gan_reads_the_kind_of_a_file(tmp_path):
    mine, other, broken = tmp_path / "mine.toml", tmp_path / "other.toml", tmp_path / "broken.toml"
    mine.write_text('kind = "vae_gan"\nsize_px = 64\n')
    other.write_text("seed = 3\n")
    broken.write_text("kind = ")
    assert names_vae_gan(str(mine))
    assert not names_vae_gan(str(other))
    assert not names_vae_gan(str(broken))
    assert not names_vae_gan(str(tmp_path / "none.toml"))
    assert not names_vae_gan("dan")


def test_load_vae_gan_recipe_takes_overrides(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('kind = "vae_gan"\nwidth = 8\n[augmentation]\nshift = 0.1\n')
    recipe = load_vae_gan_recipe(str(path), {"seed": "7", "learning_rate": "1", "augmentation.flip": "0"})
    assert recipe == VaeGanRecipe(
        width=8, seed=7, learning_rate=1.0, augmentation=replace(MIRRORED, shift=0.1, flip=0.0)
    )
    assert vae_gan_recipe(asdict(recipe), "checkpoint") == recipe


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("widht = 3", "unknown key 'widht'; did you mean 'width'"),
        ('kind = "gan"', "kind: expected 'vae_gan'"),
        ("size_px = 8", "size_px: expected 16 or more"),
        ("batch_size = 0", "batch_size: expected 1 or more"),
        ("learning_rate = 0", "learning_rate: expected more than 0"),
        ("kl_weight = -1", "kl_weight: expected 0 or more"),
        ("workers = -1", "workers: expected 0 or more"),
        ("kl_warmup_share = 2", "kl_warmup_share: expected 0 to 1"),
        ("colour = 1", "colour: expected bool"),
        ("[augmentation]\nblurr = 1", "did you mean 'blur'"),
        ("width = ", "not TOML"),
    ],
)
def test_load_vae_gan_recipe_complains_exactly(text, complaint, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=complaint):
        load_vae_gan_recipe(str(path))


def test_load_vae_gan_recipe_suggests_a_name(tmp_path):
    with pytest.raises(RecipeError, match="did you mean 'vae_gan_64'"):
        load_vae_gan_recipe("vae_gan_65")
    with pytest.raises(RecipeError, match="no such recipe file"):
        load_vae_gan_recipe(str(tmp_path / "none.toml"))
