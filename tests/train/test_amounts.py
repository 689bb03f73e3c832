import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'")

from dataclasses import replace

from fer_core.train.amounts import limited
from fer_core.train.options import RecipeError
from fer_core.train.recipe import Recipe


def test_limited_draws_a_share_of_the_training_images_and_keeps_the_others(toys):
    shard = toys.labelled_shard()
    train = shard.path[shard.split == "train"]
    few, more = (limited(Recipe(at_most={shard.dataset: n}), [shard])[0] for n in (3, 6))
    assert (few.split == "train").sum() == 3
    assert (more.split == "train").sum() == 6
    assert set(few.path[few.split == "train"]) < set(more.path[more.split == "train"]) < set(train)
    assert (few.split != "train").sum() == (shard.split != "train").sum()
    row = int(np.flatnonzero(shard.path == few.path[0])[0])
    assert few.jpegs[0] == shard.jpegs[row]
    assert np.array_equal(few.votes[0], shard.votes[row], equal_nan=True)


def test_limited_follows_the_seed_and_leaves_out_at_zero(toys):
    shard = toys.labelled_shard()
    recipe = Recipe(at_most={shard.dataset: 4})
    one, again, other = (limited(replace(recipe, seed=s), [shard])[0].path.tolist() for s in (1, 1, 2))
    assert one == again
    assert one != other
    assert not (limited(Recipe(at_most={shard.dataset: 0}), [shard])[0].split == "train").any()


def test_limited_leaves_data_sets_alone_that_are_not_named_or_small_enough(toys):
    shard = toys.labelled_shard()
    assert limited(Recipe(), [shard]) == [shard]
    assert limited(Recipe(at_most={shard.dataset: 10**6}), [shard]) == [shard]


def test_limited_asks_for_the_data_that_the_recipe_adds(toys):
    shard = toys.labelled_shard()
    with pytest.raises(RecipeError, match=r"no data set 'csv:synthetic' among .*prepare it, or give 0"):
        limited(Recipe(at_most={"csv:synthetic": 5}), [shard])
    assert limited(Recipe(at_most={"csv:synthetic": 0}), [shard]) == [shard]
    with pytest.raises(RecipeError, match="whole number"):
        limited(Recipe(at_most={shard.dataset: -1}), [shard])
