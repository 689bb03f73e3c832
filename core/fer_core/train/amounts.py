"""How many images of a data set a run learns from: a small set, or so many synthetic faces beside a real one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fer_core.data.shards import Shard
from fer_core.train.options import RecipeError
from fer_core.train.recipe import Recipe


def limited(recipe: Recipe, shards: Sequence[Shard]) -> list[Shard]:
    """The shards with the amounts of training images that ``recipe.at_most`` allows, drawn with the recipe's seed.

    Images of the other splits all stay. A smaller amount is part of a larger one of the same seed.

    Raises:
        RecipeError: when the recipe limits a data set that is not there; one that is to be left out may be missing.
    """
    known = [shard.dataset for shard in shards]
    for name, amount in recipe.at_most.items():
        if type(amount) is not int or amount < 0:
            raise RecipeError(f"at_most.{name}: expected a whole number of images, 0 or more, not {amount!r}")
        if amount and name not in known:
            raise RecipeError(f"at_most: no data set {name!r} among {', '.join(known)}; prepare it, or give 0 for it")
    return [_limited(shard, recipe) for shard in shards]


def _limited(shard: Shard, recipe: Recipe) -> Shard:
    train = np.flatnonzero(shard.split == "train")
    amount = recipe.at_most.get(shard.dataset, len(train))
    if amount >= len(train):
        return shard
    left_out = np.random.default_rng(recipe.seed).permutation(train)[amount:]
    return shard.select(np.setdiff1d(np.arange(len(shard)), left_out))
