import pytest
import torch

from fer_core.losses.center import center_loss
from fer_core.losses.center_local import center_local_loss, class_means


def _naive_means(kept: list[tuple[list[float], int]], classes: int, features: int) -> torch.Tensor:
    means = torch.zeros(classes, features, dtype=torch.float64)
    for j in range(classes):
        members = [torch.tensor(x, dtype=torch.float64) for x, y in kept if y == j]
        if members:
            means[j] = sum(members) / len(members)
    return means


def test_class_means_equal_naive_loop(made_rows) -> None:
    rows = made_rows(classes=5)
    found = class_means(rows.features, rows.labels, rows.mask, 5)
    torch.testing.assert_close(found, _naive_means(rows.kept, 5, 4))


def test_center_local_loss_equals_naive_loop(made_rows) -> None:
    rows = made_rows()
    means = _naive_means(rows.kept, 3, 4)
    expected = [0.5 * (torch.tensor(x, dtype=torch.float64) - means[y]).square().sum().item() for x, y in rows.kept]
    found = center_local_loss(rows.features, rows.labels, rows.mask, 3)
    assert found.item() == pytest.approx(sum(expected) / len(expected))


def test_center_local_loss_gradient_is_right(made_rows) -> None:
    rows = made_rows(1)
    rows.features.requires_grad_(True)
    assert torch.autograd.gradcheck(lambda x: center_local_loss(x, rows.labels, rows.mask, 3), (rows.features,))


def test_center_local_loss_gradient_does_not_depend_on_the_way_through_the_means(made_rows) -> None:
    rows = made_rows(2)
    rows.features.requires_grad_(True)
    through = center_local_loss(rows.features, rows.labels, rows.mask, 3)
    constant = class_means(rows.features, rows.labels, rows.mask, 3).detach()
    around = center_loss(rows.features, rows.labels, rows.mask, constant)
    first, second = (torch.autograd.grad(loss, rows.features)[0] for loss in (through, around))
    torch.testing.assert_close(first, second)


def test_center_local_loss_masked_rows_do_not_matter(made_rows, check_masking) -> None:
    rows = made_rows(3)
    check_masking(lambda x, m: center_local_loss(x, rows.labels, m, 3), rows.features, rows.mask)


def test_center_local_loss_of_lonely_rows_is_zero() -> None:
    features = torch.randn(3, 4, requires_grad=True)
    loss = center_local_loss(features, torch.arange(3), torch.ones(3, dtype=torch.bool), 3)
    loss.backward()
    assert loss.item() == 0
    assert features.grad is not None
    assert (features.grad == 0).all()
