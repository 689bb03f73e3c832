import numpy as np
import pytest
import torch

from fer_core.losses.ccc import ccc_loss


def _batch(seed: int = 0, rows: int = 9) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    target = torch.rand(rows, 2, generator=generator, dtype=torch.float64) * 2 - 1
    pred = 0.6 * target + 0.2 * torch.randn(rows, 2, generator=generator, dtype=torch.float64) + 0.1
    mask = torch.arange(rows) % 4 != 2
    target[~mask] = torch.nan
    return pred, target, mask


def _naive(pred: torch.Tensor, target: torch.Tensor, mask: torch.Tensor) -> float:
    kept = [row for row in range(len(pred)) if mask[row]]
    cccs = []
    for dim in range(pred.shape[1]):
        x = [float(pred[row, dim]) for row in kept]
        y = [float(target[row, dim]) for row in kept]
        mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
        var_x = sum((v - mean_x) ** 2 for v in x) / len(x)
        var_y = sum((v - mean_y) ** 2 for v in y) / len(y)
        cov = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / len(x)
        cccs.append(2 * cov / (var_x + var_y + (mean_x - mean_y) ** 2))
    return float(1 - np.mean(cccs))


def test_ccc_loss_equals_naive_loop() -> None:
    for seed in range(5):
        pred, target, mask = _batch(seed)
        assert ccc_loss(pred, target, mask).item() == pytest.approx(_naive(pred, target, mask), abs=1e-6)


def test_ccc_loss_gradient_is_right() -> None:
    pred, target, mask = _batch(1, rows=6)
    pred.requires_grad_(True)
    assert torch.autograd.gradcheck(lambda p: ccc_loss(p, target, mask), (pred,))


def test_ccc_loss_is_zero_when_equal_and_two_when_mirrored() -> None:
    _, target, _ = _batch(2)
    target = target.nan_to_num(0.3)
    everything = torch.ones(len(target), dtype=torch.bool)
    assert ccc_loss(target, target, everything).item() == pytest.approx(0, abs=1e-6)
    centred = target - target.mean(dim=0)
    assert ccc_loss(-centred, centred, everything).item() == pytest.approx(2, abs=1e-6)


def test_ccc_loss_punishes_offset_and_scale() -> None:
    _, target, mask = _batch(3)
    assert ccc_loss(target + 0.5, target, mask) > 0.1
    assert ccc_loss(target * 0.3, target, mask) > 0.1


@pytest.mark.parametrize("labelled", [0, 1])
def test_ccc_loss_of_fewer_than_two_rows_is_zero_with_graph(labelled: int) -> None:
    pred = torch.randn(5, 2, requires_grad=True)
    target = torch.full((5, 2), torch.nan)
    target[:labelled] = 0.5
    loss = ccc_loss(pred, target, torch.arange(5) < labelled)
    loss.backward()
    assert loss.item() == 0
    assert pred.grad is not None
    assert (pred.grad == 0).all()


def test_ccc_loss_of_constants_is_finite_with_finite_gradient() -> None:
    pred = torch.full((4, 2), 0.2, requires_grad=True)
    loss = ccc_loss(pred, torch.full((4, 2), 0.2), torch.ones(4, dtype=torch.bool))
    loss.backward()
    assert loss.item() == pytest.approx(1)
    assert pred.grad is not None
    assert torch.isfinite(pred.grad).all()


def test_ccc_loss_masked_rows_get_no_gradient() -> None:
    pred, target, mask = _batch(4)
    pred.requires_grad_(True)
    ccc_loss(pred, target, mask).backward()
    assert pred.grad is not None
    assert torch.isfinite(pred.grad).all()
    assert (pred.grad[~mask] == 0).all()


def test_ccc_loss_names_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="pred and target"):
        ccc_loss(torch.zeros(3, 2), torch.zeros(4, 2), torch.ones(3, dtype=torch.bool))
    with pytest.raises(ValueError, match="mask must be bool"):
        ccc_loss(torch.zeros(3, 2), torch.zeros(3, 2), torch.ones(3))
