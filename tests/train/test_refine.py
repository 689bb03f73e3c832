"""The second stage on features whose best heads are known."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from fer_core.losses.ccc import ccc_loss
from fer_core.train.recipe import Recipe
from fer_core.train.refine import FrozenFeatures, fit_head

RECIPE = replace(Recipe(), refine_steps=400, refine_penalty=1e-4, refine_learning_rate=0.02)


def made(rows: int, seed: int, sign: float = 1.0) -> FrozenFeatures:
    """Twelve features of unlike spread, of which two say valence and arousal."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(rows, 12, generator=generator) * torch.logspace(-1, 1, 12) + 3
    va = torch.tanh(0.5 * sign * torch.stack([(features[:, 0] - 3) * 10, (features[:, 11] - 3) / 10], dim=1))
    missing = torch.full((rows, 4), torch.nan)
    return FrozenFeatures(features, va, missing, torch.ones(rows, 1))


def va_loss(raw: torch.Tensor, frozen: FrozenFeatures) -> torch.Tensor:
    return ccc_loss(torch.tanh(raw), frozen.va, ~torch.isnan(frozen.va).any(dim=1))


def loss_of(head: nn.Linear, frozen: FrozenFeatures) -> float:
    with torch.no_grad():
        return va_loss(head(frozen.features), frozen).item()


def test_fit_head_finds_the_rule_behind_the_labels():
    torch.manual_seed(0)
    head = nn.Linear(12, 2)
    fit_head(head, [made(500, 1)], va_loss, RECIPE)
    assert loss_of(head, made(500, 2)) < 0.02


def test_fit_head_with_a_large_penalty_stays_where_it_was():
    torch.manual_seed(0)
    head = nn.Linear(12, 2)
    before = head.weight.detach().clone()
    fit_head(head, [made(200, 1)], va_loss, replace(RECIPE, refine_penalty=1e6))
    torch.testing.assert_close(head.weight.detach(), before, atol=0.02, rtol=0)


def test_fit_head_gives_every_data_set_the_same_weight():
    """Two sets that contradict each other draw, however unlike their sizes; one alone wins."""
    losses = {}
    for rows in (50, 5000):
        torch.manual_seed(0)
        head = nn.Linear(12, 2)
        fit_head(head, [made(50, 1), made(rows, 2, sign=-1)], va_loss, RECIPE)
        losses[rows] = loss_of(head, made(500, 3))
    assert losses[5000] == pytest.approx(losses[50], abs=0.5)
    assert losses[5000] < 1.5


def test_fit_head_ignores_rows_without_labels():
    torch.manual_seed(0)
    frozen = made(300, 1)
    half = replace(frozen, va=frozen.va.clone())
    half.va[::2] = torch.nan
    odd = FrozenFeatures(*(getattr(frozen, n)[1::2] for n in frozen.__slots__))
    heads = []
    for chosen in (half, odd):
        torch.manual_seed(0)
        head = nn.Linear(12, 2)
        fit_head(head, [chosen], va_loss, replace(RECIPE, refine_steps=1))
        heads.append(head)
    # One step of Adam has the sign of the gradient: the same for both.
    assert np.allclose(np.sign(heads[0].bias.detach()), np.sign(heads[1].bias.detach()))
