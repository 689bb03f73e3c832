import math

import pytest
import torch

from fer_core.losses.weighted_asymmetric import EPSILON, occurrence_weights, weighted_asymmetric_loss


def _batch(seed: int = 0, rows: int = 5, units: int = 4) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    probs = torch.rand(rows, units, generator=generator, dtype=torch.float64) * 0.9 + 0.05
    target = torch.rand(rows, units, generator=generator, dtype=torch.float64).round()
    target[torch.rand(rows, units, generator=generator) < 0.3] = torch.nan
    return probs, target, torch.rand(units, generator=generator, dtype=torch.float64) + 0.5


def _naive(probs: torch.Tensor, target: torch.Tensor, weights: torch.Tensor) -> float:
    terms = []
    for row in range(len(probs)):
        for unit in range(probs.shape[1]):
            p, y = float(probs[row, unit]), float(target[row, unit])
            if not math.isnan(y):
                terms.append(-float(weights[unit]) * (y * math.log(p) + (1 - y) * p * math.log(1 - p)))
    return sum(terms) / len(terms)


@pytest.mark.parametrize("detach", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_weighted_asymmetric_equals_naive_loop(detach: bool, weighted: bool) -> None:
    probs, target, weights = _batch()
    found = weighted_asymmetric_loss(probs, target, weights if weighted else None, detach)
    assert found.item() == pytest.approx(_naive(probs, target, weights if weighted else torch.ones(4)))


def test_weighted_asymmetric_gradient_through_the_focus_is_right() -> None:
    probs, target, weights = _batch(1)
    probs.requires_grad_(True)
    assert torch.autograd.gradcheck(lambda p: weighted_asymmetric_loss(p, target, weights, False), (probs,))


def test_weighted_asymmetric_gradient_around_the_focus_is_the_default_and_right() -> None:
    probs, target, weights = _batch(2)
    probs.requires_grad_(True)
    weighted_asymmetric_loss(probs, target, weights).backward()
    assert probs.grad is not None
    labelled = int((~target.isnan()).sum())
    for row in range(len(probs)):
        for unit in range(probs.shape[1]):
            p, y, w = probs[row, unit].item(), target[row, unit].item(), weights[unit].item()
            expected = 0.0 if math.isnan(y) else w * (-y / p + (1 - y) * p / (1 - p)) / labelled
            assert probs.grad[row, unit].item() == pytest.approx(expected)


def test_weighted_asymmetric_gradient_of_absent_units_differs_by_the_focus_alone() -> None:
    probs = torch.tensor([[0.3]], dtype=torch.float64, requires_grad=True)
    through, around = (
        torch.autograd.grad(weighted_asymmetric_loss(probs, torch.zeros(1, 1), None, d), probs)[0].item()
        for d in (False, True)
    )
    assert through - around == pytest.approx(-math.log(0.7))


def test_weighted_asymmetric_missing_entries_do_not_matter_even_with_nan_weights() -> None:
    probs, target, _ = _batch(3)
    missing = target.isnan()
    probs[missing] = torch.nan
    weights = torch.where(missing, torch.nan, 2.0)
    probs.requires_grad_(True)
    loss = weighted_asymmetric_loss(probs, target, weights)
    loss.backward()
    assert torch.isfinite(loss)
    assert probs.grad is not None
    assert (probs.grad[missing] == 0).all()
    assert (probs.grad[~missing] != 0).all()


def test_weighted_asymmetric_without_labels_is_zero_with_graph() -> None:
    probs = torch.rand(3, 4, requires_grad=True)
    loss = weighted_asymmetric_loss(probs, torch.full((3, 4), torch.nan), torch.ones(4))
    loss.backward()
    assert loss.item() == 0
    assert probs.grad is not None
    assert (probs.grad == 0).all()


def test_weighted_asymmetric_is_finite_at_zero_and_one() -> None:
    probs = torch.tensor([[0.0, 1.0]], requires_grad=True)
    loss = weighted_asymmetric_loss(probs, torch.tensor([[1.0, 0.0]]))
    loss.backward()
    assert loss.item() == pytest.approx(-math.log(EPSILON), rel=0.01)
    assert probs.grad is not None
    assert torch.isfinite(probs.grad).all()
    assert weighted_asymmetric_loss(probs, torch.tensor([[0.0, 1.0]])).item() == pytest.approx(0, abs=1e-5)


def test_occurrence_weights_equal_naive_loop_and_have_mean_one() -> None:
    _, target, _ = _batch(4, rows=200)
    rates = []
    for unit in range(4):
        labels = [float(v) for v in target[:, unit] if not math.isnan(float(v))]
        rates.append(sum(labels) / len(labels))
    expected = [4 * (1 / r) / sum(1 / q for q in rates) for r in rates]
    found = occurrence_weights(target)
    assert found.tolist() == pytest.approx(expected)
    assert found.mean().item() == pytest.approx(1)


def test_occurrence_weights_are_higher_for_rare_units() -> None:
    target = torch.tensor([[1.0, 1.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    assert occurrence_weights(target).tolist() == pytest.approx([0.4, 1.6])


def test_occurrence_weights_leave_out_units_that_are_never_labelled() -> None:
    target = torch.tensor([[1.0, torch.nan, 1.0], [1.0, torch.nan, 0.0]])
    assert occurrence_weights(target).tolist() == pytest.approx([2 / 3, 0, 4 / 3])


def test_occurrence_weights_name_the_unit_that_never_occurs() -> None:
    with pytest.raises(ValueError, match=r"\[1\]"):
        occurrence_weights(torch.tensor([[1.0, 0.0], [0.0, 0.0]]))


def test_weighted_asymmetric_names_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="probs and target"):
        weighted_asymmetric_loss(torch.zeros(3, 4), torch.zeros(3, 5))
    with pytest.raises(ValueError, match="weights"):
        weighted_asymmetric_loss(torch.zeros(3, 4), torch.zeros(3, 4), torch.ones(3))
