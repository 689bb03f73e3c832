import numpy as np
import pytest
import torch

from fer_core.losses.logit_loss import logit_loss


def _batch(seed: int = 0, rows: int = 6, classes: int = 5) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(rows, classes, generator=generator, dtype=torch.float64) * 2
    target = torch.rand(rows, classes, generator=generator, dtype=torch.float64).softmax(dim=1)
    mask = torch.arange(rows) % 3 != 1
    target[~mask] = torch.nan
    return logits, target, mask


def _naive(logits: torch.Tensor, target: torch.Tensor, mask: torch.Tensor) -> float:
    losses = []
    for row in range(len(logits)):
        if not mask[row]:
            continue
        z = logits[row].numpy()
        p = np.exp(z) / np.exp(z).sum()
        losses.append(0.5 * sum((p[c] - float(target[row, c])) ** 2 for c in range(len(p))))
    return float(np.mean(losses))


def test_logit_loss_equals_naive_loop() -> None:
    for seed in range(3):
        assert logit_loss(*_batch(seed)).item() == pytest.approx(_naive(*_batch(seed)))


def test_logit_loss_gradient_is_right() -> None:
    logits, target, mask = _batch(1)
    logits.requires_grad_(True)
    assert torch.autograd.gradcheck(lambda z: logit_loss(z, target, mask), (logits,))


def test_logit_loss_compares_probabilities_not_logits() -> None:
    _, target, mask = _batch(2)
    logits = target.nan_to_num(0.2).log() + 3  # the softmax takes the constant away
    assert logit_loss(logits, target, mask).item() == pytest.approx(0, abs=1e-15)


def test_logit_loss_is_one_when_sure_and_wrong() -> None:
    logits = torch.tensor([[99.0, -99.0]])
    assert logit_loss(logits, torch.tensor([[0.0, 1.0]]), torch.tensor([True])).item() == pytest.approx(1)


def test_logit_loss_masked_rows_do_not_matter(check_masking) -> None:
    logits, target, mask = _batch(3)
    check_masking(lambda z, m: logit_loss(z, target, m), logits, mask)


def test_logit_loss_names_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="target_probs"):
        logit_loss(torch.zeros(3, 4), torch.zeros(3, 5), torch.ones(3, dtype=torch.bool))
    with pytest.raises(ValueError, match="mask must be bool"):
        logit_loss(torch.zeros(3, 4), torch.zeros(3, 4), torch.ones(2, dtype=torch.bool))
