"""A linear head fitted once more, on features of a backbone that stays as it is.

The features are computed once, and the head starts from where joint training left it; what it may change is bounded by
a penalty on the distance, in units of each feature's spread. Every data set counts the same, however many images it
has. Staged training on frozen features is how the AU relation graph paper trains its heads, one after the other; that
we start from a jointly trained head is our deviation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from fer_core.data.dataset import Batch, collate
from fer_core.data.shards import Shard
from fer_core.data.transforms import Augmentation
from fer_core.models.multitask import MultitaskNet, normalise
from fer_core.train.recipe import Recipe
from fer_core.train.resolution import resized

_BATCH = 64
#: Keeps features that hardly ever fire from being stretched.
_LEAST_SPREAD = 1e-3


@dataclass(frozen=True, slots=True)
class HeadFit:
    """How a head is fitted."""

    steps: int = 300
    learning_rate: float = 2e-3
    penalty: float = 0.01
    """On the squared change of the weights, in units of each feature's spread."""
    images: int = 3000
    """Most images of a data set, augmented views counted."""
    views: int = 4
    """Most views of one image: itself and augmented ones."""


@dataclass(frozen=True, slots=True)
class FrozenFeatures:
    """What the head sees of one data set's training images, N of them, with labels or NaN."""

    features: Tensor
    """(N, F)"""
    au: Tensor
    """(N, A)"""


@torch.no_grad()  # not inference mode: the heads are fitted on these tensors
def frozen_features(network: MultitaskNet, shard: Shard, recipe: Recipe, fit: HeadFit) -> FrozenFeatures:
    """Features of at most ``fit.images`` training images, each as it is and in augmented views up to that number."""
    device = next(network.parameters()).device
    rng = np.random.default_rng(recipe.seed)
    rows = np.flatnonzero(shard.split == "train")
    rows = rng.permutation(rows)[: fit.images]
    views = min(fit.views, max(1, fit.images // max(1, len(rows))))
    batches: list[Batch] = []
    features: list[Tensor] = []
    for view in range(views):
        for start in range(0, len(rows), _BATCH):
            batch = _batch(
                shard, rows[start : start + _BATCH], recipe.augmentation if view else None, recipe.seed + view
            )
            features.append(network.backbone(normalise(resized(batch, device, recipe.stages[-1].size_px))).cpu())
            batches.append(batch)
    if not batches:
        raise ValueError(f"{shard.dataset}: has no training images to compute features of")
    return FrozenFeatures(torch.cat(features), torch.cat([batch.au for batch in batches]))


def fit_head(
    head: nn.Linear,
    frozen: Sequence[FrozenFeatures],
    loss: Callable[[Tensor, FrozenFeatures], Tensor],
    fit: HeadFit,
) -> None:
    """Changes ``head`` in place: least sum of the data sets' losses and of the penalty on the change of its weights."""
    everything = torch.cat([f.features for f in frozen])
    mean, spread = everything.mean(dim=0), everything.std(dim=0) + _LEAST_SPREAD  # (F,), (F,)
    weight, bias = head.weight.detach().cpu().clone(), head.bias.detach().cpu().clone()
    change = torch.zeros_like(weight, requires_grad=True)  # in units of each feature's spread
    shift = torch.zeros_like(bias, requires_grad=True)
    optimizer = torch.optim.Adam([change, shift], lr=fit.learning_rate)

    def changed() -> tuple[Tensor, Tensor]:
        step = change / spread
        return weight + step, bias + shift - step @ mean

    for step in range(fit.steps):
        for group in optimizer.param_groups:
            group["lr"] = fit.learning_rate * 0.5 * (1 + math.cos(math.pi * step / fit.steps))
        w, b = changed()
        total = sum((loss(f.features @ w.T + b, f) for f in frozen), fit.penalty * change.square().sum())
        optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.no_grad():
        w, b = changed()
        head.weight.copy_(w)
        head.bias.copy_(b)


def _batch(shard: Shard, rows: npt.NDArray[np.intp], augmentation: Augmentation | None, seed: int) -> Batch:
    items = []
    for row in rows:
        crop = shard.image(row)
        if augmentation:
            crop = augmentation.apply(crop, np.random.default_rng((seed, int(row))))
        items.append((crop, shard.votes[row], shard.va[row], shard.au[row], shard.au_weight[row : row + 1]))
    return collate(items)
