"""A head fitted on features whose best head is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from fer_core.losses.masked_bce import masked_bce_with_logits
from fer_core.train.frozen_head import FrozenFeatures, HeadFit, fit_head

FIT = HeadFit(steps=400, penalty=1e-4, learning_rate=0.02)


def made(rows: int, seed: int, sign: float = 1.0) -> FrozenFeatures:
    """Twelve features of unlike spread, of which two each say whether a unit is present."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(rows, 12, generator=generator) * torch.logspace(-1, 1, 12) + 3
    evidence = sign * torch.stack([(features[:, 0] - 3) * 10, (features[:, 11] - 3) / 10], dim=1)
    return FrozenFeatures(features, (evidence > 0).float())


def au_loss(logits: torch.Tensor, frozen: FrozenFeatures) -> torch.Tensor:
    return masked_bce_with_logits(logits, frozen.au)


def loss_of(head: nn.Linear, frozen: FrozenFeatures) -> float:
    with torch.no_grad():
        return au_loss(head(frozen.features), frozen).item()


def test_fit_head_finds_the_rule_behind_the_labels():
    torch.manual_seed(0)
    head = nn.Linear(12, 2)
    fit_head(head, [made(500, 1)], au_loss, FIT)
    assert loss_of(head, made(500, 2)) < 0.25  # .69 knows nothing


def test_fit_head_with_a_large_penalty_stays_where_it_was():
    torch.manual_seed(0)
    head = nn.Linear(12, 2)
    before = head.weight.detach().clone()
    fit_head(head, [made(200, 1)], au_loss, replace(FIT, penalty=1e6))
    torch.testing.assert_close(head.weight.detach(), before, atol=0.02, rtol=0)


def test_fit_head_gives_every_data_set_the_same_weight():
    """Two sets that contradict each other draw, however unlike their sizes; one alone wins."""
    losses = {}
    for rows in (50, 5000):
        torch.manual_seed(0)
        head = nn.Linear(12, 2)
        fit_head(head, [made(50, 1), made(rows, 2, sign=-1)], au_loss, FIT)
        losses[rows] = loss_of(head, made(500, 3))
    assert losses[5000] == pytest.approx(losses[50], abs=0.5)
    assert losses[5000] < 1.5


def test_fit_head_ignores_rows_without_labels():
    torch.manual_seed(0)
    frozen = made(300, 1)
    half = replace(frozen, au=frozen.au.clone())
    half.au[::2] = torch.nan
    odd = FrozenFeatures(*(getattr(frozen, n)[1::2] for n in frozen.__slots__))
    heads = []
    for chosen in (half, odd):
        torch.manual_seed(0)
        head = nn.Linear(12, 2)
        fit_head(head, [chosen], au_loss, replace(FIT, steps=1))
        heads.append(head)
    # One step of Adam has the sign of the gradient: the same for both.
    assert np.allclose(np.sign(heads[0].bias.detach()), np.sign(heads[1].bias.detach()))
