import math

import pytest
import torch

from fer_core.losses.center import center_loss
from fer_core.losses.center_local import class_means
from fer_core.losses.va_center import va_center_loss, va_center_weights


def _va(rows: int = 9, seed: int = 0) -> torch.Tensor:
    va = torch.rand(rows, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 2 - 1
    va[3] = torch.nan
    return va


def _naive(rows, va: torch.Tensor, centers: torch.Tensor, axes: tuple[int, ...]) -> float:
    """Eq. 4.5.1 to 4.5.3 over the rows that have a class and valence-arousal."""
    both = [i for i in range(len(va)) if rows.mask[i] and not va[i].isnan().any()]
    terms = []
    for i in both:
        same = [n for n in both if rows.labels[n] == rows.labels[i]]
        squared = 0.0
        for axis in axes:
            mean = sum(float(va[n, axis]) for n in same) / len(same)
            squared += (float(va[i, axis]) - mean) ** 2
        weight = (2 * math.sqrt(len(axes)) - math.sqrt(squared)) ** 2 / 4
        terms.append(0.5 * weight * float((rows.features[i] - centers[rows.labels[i]]).square().sum()))
    return sum(terms) / len(terms)


@pytest.mark.parametrize("axes", [(0, 1), (0,), (1,)])
def test_va_center_loss_equals_naive_loop(made_rows, axes: tuple[int, ...]) -> None:
    rows, va = made_rows(), _va()
    assert rows.mask[3]
    centers = torch.randn(3, 4, dtype=torch.float64)
    found = va_center_loss(rows.features, rows.labels, rows.mask, va, 3, centers, axes)
    assert found.item() == pytest.approx(_naive(rows, va, centers, axes))


def test_va_center_loss_without_centers_uses_the_means_of_the_rows_that_count(made_rows) -> None:
    rows, va = made_rows(1), _va()
    both = rows.mask & ~va.isnan().any(dim=1)
    means = class_means(rows.features, rows.labels, both, 3)
    found = va_center_loss(rows.features, rows.labels, rows.mask, va, 3)
    assert found.item() == pytest.approx(_naive(rows, va, means, (0, 1)))


def test_va_center_loss_gradient_is_right(made_rows) -> None:
    rows, va = made_rows(2), _va()
    leaves = (rows.features.requires_grad_(True), torch.randn(3, 4, dtype=torch.float64, requires_grad=True))
    assert torch.autograd.gradcheck(lambda x, c: va_center_loss(x, rows.labels, rows.mask, va, 3, c), leaves)


def test_va_center_loss_holds_the_means_of_the_batch_constant(made_rows) -> None:
    rows, va = made_rows(3), _va()
    rows.features.requires_grad_(True)
    both = rows.mask & ~va.isnan().any(dim=1)
    means = class_means(rows.features, rows.labels, both, 3).detach()
    losses = [va_center_loss(rows.features, rows.labels, rows.mask, va, 3, c) for c in (None, means)]
    first, second = (torch.autograd.grad(loss, rows.features)[0] for loss in losses)
    torch.testing.assert_close(first, second)


def test_va_center_weights_are_high_near_the_class_and_low_far_from_it() -> None:
    labels, mask = torch.zeros(2, dtype=torch.int64), torch.ones(2, dtype=torch.bool)
    same = va_center_weights(torch.full((2, 2), 0.3), labels, mask, 1)
    apart = va_center_weights(torch.tensor([[-1.0, -1.0], [1.0, 1.0]]), labels, mask, 1)
    assert same.tolist() == pytest.approx([2, 2])  # d_max^2 / 4
    assert apart.tolist() == pytest.approx([0.5, 0.5])  # the mean lies half-way
    one_axis = va_center_weights(torch.full((2, 2), 0.3), labels, mask, 1, axes=(1,))
    assert one_axis.tolist() == pytest.approx([1, 1])


def test_va_center_loss_of_equal_va_is_twice_the_center_loss(made_rows) -> None:
    rows, centers = made_rows(4), torch.randn(3, 4, dtype=torch.float64)
    found = va_center_loss(rows.features, rows.labels, rows.mask, torch.full((9, 2), 0.1), 3, centers)
    torch.testing.assert_close(found, 2 * center_loss(rows.features, rows.labels, rows.mask, centers))


def test_va_center_loss_rows_without_either_label_do_not_matter(made_rows, check_masking) -> None:
    rows, va = made_rows(5), _va()
    centers = torch.randn(3, 4, dtype=torch.float64)
    both = rows.mask & ~va.isnan().any(dim=1)
    for given in (None, centers):
        check_masking(lambda x, m, c=given: va_center_loss(x, rows.labels, m, va, 3, c), rows.features, both)
    spoilt = rows.features.clone()
    spoilt[3] = torch.nan  # has a class, but no valence-arousal
    found = va_center_loss(spoilt, rows.labels, rows.mask, va, 3)
    assert torch.isfinite(found)


def test_va_center_loss_names_what_does_not_fit(made_rows) -> None:
    rows = made_rows()
    with pytest.raises(ValueError, match="va must be"):
        va_center_loss(rows.features, rows.labels, rows.mask, torch.zeros(9, 3), 3)
    with pytest.raises(ValueError, match="centers must be"):
        va_center_loss(rows.features, rows.labels, rows.mask, torch.zeros(9, 2), 3, torch.zeros(2, 4))
