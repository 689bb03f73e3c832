import numpy as np
import pytest
import torch
from torch.nn import functional

from fer_core.data.va_bins import va_sector
from fer_core.losses.va_sectors import va_sector_loss


def _batch(sectors: int = 8, rows: int = 9) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(sectors)
    va = torch.rand(rows, 2, generator=generator) * 2 - 1
    va[1] = torch.nan
    va[4] = 0
    return torch.randn(rows, sectors, generator=generator, dtype=torch.float64), va_sector(va, sectors)


@pytest.mark.parametrize("sectors", [2, 4, 8, 12])
def test_va_sector_loss_equals_naive_loop(sectors: int) -> None:
    logits, index = _batch(sectors)
    losses = []
    for row in range(len(logits)):
        if row in (1, 4):  # no label, and the origin
            continue
        z = logits[row].numpy()
        losses.append(-np.log(np.exp(z[index[row]]) / np.exp(z).sum()))
    assert va_sector_loss(logits, index).item() == pytest.approx(np.mean(losses))


def test_va_sector_loss_of_halves_is_binary_cross_entropy() -> None:
    logits, index = _batch(2)
    known = index >= 0
    binary = functional.binary_cross_entropy_with_logits((logits[:, 1] - logits[:, 0])[known], index[known].double())
    assert va_sector_loss(logits, index).item() == pytest.approx(binary.item())


def test_va_sector_loss_gradient_is_right() -> None:
    logits, index = _batch()
    logits.requires_grad_(True)
    assert torch.autograd.gradcheck(lambda z: va_sector_loss(z, index), (logits,))


def test_va_sector_loss_rows_without_sector_do_not_matter(check_masking) -> None:
    logits, index = _batch()
    check_masking(lambda z, m: va_sector_loss(z, torch.where(m, index, -1)), logits, index >= 0)


def test_va_sector_loss_names_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="need logits"):
        va_sector_loss(torch.zeros(3, 8), torch.zeros(2, dtype=torch.int64))
    with pytest.raises(ValueError, match="float32"):
        va_sector_loss(torch.zeros(3, 8), torch.zeros(3))
