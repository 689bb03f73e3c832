import copy

import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'")

import torch
from torch import nn

from fer_core.train.sam import SAM, frozen_running_statistics

CURVATURE = torch.tensor([1.0, 4.0, 0.5], dtype=torch.float64)


def quadratic(w: torch.Tensor) -> torch.Tensor:
    """Its gradient is CURVATURE * w."""
    return 0.5 * (CURVATURE * w.square()).sum()


def start() -> torch.Tensor:
    return torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64, requires_grad=True)


def sam_step(sam: SAM, w: torch.Tensor) -> None:
    quadratic(w).backward()
    sam.ascend()
    quadratic(w).backward()
    sam.descend()
    sam.zero_grad()


def test_sam_step_on_a_quadratic_is_the_analytic_one():
    w = start()
    sam = SAM(torch.optim.SGD([w], lr=0.1), rho=0.3)
    before = w.detach().clone()
    for _ in range(5):
        gradient = CURVATURE * before
        above = before + 0.3 * gradient / gradient.norm()
        before = before - 0.1 * CURVATURE * above
        sam_step(sam, w)
        torch.testing.assert_close(w.detach(), before)


def test_sam_looks_at_two_points_and_comes_back():
    w, seen = start(), []
    sam = SAM(torch.optim.SGD([w], lr=0.1), rho=0.3)
    low = w.detach().clone()
    for climb in (sam.ascend, sam.restore):
        seen.append(w.detach().clone())
        quadratic(w).backward()
        climb()
    assert torch.equal(seen[0], low)
    assert (seen[1] - low).norm().item() == pytest.approx(0.3)
    assert quadratic(seen[1]) > quadratic(low)
    assert torch.equal(w.detach(), low)  # to the bit
    torch.testing.assert_close(w.grad, CURVATURE * seen[1])  # of the upper point, for the optimiser's step


def test_sam_takes_the_norm_over_all_parameters_and_skips_those_without_gradient():
    a, b = (torch.full((2,), v, dtype=torch.float64, requires_grad=True) for v in (1.0, 2.0))
    unused = torch.ones(2, requires_grad=True)
    sam = SAM(torch.optim.SGD([{"params": [a]}, {"params": [b, unused]}], lr=0.1), rho=1.0)
    (3 * a.sum() + 4 * b.sum()).backward()
    sam.ascend()
    norm = (2 * 9 + 2 * 16) ** 0.5
    torch.testing.assert_close(a.detach(), torch.full((2,), 1 + 3 / norm, dtype=torch.float64))
    torch.testing.assert_close(b.detach(), torch.full((2,), 2 + 4 / norm, dtype=torch.float64))
    assert unused.tolist() == [1, 1]
    assert a.grad is None or not a.grad.any()


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW, torch.optim.RMSprop])
def test_sam_of_radius_zero_is_the_wrapped_optimiser(kind):
    plain, wrapped = start(), start()
    optimizer, sam = kind([plain], lr=0.05), SAM(kind([wrapped], lr=0.05), rho=0.0)
    for _ in range(4):
        optimizer.zero_grad()
        quadratic(plain).backward()
        optimizer.step()
        sam_step(sam, wrapped)
        torch.testing.assert_close(wrapped, plain, rtol=0, atol=0)


def test_sam_climbs_the_same_way_whatever_the_scale_of_the_loss():
    ends = []
    for scale in (1.0, 65536.0):
        w = start()
        sam = SAM(torch.optim.SGD([w], lr=0.1), rho=0.3)
        (scale * quadratic(w)).backward()
        sam.ascend()
        ends.append(w.detach().clone())
    torch.testing.assert_close(ends[0], ends[1])


@pytest.mark.parametrize("gradient", [0.0, float("nan"), float("inf")])
def test_sam_stays_where_no_way_leads_up(gradient):
    w = torch.ones(3, requires_grad=True)
    sam = SAM(torch.optim.SGD([w], lr=0.1))
    w.grad = torch.full((3,), gradient)
    sam.ascend()
    assert w.tolist() == [1, 1, 1]


def test_sam_shares_groups_and_state_with_the_wrapped_optimiser():
    w = start()
    sam = SAM(torch.optim.SGD([w], lr=0.1, momentum=0.9))
    for group in sam.param_groups:
        group["lr"] = 0.2
    assert sam.optimizer.param_groups[0]["lr"] == 0.2
    sam_step(sam, w)
    other = start()
    other.data.copy_(w.data)
    again = SAM(torch.optim.SGD([other], lr=0.1, momentum=0.9))
    again.load_state_dict(copy.deepcopy(sam.state_dict()))
    sam_step(sam, w)
    sam_step(again, other)
    torch.testing.assert_close(other, w, rtol=0, atol=0)


def test_sam_refuses_steps_in_the_wrong_order():
    w = start()
    sam = SAM(torch.optim.SGD([w], lr=0.1))
    with pytest.raises(RuntimeError, match="ascend"):
        sam.descend()
    quadratic(w).backward()
    sam.ascend()
    with pytest.raises(RuntimeError, match="descend"):
        sam.ascend()
    with pytest.raises(RuntimeError, match="save after"):
        sam.state_dict()
    with pytest.raises(ValueError, match="rho"):
        SAM(torch.optim.SGD([w], lr=0.1), rho=-1)


def test_frozen_running_statistics_normalise_by_the_batch_and_forget_it():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    batch = torch.randn(16, 3)
    before = {name: b.clone() for name, b in model.named_buffers()}
    with frozen_running_statistics(model):
        inside = model(batch)
    for name, b in model.named_buffers():
        assert torch.equal(b, before[name]), name
    outside = model(batch)
    torch.testing.assert_close(inside, outside)  # both by the statistics of the batch
    assert any(not torch.equal(b, before[name]) for name, b in model.named_buffers())
