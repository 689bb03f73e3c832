import pytest
import torch

from fer_core.losses.center import CenterLoss, center_loss, center_step


def _centers(classes: int = 3, features: int = 4) -> torch.Tensor:
    return torch.randn(classes, features, generator=torch.Generator().manual_seed(9), dtype=torch.float64)


def _naive_step(kept: list[tuple[list[float], int]], centers: torch.Tensor) -> torch.Tensor:
    step = torch.zeros_like(centers)
    for j in range(len(centers)):
        total, count = torch.zeros(centers.shape[1], dtype=torch.float64), 0
        for x, y in kept:
            if y == j:
                total += centers[j] - torch.tensor(x, dtype=torch.float64)
                count += 1
        step[j] = total / (1 + count)
    return step


def test_center_loss_equals_naive_loop(made_rows) -> None:
    rows, centers = made_rows(), _centers()
    expected = [0.5 * sum((a - b) ** 2 for a, b in zip(x, centers[y].tolist(), strict=True)) for x, y in rows.kept]
    found = center_loss(rows.features, rows.labels, rows.mask, centers)
    assert found.item() == pytest.approx(sum(expected) / len(expected))


def test_center_loss_gradient_is_right_for_features_and_centers(made_rows) -> None:
    rows = made_rows(1)
    leaves = (rows.features.requires_grad_(True), _centers().requires_grad_(True))
    assert torch.autograd.gradcheck(lambda x, c: center_loss(x, rows.labels, rows.mask, c), leaves)


def test_center_loss_gradient_is_the_printed_one_over_the_rows(made_rows) -> None:
    rows, centers = made_rows(2), _centers()
    rows.features.requires_grad_(True)
    center_loss(rows.features, rows.labels, rows.mask, centers).backward()
    for i in range(len(rows.mask)):
        expected = (rows.features[i] - centers[rows.labels[i]]) / rows.mask.sum() if rows.mask[i] else 0
        torch.testing.assert_close(rows.features.grad[i], expected + torch.zeros(4, dtype=torch.float64))


def test_center_loss_masked_rows_do_not_matter(made_rows, check_masking) -> None:
    rows, centers = made_rows(3), _centers()
    check_masking(lambda x, m: center_loss(x, rows.labels, m, centers), rows.features, rows.mask)


def test_center_step_equals_naive_loop(made_rows) -> None:
    rows, centers = made_rows(4), _centers()
    rows.features[~rows.mask] = torch.nan
    torch.testing.assert_close(
        center_step(rows.features, rows.labels, rows.mask, centers), _naive_step(rows.kept, centers)
    )


def test_center_step_leaves_classes_that_the_batch_lacks(made_rows) -> None:
    rows = made_rows(5)
    step = center_step(rows.features, torch.where(rows.mask, 1, -1), rows.mask, _centers())
    assert (step[[0, 2]] == 0).all()
    assert (step[1] != 0).all()


def test_center_module_moves_its_centers_by_the_rate_and_by_nothing_else(made_rows) -> None:
    rows = made_rows(6)
    loss = CenterLoss(3, 4, rate=0.25).double()
    before = loss.centers.clone()
    loss(rows.features.requires_grad_(True), rows.labels, rows.mask).backward()
    torch.testing.assert_close(loss.centers, before)
    assert list(loss.parameters()) == []
    loss.update(rows.features, rows.labels, rows.mask)
    torch.testing.assert_close(loss.centers, before - 0.25 * _naive_step(rows.kept, before))
    assert not loss.centers.requires_grad


def test_center_module_of_an_empty_batch_stays(made_rows) -> None:
    rows = made_rows(6)
    loss = CenterLoss(3, 4).double()
    before = loss.centers.clone()
    loss.update(rows.features * torch.nan, rows.labels, torch.zeros_like(rows.mask))
    torch.testing.assert_close(loss.centers, before, rtol=0, atol=0)


def test_center_module_finds_the_means_of_the_classes() -> None:
    generator = torch.Generator().manual_seed(0)
    means = torch.tensor([[5.0, 0.0], [0.0, -5.0]])
    labels = torch.arange(40) % 2
    mask = torch.ones(40, dtype=torch.bool)
    loss = CenterLoss(2, 2)
    for _ in range(60):
        loss.update(means[labels] + 0.1 * torch.randn(40, 2, generator=generator), labels, mask)
    assert (loss.centers - means).abs().max() < 0.1


def test_center_module_survives_a_checkpoint(made_rows) -> None:
    rows = made_rows(7)
    first, second = CenterLoss(3, 4).double(), CenterLoss(3, 4).double()
    first.update(rows.features, rows.labels, rows.mask)
    second.load_state_dict(first.state_dict())
    torch.testing.assert_close(second.centers, first.centers, rtol=0, atol=0)


def test_center_loss_names_what_does_not_fit(made_rows) -> None:
    rows = made_rows()
    with pytest.raises(ValueError, match="centers must be"):
        center_loss(rows.features, rows.labels, rows.mask, torch.zeros(3, 5))
    with pytest.raises(ValueError, match="rate"):
        CenterLoss(3, 4, rate=0)
