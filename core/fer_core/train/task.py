"""From a batch to losses: one term a task, each over the samples that have its label."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fer_core.data.dataset import Batch
from fer_core.losses.ccc import ccc_loss
from fer_core.losses.masked_bce import masked_bce_with_logits
from fer_core.losses.vote_cross_entropy import vote_cross_entropy
from fer_core.models.multitask import Outputs
from fer_core.train.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Losses:
    """Scalars; ``total`` is what is minimised."""

    total: Tensor
    expression: Tensor
    va: Tensor
    au: Tensor


def multitask_losses(outputs: Outputs, batch: Batch, recipe: Recipe) -> Losses:
    """Weighted sum of cross-entropy on votes, CCC, and binary cross-entropy on action units."""
    expression = vote_cross_entropy(outputs.expression_logits, batch.votes, ~torch.isnan(batch.votes).any(dim=1))
    va = ccc_loss(outputs.va, batch.va, ~torch.isnan(batch.va).any(dim=1))
    au = masked_bce_with_logits(outputs.au_logits, batch.au, batch.au_weight.expand_as(batch.au))
    total = recipe.expression_weight * expression + recipe.va_weight * va + recipe.au_weight * au
    return Losses(total, expression, va, au)
