import numpy as np
import numpy.typing as npt
import pytest
import torch

from fer_core.losses.masked_bce import masked_bce_with_logits


def _batch(seed: int = 0, rows: int = 5, units: int = 4) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(rows, units, generator=generator, dtype=torch.float64) * 3
    target = torch.rand(rows, units, generator=generator, dtype=torch.float64)
    target[:2] = target[:2].round()
    target[torch.rand(rows, units, generator=generator) < 0.3] = torch.nan
    weight = torch.rand(rows, units, generator=generator, dtype=torch.float64)
    return logits, target, weight


def _naive(
    logits: torch.Tensor, target: torch.Tensor, weight: npt.NDArray[np.float64], pos_weight: npt.NDArray[np.float64]
) -> float:
    losses = []
    for row, unit in np.ndindex(*logits.shape):
        t = float(target[row, unit])
        if np.isnan(t):
            continue
        s = 1 / (1 + np.exp(-float(logits[row, unit])))
        losses.append(-weight[row, unit] * (pos_weight[unit] * t * np.log(s) + (1 - t) * np.log(1 - s)))
    return float(np.mean(losses))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("balanced", [False, True])
def test_masked_bce_equals_naive_loop(weighted: bool, balanced: bool) -> None:
    logits, target, weight = _batch(3)
    assert 0 < torch.isnan(target).sum() < target.numel()
    pos_weight = torch.linspace(0.5, 4, target.shape[1], dtype=torch.float64)
    found = masked_bce_with_logits(logits, target, weight if weighted else None, pos_weight if balanced else None)
    expected = _naive(
        logits,
        target,
        weight.numpy() if weighted else np.ones(target.shape),
        pos_weight.numpy() if balanced else np.ones(target.shape[1]),
    )
    assert found.item() == pytest.approx(expected)


def test_masked_bce_gradient_is_right() -> None:
    logits, target, weight = _batch(1)
    logits.requires_grad_(True)
    pos_weight = torch.tensor([1.0, 2.0, 0.5, 3.0], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda z: masked_bce_with_logits(z, target, weight, pos_weight), (logits,))


def test_masked_bce_missing_entries_get_no_gradient_even_with_nan_weight() -> None:
    logits, target, weight = _batch(2)
    missing = torch.isnan(target)
    weight[missing] = torch.nan
    logits.requires_grad_(True)
    masked_bce_with_logits(logits, target, weight).backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    assert (logits.grad[missing] == 0).all()
    assert (logits.grad[~missing] != 0).all()


def test_masked_bce_without_labels_is_zero_with_graph() -> None:
    logits = torch.randn(3, 4, requires_grad=True)
    pos_weight = torch.ones(4)
    loss = masked_bce_with_logits(logits, torch.full((3, 4), torch.nan), torch.ones(3, 4), pos_weight)
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert (logits.grad == 0).all()


def test_masked_bce_stays_finite_for_sure_and_wrong_logits() -> None:
    loss = masked_bce_with_logits(torch.tensor([[500.0, -500.0]]), torch.tensor([[0.0, 1.0]]))
    assert loss.item() == pytest.approx(500)


def test_masked_bce_least_at_the_soft_target() -> None:
    target = torch.tensor([[0.1, 0.5, 0.8]], dtype=torch.float64)
    logits = torch.logit(target).requires_grad_(True)
    masked_bce_with_logits(logits, target).backward()
    assert logits.grad is not None
    assert logits.grad.abs().max() < 1e-12


def test_masked_bce_names_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="logits and target"):
        masked_bce_with_logits(torch.zeros(3, 4), torch.zeros(3, 5))
    with pytest.raises(ValueError, match="weight must be"):
        masked_bce_with_logits(torch.zeros(3, 4), torch.zeros(3, 4), torch.ones(4))
    with pytest.raises(ValueError, match="pos_weight"):
        masked_bce_with_logits(torch.zeros(3, 4), torch.zeros(3, 4), None, torch.ones(3))
