import pytest
import torch

from fer_core.losses.va_mse import va_mse_loss


def _batch(seed: int = 0, rows: int = 7) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    target = torch.rand(rows, 2, generator=generator, dtype=torch.float64) * 2 - 1
    pred = torch.randn(rows, 2, generator=generator, dtype=torch.float64)
    mask = torch.arange(rows) % 3 != 1
    target[~mask] = torch.nan
    return pred, target, mask


def test_va_mse_equals_naive_loop() -> None:
    pred, target, mask = _batch()
    losses = []
    for row in range(len(pred)):
        if mask[row]:
            (v, a), (tv, ta) = pred[row].tolist(), target[row].tolist()
            losses.append(0.5 * (v - tv) ** 2 + 0.5 * (a - ta) ** 2)
    assert va_mse_loss(pred, target, mask).item() == pytest.approx(sum(losses) / len(losses))


def test_va_mse_gradient_is_right() -> None:
    pred, target, mask = _batch(1)
    pred.requires_grad_(True)
    assert torch.autograd.gradcheck(lambda p: va_mse_loss(p, target, mask), (pred,))


def test_va_mse_masked_rows_do_not_matter(check_masking) -> None:
    pred, target, mask = _batch(2)
    check_masking(lambda p, m: va_mse_loss(p, target, m), pred, mask)


def test_va_mse_names_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="pred and target"):
        va_mse_loss(torch.zeros(3, 2), torch.zeros(3), torch.ones(3, dtype=torch.bool))
    with pytest.raises(ValueError, match="mask must be bool"):
        va_mse_loss(torch.zeros(3, 2), torch.zeros(3, 2), torch.ones(3))
