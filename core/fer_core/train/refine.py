"""Second stage: the valence-arousal and action-unit heads again, on frozen features.

In the joint stage the data set with most images sets the pace: action units that only FACS coders labelled get a
hundredth of the gradient, and the few images with rated arousal a fifteenth. Here every data set counts the same. The
backbone stays as it is, so the features are computed once, and the heads start from where joint training left them;
what they may change is bounded by a penalty on the distance, in units of each feature's spread. Staged training on
frozen features is how the AU relation graph paper trains its heads, one after the other; that we start from jointly
trained heads is our deviation. The expression head is left alone: nearly all of its labels are of one data set anyway.
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
from fer_core.losses.ccc import ccc_loss
from fer_core.losses.masked_bce import masked_bce_with_logits
from fer_core.models.multitask import MultitaskNet, normalise
from fer_core.train.recipe import Recipe
from fer_core.train.resolution import resized

_BATCH = 64
#: Keeps features that hardly ever fire from being stretched.
_LEAST_SPREAD = 1e-3


@dataclass(frozen=True, slots=True)
class FrozenFeatures:
    """What the heads see of one data set's training images, N of them, with labels or NaN."""

    features: Tensor
    """(N, F)"""
    va: Tensor
    """(N, 2)"""
    au: Tensor
    """(N, A)"""
    au_weight: Tensor
    """(N, 1)"""


def refine_heads(network: MultitaskNet, shards: Sequence[Shard], recipe: Recipe) -> None:
    """Changes ``network.va`` and ``network.au`` in place; uses the ``train`` split only."""
    network.eval()
    frozen = [f for f in (frozen_features(network, shard, recipe) for shard in shards) if len(f.features)]
    fit_head(network.va, frozen, _va_loss, recipe)
    fit_head(network.au, frozen, _au_loss, recipe)


@torch.no_grad()  # not inference mode: the heads are fitted on these tensors
def frozen_features(network: MultitaskNet, shard: Shard, recipe: Recipe) -> FrozenFeatures:
    """Features of at most ``refine_images`` images, each as it is and in augmented views up to that number."""
    device = next(network.parameters()).device
    rng = np.random.default_rng(recipe.seed)
    rows = np.flatnonzero(shard.split == "train")
    rows = rng.permutation(rows)[: recipe.refine_images]
    views = min(recipe.refine_views, max(1, recipe.refine_images // max(1, len(rows))))
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
        empty = torch.empty(0)
        return FrozenFeatures(empty, empty, empty, empty)
    labels = (torch.cat([getattr(b, name) for b in batches]) for name in ("va", "au", "au_weight"))
    return FrozenFeatures(torch.cat(features), *labels)


def fit_head(
    head: nn.Linear,
    frozen: Sequence[FrozenFeatures],
    loss: Callable[[Tensor, FrozenFeatures], Tensor],
    recipe: Recipe,
) -> None:
    """Minimises the sum of the data sets' losses and ``refine_penalty`` times the squared change of the weights."""
    everything = torch.cat([f.features for f in frozen])
    mean, spread = everything.mean(dim=0), everything.std(dim=0) + _LEAST_SPREAD  # (F,), (F,)
    weight, bias = head.weight.detach().cpu().clone(), head.bias.detach().cpu().clone()
    change = torch.zeros_like(weight, requires_grad=True)  # in units of each feature's spread
    shift = torch.zeros_like(bias, requires_grad=True)
    optimizer = torch.optim.Adam([change, shift], lr=recipe.refine_learning_rate)

    def changed() -> tuple[Tensor, Tensor]:
        step = change / spread
        return weight + step, bias + shift - step @ mean

    for step in range(recipe.refine_steps):
        for group in optimizer.param_groups:
            group["lr"] = recipe.refine_learning_rate * 0.5 * (1 + math.cos(math.pi * step / recipe.refine_steps))
        w, b = changed()
        total = sum((loss(f.features @ w.T + b, f) for f in frozen), recipe.refine_penalty * change.square().sum())
        optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.no_grad():
        w, b = changed()
        head.weight.copy_(w)
        head.bias.copy_(b)


def _va_loss(raw: Tensor, frozen: FrozenFeatures) -> Tensor:
    return ccc_loss(torch.tanh(raw), frozen.va, ~torch.isnan(frozen.va).any(dim=1))


def _au_loss(logits: Tensor, frozen: FrozenFeatures) -> Tensor:
    """Summed over units, so that the penalty weighs each unit as it weighs valence."""
    units = logits.shape[1]
    return units * masked_bce_with_logits(logits, frozen.au, frozen.au_weight.expand_as(frozen.au))


def _batch(shard: Shard, rows: npt.NDArray[np.intp], augmentation: Augmentation | None, seed: int) -> Batch:
    items = []
    for row in rows:
        crop = shard.image(row)
        if augmentation:
            crop = augmentation.apply(crop, np.random.default_rng((seed, int(row))))
        items.append((crop, shard.votes[row], shard.va[row], shard.au[row], shard.au_weight[row : row + 1]))
    return collate(items)
