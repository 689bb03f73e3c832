import numpy as np
import pytest
import torch

from fer_core.losses.focal import focal_loss
from fer_core.losses.vote_cross_entropy import vote_cross_entropy


def _batch(seed: int = 0, rows: int = 6, classes: int = 5) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(rows, classes, generator=generator, dtype=torch.float64) * 2
    target = torch.rand(rows, classes, generator=generator, dtype=torch.float64).softmax(dim=1)
    mask = torch.arange(rows) % 3 != 1
    target[~mask] = torch.nan
    return logits, target, mask


def _naive(logits: torch.Tensor, target: torch.Tensor, mask: torch.Tensor, gamma: float, alpha: torch.Tensor) -> float:
    losses = []
    for row in range(len(logits)):
        if not mask[row]:
            continue
        z = logits[row].numpy()
        p = np.exp(z) / np.exp(z).sum()
        losses.append(-sum(alpha[e] * target[row, e] * (1 - p[e]) ** gamma * np.log(p[e]) for e in range(len(p))))
    return float(np.mean(losses))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 5.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_focal_equals_naive_loop(gamma: float, weighted: bool) -> None:
    logits, target, mask = _batch()
    alpha = torch.linspace(0.5, 3, 5) if weighted else torch.ones(5)
    found = focal_loss(logits, target, mask, gamma, alpha if weighted else None)
    assert found.item() == pytest.approx(_naive(logits, target, mask, gamma, alpha))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_gradient_is_right(gamma: float) -> None:
    logits, target, mask = _batch(1, rows=4, classes=3)
    logits.requires_grad_(True)
    assert torch.autograd.gradcheck(lambda z: focal_loss(z, target, mask, gamma, torch.tensor([1.0, 2, 3])), (logits,))


def test_focal_of_two_classes_and_one_hot_labels_is_the_printed_formula() -> None:
    z = torch.tensor([1.3], dtype=torch.float64)
    p = torch.sigmoid(z).item()
    both = torch.stack([torch.zeros(1, dtype=torch.float64), z], dim=1)
    yes = torch.tensor([True])
    one = focal_loss(both, torch.tensor([[0.0, 1.0]]), yes, 2.0).item()
    other = focal_loss(both, torch.tensor([[1.0, 0.0]]), yes, 2.0).item()
    assert one == pytest.approx(-((1 - p) ** 2) * np.log(p))
    assert other == pytest.approx(-(p**2) * np.log(1 - p))


def test_focal_without_focus_is_cross_entropy() -> None:
    logits, target, mask = _batch(2)
    weights = torch.linspace(1, 2, 5)
    torch.testing.assert_close(
        focal_loss(logits, target, mask, 0.0, weights), vote_cross_entropy(logits, target, mask, weights)
    )


def test_focal_counts_a_well_classified_row_a_hundred_times_less() -> None:
    logits = torch.tensor([[0.9, 0.1]], dtype=torch.float64).log()
    target, yes = torch.tensor([[1.0, 0.0]]), torch.tensor([True])
    share = focal_loss(logits, target, yes, 2.0) / vote_cross_entropy(logits, target, yes)
    assert share.item() == pytest.approx(0.01)  # the thesis' own example, section 5.4


def test_focal_masked_rows_do_not_matter(check_masking) -> None:
    logits, target, mask = _batch(3)
    check_masking(lambda z, m: focal_loss(z, target, m), logits, mask)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_stays_finite_for_sure_logits(gamma: float) -> None:
    logits = torch.tensor([[200.0, -200.0], [-200.0, 200.0]], requires_grad=True)
    loss = focal_loss(logits, torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([True, True]), gamma)
    loss.backward()
    assert loss.item() == pytest.approx(200)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_focal_names_what_does_not_fit() -> None:
    mask = torch.ones(3, dtype=torch.bool)
    with pytest.raises(ValueError, match="target_probs"):
        focal_loss(torch.zeros(3, 4), torch.zeros(3, 5), mask)
    with pytest.raises(ValueError, match="mask must be bool"):
        focal_loss(torch.zeros(3, 4), torch.zeros(3, 4), mask.float())
    with pytest.raises(ValueError, match="class_weights"):
        focal_loss(torch.zeros(3, 4), torch.zeros(3, 4), mask, 2.0, torch.ones(3))
    with pytest.raises(ValueError, match="gamma"):
        focal_loss(torch.zeros(3, 4), torch.zeros(3, 4), mask, -1.0)
