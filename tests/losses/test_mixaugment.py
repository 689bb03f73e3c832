import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from fer_core.data.mixing import Mix, draw_mix
from fer_core.losses.ccc import ccc_loss
from fer_core.losses.masked_bce import masked_bce_with_logits
from fer_core.losses.mixaugment import mixaugment_loss, mixup_loss
from fer_core.losses.vote_cross_entropy import vote_cross_entropy

Loss = Callable[[Tensor, Tensor], Tensor]


def _expression(logits: Tensor, target: Tensor) -> Tensor:
    return vote_cross_entropy(logits, target, ~target.isnan().any(dim=1))


def _va(pred: Tensor, target: Tensor) -> Tensor:
    return ccc_loss(pred, target, ~target.isnan().any(dim=1))


TASKS: dict[str, tuple[Loss, int]] = {"expression": (_expression, 5), "va": (_va, 2), "au": (masked_bce_with_logits, 3)}


def _batch(task: str, missing: bool, per_sample: bool = True) -> tuple[Loss, Tensor, Tensor, Tensor, Mix]:
    loss, width = TASKS[task]
    generator = torch.Generator().manual_seed(1)
    real, virtual = torch.randn(2, 8, width, generator=generator, dtype=torch.float64)
    target = torch.rand(8, width, generator=generator, dtype=torch.float64)
    if task == "expression":
        target = torch.eye(width, dtype=torch.float64)[target.argmax(dim=1)]
    if task == "au":
        target = target.round()
    if missing:
        target[2] = torch.nan
        target[5] = torch.nan
        if task == "au":
            target[0, 1] = torch.nan  # any unit may be missing
    return loss, real, virtual, target, draw_mix(8, 1.0, np.random.default_rng(4), per_sample)


def _three_terms(loss: Loss, real: Tensor, virtual: Tensor, target: Tensor, mix: Mix) -> float:
    """Eq. 3 as it stands: x_i, x_j and the virtual face are three lists."""
    mixed = torch.zeros_like(target)
    for i in range(len(target)):
        for d in range(target.shape[1]):
            share = float(mix.share[i])
            mixed[i, d] = share * target[i, d] + (1 - share) * target[mix.partner[i], d]
    first = loss(real, target)
    second = loss(real[mix.partner], target[mix.partner])
    return (loss(virtual, mixed) + first + second).item()


@pytest.mark.parametrize("task", list(TASKS))
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("per_sample", [False, True])
def test_mixaugment_equals_the_three_terms(task: str, missing: bool, per_sample: bool) -> None:
    batch = _batch(task, missing, per_sample)
    assert mixaugment_loss(*batch).item() == pytest.approx(_three_terms(*batch), rel=1e-6)


def test_mixaugment_of_classes_is_the_last_line_of_the_equation() -> None:
    """``-y_i log(p_i p~^lambda) - y_j log(p_j p~^(1 - lambda))``."""
    loss, real, virtual, target, mix = _batch("expression", False)
    p, v = real.softmax(dim=1), virtual.softmax(dim=1)
    terms = []
    for i in range(8):
        j, share = int(mix.partner[i]), float(mix.share[i])
        a, b = int(target[i].argmax()), int(target[j].argmax())
        terms.append(-math.log(p[i, a] * v[i, a] ** share) - math.log(p[j, b] * v[i, b] ** (1 - share)))
    assert mixaugment_loss(loss, real, virtual, target, mix).item() == pytest.approx(sum(terms) / 8, rel=1e-6)


@pytest.mark.parametrize("task", list(TASKS))
def test_mixaugment_gradient_is_right(task: str) -> None:
    loss, real, virtual, target, mix = _batch(task, True)
    leaves = (real.requires_grad_(True), virtual.requires_grad_(True))
    assert torch.autograd.gradcheck(lambda r, v: mixaugment_loss(loss, r, v, target, mix), leaves)


@pytest.mark.parametrize("task", list(TASKS))
def test_mixup_skips_virtual_faces_that_lack_one_label(task: str) -> None:
    loss, _, virtual, target, mix = _batch(task, True)
    virtual.requires_grad_(True)
    mixup_loss(loss, virtual, target, mix).backward()
    lacking = target.isnan().any(dim=1) | target[mix.partner].isnan().any(dim=1)
    grad = virtual.grad
    assert grad is not None
    assert torch.isfinite(grad).all()
    entries = (target + target[mix.partner]).isnan()
    assert (grad[entries] == 0).all()
    assert 0 < int(lacking.sum()) < 8
    assert (grad[~entries] != 0).all()


def test_mixaugment_without_labels_is_zero_with_graph() -> None:
    loss, real, virtual, target, mix = _batch("expression", False)
    real.requires_grad_(True)
    virtual.requires_grad_(True)
    value = mixaugment_loss(loss, real, virtual, target * torch.nan, mix)
    value.backward()
    assert value.item() == 0
    assert real.grad is not None
    assert virtual.grad is not None
    assert (real.grad == 0).all()
    assert (virtual.grad == 0).all()


def test_mixup_of_whole_shares_is_the_plain_loss() -> None:
    loss, _, virtual, target, mix = _batch("au", False)
    whole = Mix(mix.partner, torch.ones(8))
    assert mixup_loss(loss, virtual, target, whole).item() == pytest.approx(loss(virtual, target).item())
