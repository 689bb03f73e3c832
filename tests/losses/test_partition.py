import math

import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'")

import torch

from fer_core.losses.partition import partition_loss


def made() -> torch.Tensor:
    return torch.randn(
        3, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True
    )  # fmt: skip


def test_partition_loss_equals_a_naive_loop():
    attention = made()
    variances = [attention.detach()[b, :, c].var() for b in range(3) for c in range(5)]
    expected = math.log(1 + 4 / (sum(variances).item() / 15))
    assert partition_loss(attention, 0.0).item() == pytest.approx(expected)


def test_partition_loss_has_the_right_gradient():
    assert torch.autograd.gradcheck(partition_loss, (made(),))


def test_partition_loss_falls_when_heads_differ_more():
    assert partition_loss(3 * made()) < partition_loss(made())


def test_partition_loss_of_one_head_is_zero_with_a_graph():
    attention = made()
    loss = partition_loss(attention[:, :1])
    loss.backward()
    assert loss.item() == 0
    assert attention.grad.abs().max() == 0


def test_partition_loss_refuses_another_shape():
    with pytest.raises(ValueError, match=r"\(B, K, C\)"):
        partition_loss(torch.zeros(3, 4))
