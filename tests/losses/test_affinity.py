import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'")

import torch

from fer_core.losses.affinity import AffinityLoss, affinity_loss

LABELS = torch.tensor([0, 2, 1, 2])
MASK = torch.tensor([True, True, False, True])


def made() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return (torch.randn(rows, 5, generator=generator, dtype=torch.float64, requires_grad=True) for rows in (4, 3))


def test_affinity_loss_equals_a_naive_loop():
    features, centers = made()
    spread = sum(centers[:, f].var() for f in range(5))
    rows = [0, 1, 3]
    total = sum(((features[i] - centers[LABELS[i]]) ** 2).sum() for i in rows)
    torch.testing.assert_close(affinity_loss(features, LABELS, MASK, centers, 0.0), total / spread / 3)


def test_affinity_loss_has_the_right_gradient():
    features, centers = made()
    assert torch.autograd.gradcheck(lambda x, c: affinity_loss(x, LABELS, MASK, c), (features, centers))


def test_affinity_loss_without_labels_is_zero_with_a_graph():
    features, centers = made()
    loss = affinity_loss(features, LABELS, torch.zeros(4, dtype=torch.bool), centers)
    loss.backward()
    assert loss.item() == 0
    assert features.grad.abs().max() == 0


def test_affinity_loss_refuses_centers_of_another_width():
    features, centers = made()
    with pytest.raises(ValueError, match=r"centers must be \(E, 5\)"):
        affinity_loss(features, LABELS, MASK, centers[:, :4])


def test_affinity_loss_module_learns_its_centers():
    features, _ = made()
    loss = AffinityLoss(3, 5)
    loss(features.detach().float(), LABELS, MASK).backward()
    assert loss.centers.grad.abs().max() > 0
