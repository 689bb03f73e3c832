import pytest
import torch

from fer_core.losses.center import CenterLoss
from fer_core.losses.subclass import (
    LocalSubclassLoss,
    local_subclass_loss,
    nearest_subclass,
    subclass_margin_penalty,
)


def _centers(seed: int = 0, classes: int = 3, subclasses: int = 4, features: int = 4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(classes, subclasses, features, generator=generator, dtype=torch.float64)


def _naive_nearest(x: list[float], y: int, centers: torch.Tensor) -> tuple[int, float]:
    distances = [
        sum((a - b) ** 2 for a, b in zip(x, centers[y, k].tolist(), strict=True)) for k in range(centers.shape[1])
    ]
    return distances.index(min(distances)), min(distances)


def _naive_margin(centers: torch.Tensor, margin: float) -> float:
    total = 0.0
    for k in range(centers.shape[0]):
        for j in range(centers.shape[1]):
            for i in range(centers.shape[1]):
                if i != j:
                    total += max(float((centers[k, j] - centers[k, i]).norm()) - margin, 0) ** 2
    return total


def test_nearest_subclass_equals_naive_loop(made_rows) -> None:
    rows, centers = made_rows(rows=30), _centers()
    found = nearest_subclass(rows.features, rows.labels, rows.mask, centers)
    assert (found[~rows.mask] == -1).all()
    expected = [y * 4 + _naive_nearest(x, y, centers)[0] for x, y in rows.kept]
    assert found[rows.mask].tolist() == expected
    assert len(set(expected)) > 3


def test_local_subclass_loss_equals_naive_loop(made_rows) -> None:
    rows, centers = made_rows(1), _centers(1)
    expected = [0.5 * _naive_nearest(x, y, centers)[1] for x, y in rows.kept]
    found = local_subclass_loss(rows.features, rows.labels, rows.mask, centers)
    assert found.item() == pytest.approx(sum(expected) / len(expected))


def test_local_subclass_loss_gradient_is_right(made_rows) -> None:
    rows = made_rows(2)
    leaves = (rows.features.requires_grad_(True), _centers(2).requires_grad_(True))
    assert torch.autograd.gradcheck(lambda x, c: local_subclass_loss(x, rows.labels, rows.mask, c), leaves)


def test_subclass_margin_penalty_equals_naive_loop_and_its_gradient_is_right() -> None:
    centers = _centers(3).requires_grad_(True)
    assert subclass_margin_penalty(centers, 2.0).item() == pytest.approx(_naive_margin(centers.detach(), 2.0))
    assert torch.autograd.gradcheck(lambda c: subclass_margin_penalty(c, 2.0), (centers,))


def test_subclass_margin_penalty_looks_inside_classes_only() -> None:
    centers = torch.zeros(2, 2, 3)
    centers[1] += 50
    assert subclass_margin_penalty(centers, 0.5).item() == 0


def test_local_subclass_loss_masked_rows_do_not_matter(made_rows, check_masking) -> None:
    rows, centers = made_rows(4), _centers(4)
    check_masking(lambda x, m: local_subclass_loss(x, rows.labels, m, centers), rows.features, rows.mask)


def test_local_subclass_module_of_one_subclass_is_the_center_loss(made_rows) -> None:
    rows = made_rows(5)
    plain, one = CenterLoss(3, 4, 0.3).double(), LocalSubclassLoss(3, 4, 1, 0.3, penalty_weight=0.5).double()
    one.load_state_dict(plain.state_dict())
    arguments = (rows.features, rows.labels, rows.mask)
    for _ in range(3):
        torch.testing.assert_close(one(*arguments), plain(*arguments))
        one.update(*arguments)
        plain.update(*arguments)
        torch.testing.assert_close(one.centers, plain.centers)


@pytest.mark.parametrize("weight", [0.0, 0.6])
def test_local_subclass_module_moves_the_nearest_centers_and_by_the_margin(made_rows, weight: float) -> None:
    rows = made_rows(6)
    loss = LocalSubclassLoss(3, 4, 4, rate=0.4, penalty_weight=weight, margin=0.5).double()
    before = loss.centers.view(3, 4, 4).clone()
    loss.update(rows.features, rows.labels, rows.mask)
    chosen = [(y, _naive_nearest(x, y, before)[0], torch.tensor(x, dtype=torch.float64)) for x, y in rows.kept]
    for k in range(3):
        for j in range(4):
            mine = [x for y, nearest, x in chosen if (y, nearest) == (k, j)]
            step = sum((before[k, j] - x for x in mine), torch.zeros(4, dtype=torch.float64)) / (1 + len(mine))
            for i in range(4):
                if i != j:
                    away = before[k, j] - before[k, i]
                    step = step + weight * 2 * max(float(away.norm()) - 0.5, 0) * away / away.norm() / 3
            torch.testing.assert_close(loss.centers.view(3, 4, 4)[k, j], before[k, j] - 0.4 * step)


def test_local_subclass_margin_brings_in_centers_that_no_row_chooses() -> None:
    torch.manual_seed(1)
    nothing = (torch.zeros(2, 8), torch.zeros(2, dtype=torch.int64), torch.zeros(2, dtype=torch.bool))
    free, held = LocalSubclassLoss(2, 8, 3), LocalSubclassLoss(2, 8, 3, penalty_weight=0.1, margin=0.5)
    start = [subclass_margin_penalty(loss.centers.view(2, 3, 8), 0.5).item() for loss in (free, held)]
    for _ in range(200):
        free.update(*nothing)
        held.update(*nothing)
    end = [subclass_margin_penalty(loss.centers.view(2, 3, 8), 0.5).item() for loss in (free, held)]
    assert end[0] == pytest.approx(start[0])
    assert end[1] < 1e-3 * start[1]


def test_local_subclass_loss_adds_the_margin(made_rows) -> None:
    rows = made_rows(7)
    loss = LocalSubclassLoss(3, 4, 4, penalty_weight=0.6).double()
    centers = loss.centers.view(3, 4, 4)
    plain = local_subclass_loss(rows.features, rows.labels, rows.mask, centers).item()
    expected = plain + 0.6 * _naive_margin(centers, 0.5)
    assert loss(rows.features, rows.labels, rows.mask).item() == pytest.approx(expected)


def test_local_subclass_names_what_does_not_fit(made_rows) -> None:
    rows = made_rows()
    with pytest.raises(ValueError, match="centers must be"):
        local_subclass_loss(rows.features, rows.labels, rows.mask, torch.zeros(3, 4))
    with pytest.raises(ValueError, match="margin"):
        LocalSubclassLoss(3, 4, 2, margin=-1)
