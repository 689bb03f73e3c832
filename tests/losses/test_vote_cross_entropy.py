import numpy as np
import numpy.typing as npt
import pytest
import torch

from fer_core.losses.vote_cross_entropy import vote_cross_entropy


def _batch(seed: int = 0, rows: int = 6, classes: int = 8) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(rows, classes, generator=generator, dtype=torch.float64) * 3
    votes = torch.randint(0, 10, (rows, classes), generator=generator).double() + 0.1
    target = votes / votes.sum(dim=1, keepdim=True)
    mask = torch.arange(rows) % 3 != 1
    target[~mask] = torch.nan
    return logits, target, mask


def _naive(logits: torch.Tensor, target: torch.Tensor, mask: torch.Tensor, weights: npt.NDArray[np.float64]) -> float:
    losses = []
    for row in range(len(logits)):
        if not mask[row]:
            continue
        z = logits[row].numpy()
        probs = np.exp(z) / np.exp(z).sum()
        losses.append(-sum(weights[e] * float(target[row, e]) * np.log(probs[e]) for e in range(len(z))))
    return float(np.mean(losses))


def test_vote_cross_entropy_equals_naive_loop() -> None:
    logits, target, mask = _batch()
    assert vote_cross_entropy(logits, target, mask).item() == pytest.approx(_naive(logits, target, mask, np.ones(8)))


def test_vote_cross_entropy_with_class_weights_equals_naive_loop() -> None:
    logits, target, mask = _batch(1)
    weights = np.linspace(0.5, 3, 8)
    found = vote_cross_entropy(logits, target, mask, torch.from_numpy(weights))
    assert found.item() == pytest.approx(_naive(logits, target, mask, weights))


def test_vote_cross_entropy_gradient_is_right() -> None:
    logits, target, mask = _batch(2, rows=4, classes=3)
    logits.requires_grad_(True)
    weights = torch.tensor([1.0, 0.5, 2.0], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda z: vote_cross_entropy(z, target, mask, weights), (logits,))


def test_vote_cross_entropy_masked_rows_get_no_gradient_and_no_nan() -> None:
    logits, target, mask = _batch(3)
    logits.requires_grad_(True)
    vote_cross_entropy(logits, target, mask).backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    assert (logits.grad[~mask] == 0).all()
    assert (logits.grad[mask] != 0).any(dim=1).all()


def test_vote_cross_entropy_without_labels_is_zero_with_graph() -> None:
    logits = torch.randn(4, 8, requires_grad=True)
    loss = vote_cross_entropy(logits, torch.full((4, 8), torch.nan), torch.zeros(4, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert (logits.grad == 0).all()


def test_vote_cross_entropy_in_half_precision_keeps_precision() -> None:
    logits, target, mask = _batch(4)
    loss = vote_cross_entropy(logits.bfloat16(), target.float(), mask)
    exact = vote_cross_entropy(logits.bfloat16().double(), target, mask)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(exact.item(), rel=1e-5)


def test_vote_cross_entropy_least_at_the_votes_themselves() -> None:
    _, target, mask = _batch(5)
    target = target.nan_to_num(1 / 8)
    at_votes = vote_cross_entropy(target.log(), target, mask)
    entropy = -(target * target.log()).sum(dim=1)[mask].mean()
    assert at_votes.item() == pytest.approx(entropy.item())


@pytest.mark.parametrize(
    ("target_shape", "mask", "weights", "message"),
    [
        ((4, 7), torch.ones(4, dtype=torch.bool), None, "target_probs"),
        ((4, 8), torch.ones(3, dtype=torch.bool), None, "mask"),
        ((4, 8), torch.ones(4), None, "mask must be bool"),
        ((4, 8), torch.ones(4, dtype=torch.bool), torch.ones(7), "class_weights"),
    ],
)
def test_vote_cross_entropy_names_what_does_not_fit(
    target_shape: tuple[int, int], mask: torch.Tensor, weights: torch.Tensor | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        vote_cross_entropy(torch.zeros(4, 8), torch.zeros(target_shape), mask, weights)
