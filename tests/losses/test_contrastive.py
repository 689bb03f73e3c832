from collections.abc import Callable

import pytest
import torch

from fer_core.losses.contrastive import negative_contrastive_loss, positive_contrastive_loss


def _naive(kept: list[tuple[list[float], int]], positive: bool, margin: float) -> float:
    terms = []
    for i in range(len(kept)):
        for j in range(i + 1, len(kept)):
            (x, y), (u, v) = kept[i], kept[j]
            distance = sum((a - b) ** 2 for a, b in zip(x, u, strict=True)) ** 0.5
            if positive and y == v:
                terms.append(distance**2)
            if not positive and y != v:
                terms.append(max(0.0, margin - distance) ** 2)
    return sum(terms) / (2 * len(terms))


def test_positive_contrastive_equals_naive_loop(made_rows) -> None:
    for seed in range(3):
        rows = made_rows(seed)
        found = positive_contrastive_loss(rows.features, rows.labels, rows.mask)
        assert found.item() == pytest.approx(_naive(rows.kept, True, 0))


def test_negative_contrastive_equals_naive_loop(made_rows) -> None:
    for margin in (1.0, 2.5, 9.0):
        rows = made_rows(3, rows=15)
        found = negative_contrastive_loss(rows.features, rows.labels, rows.mask, margin)
        assert found.item() == pytest.approx(_naive(rows.kept, False, margin))


def test_contrastive_gradient_is_right(made_rows) -> None:
    rows = made_rows(4)
    rows.features.requires_grad_(True)
    assert torch.autograd.gradcheck(lambda x: positive_contrastive_loss(x, rows.labels, rows.mask), (rows.features,))
    assert torch.autograd.gradcheck(
        lambda x: negative_contrastive_loss(x, rows.labels, rows.mask, 3.0), (rows.features,)
    )


def test_contrastive_masked_rows_do_not_matter(made_rows, check_masking) -> None:
    rows = made_rows(5)
    check_masking(lambda x, m: positive_contrastive_loss(x, rows.labels, m), rows.features, rows.mask)
    check_masking(lambda x, m: negative_contrastive_loss(x, rows.labels, m, 5.0), rows.features, rows.mask)


@pytest.mark.parametrize("rows", [0, 1])
@pytest.mark.parametrize(
    "loss", [positive_contrastive_loss, lambda x, y, m: negative_contrastive_loss(x, y, m, 1.0)], ids=["pos", "neg"]
)
def test_contrastive_without_a_pair_is_zero_with_graph(loss: Callable[..., torch.Tensor], rows: int) -> None:
    features = torch.randn(3, 4, requires_grad=True)
    value = loss(features, torch.zeros(3, dtype=torch.int64), torch.arange(3) < rows)
    value.backward()
    assert value.item() == 0
    assert features.grad is not None
    assert (features.grad == 0).all()


def test_contrastive_of_rows_that_coincide_is_finite() -> None:
    features = torch.ones(4, 3, requires_grad=True)
    labels, mask = torch.tensor([0, 0, 1, 1]), torch.ones(4, dtype=torch.bool)
    value = positive_contrastive_loss(features, labels, mask) + negative_contrastive_loss(features, labels, mask, 2.0)
    value.backward()
    assert value.item() == pytest.approx(2)
    assert features.grad is not None
    assert torch.isfinite(features.grad).all()
