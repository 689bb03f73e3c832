import pytest
import torch

from fer_core.losses.center import center_loss, center_step
from fer_core.losses.island import (
    EuclideanIslandLoss,
    IslandLoss,
    cosine_island_penalty,
    euclidean_island_penalty,
)


def _centers(seed: int = 0, classes: int = 4, features: int = 3) -> torch.Tensor:
    return torch.randn(classes, features, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _naive_cosine(centers: torch.Tensor) -> float:
    total = 0.0
    for j in range(len(centers)):
        for k in range(len(centers)):
            if k != j:
                total += float(centers[k] @ centers[j] / (centers[k].norm() * centers[j].norm()) + 1)
    return total


def _naive_euclidean(centers: torch.Tensor, margin: float) -> float:
    total = 0.0
    for j in range(len(centers)):
        for k in range(len(centers)):
            if k != j:
                total += max(margin - float((centers[k] - centers[j]).norm()), 0) ** 2
    return total


def test_cosine_island_penalty_equals_naive_loop() -> None:
    assert cosine_island_penalty(_centers()).item() == pytest.approx(_naive_cosine(_centers()))


def test_euclidean_island_penalty_equals_naive_loop() -> None:
    centers = _centers(1)
    distances = torch.pdist(centers)
    margin = float(distances.median()) + 0.01
    assert (distances < margin).any()
    assert (distances > margin).any()
    assert euclidean_island_penalty(centers, margin).item() == pytest.approx(_naive_euclidean(centers, margin))


def test_island_penalties_gradient_is_right() -> None:
    centers = _centers(2).requires_grad_(True)
    assert torch.autograd.gradcheck(cosine_island_penalty, (centers,))
    assert torch.autograd.gradcheck(lambda c: euclidean_island_penalty(c, 2.0), (centers,))


def test_island_penalties_are_least_when_apart() -> None:
    opposite = torch.tensor([[3.0, 0.0], [-1.0, 0.0]])
    assert cosine_island_penalty(opposite).item() == pytest.approx(0)
    assert cosine_island_penalty(opposite.abs()).item() == pytest.approx(4)
    assert euclidean_island_penalty(opposite, 4.0).item() == 0
    assert euclidean_island_penalty(opposite, 5.0).item() == pytest.approx(2)


def test_island_loss_adds_center_loss_and_penalty(made_rows) -> None:
    rows = made_rows(classes=4)
    island = IslandLoss(4, 4, penalty_weight=0.3).double()
    pull = center_loss(rows.features, rows.labels, rows.mask, island.centers)
    expected = pull.item() + 0.3 * _naive_cosine(island.centers)
    assert island(rows.features, rows.labels, rows.mask).item() == pytest.approx(expected)
    euclidean = EuclideanIslandLoss(4, 4, penalty_weight=0.3, margin=2.5).double()
    pull = center_loss(rows.features, rows.labels, rows.mask, euclidean.centers)
    expected = pull.item() + 0.3 * _naive_euclidean(euclidean.centers, 2.5)
    assert euclidean(rows.features, rows.labels, rows.mask).item() == pytest.approx(expected)


def test_island_loss_features_gradient_is_right(made_rows) -> None:
    rows = made_rows(3)
    island = IslandLoss(3, 4).double()
    rows.features.requires_grad_(True)
    assert torch.autograd.gradcheck(lambda x: island(x, rows.labels, rows.mask), (rows.features,))


def test_island_update_is_the_printed_one(made_rows) -> None:
    """Eq. 4.3.2 and 4.3.3, term by term, with the mean over the partners taken of both terms."""
    rows = made_rows(4)
    rate, weight = 0.4, 0.7
    island = IslandLoss(3, 4, rate, weight).double()
    before = island.centers.clone()
    island.update(rows.features, rows.labels, rows.mask)
    for j in range(3):
        total, count = torch.zeros(4, dtype=torch.float64), 0
        for x, y in rows.kept:
            if y == j:
                total += before[j] - torch.tensor(x, dtype=torch.float64)
                count += 1
        push = torch.zeros(4, dtype=torch.float64)
        for k in range(3):
            if k != j:
                lengths = before[k].norm() * before[j].norm()
                push += before[k] / lengths - (before[k] @ before[j]) / (lengths * before[j].norm() ** 2) * before[j]
        expected = before[j] - rate * (total / (1 + count) + weight / 2 * push)
        torch.testing.assert_close(island.centers[j], expected)


def test_euclidean_island_update_is_half_the_mean_gradient_over_partners(made_rows) -> None:
    rows = made_rows(5)
    loss = EuclideanIslandLoss(3, 4, rate=0.4, penalty_weight=0.7, margin=6.0).double()
    before = loss.centers.clone()
    loss.update(rows.features, rows.labels, rows.mask)
    for j in range(3):
        push = torch.zeros(4, dtype=torch.float64)
        for k in range(3):
            if k != j:
                away = before[j] - before[k]
                push += -2 * max(6.0 - float(away.norm()), 0) * away / away.norm()
        pull = center_step(rows.features, rows.labels, rows.mask, before)[j]
        torch.testing.assert_close(loss.centers[j], before[j] - 0.4 * (pull + 0.7 * push / 2))


@pytest.mark.parametrize("kind", [IslandLoss, EuclideanIslandLoss])
def test_island_update_drives_centers_apart_while_no_row_holds_them(kind: type[IslandLoss]) -> None:
    torch.manual_seed(0)
    loss = kind(3, 4, penalty_weight=0.5)
    loss.centers[:] = torch.tensor([1.0, 0, 0, 0]) + 0.1 * torch.randn(3, 4)
    nothing = (torch.zeros(2, 4), torch.zeros(2, dtype=torch.int64), torch.zeros(2, dtype=torch.bool))
    penalties = []
    for _ in range(50):
        penalties.append(loss(*nothing).item())
        loss.update(*nothing)
    assert penalties[-1] < 0.6 * penalties[0]
    assert torch.isfinite(loss.centers).all()


def test_island_masked_rows_do_not_matter(made_rows) -> None:
    rows = made_rows(6)
    loss = IslandLoss(3, 4).double()
    value = loss(rows.features, rows.labels, rows.mask).item()
    spoilt = rows.features.clone()
    spoilt[~rows.mask] = torch.nan
    spoilt.requires_grad_(True)
    again = loss(spoilt, rows.labels, rows.mask)
    again.backward()
    assert again.item() == value
    assert torch.isfinite(spoilt.grad).all()
    assert (spoilt.grad[~rows.mask] == 0).all()
    empty = rows.features.clone().requires_grad_(True)
    loss(empty, rows.labels, torch.zeros_like(rows.mask)).backward()  # the penalty alone, still with a graph
    assert (empty.grad == 0).all()


def test_island_of_one_class_or_equal_centers_stays_finite() -> None:
    nothing = (torch.zeros(2, 4), torch.zeros(2, dtype=torch.int64), torch.zeros(2, dtype=torch.bool))
    for loss in (IslandLoss(1, 4), EuclideanIslandLoss(1, 4), IslandLoss(3, 4), EuclideanIslandLoss(3, 4)):
        loss.centers.zero_()
        loss.update(*nothing)
        assert torch.isfinite(loss.centers).all()
        assert torch.isfinite(loss(*nothing))
