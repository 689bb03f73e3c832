import pytest

pytest.importorskip("timm", reason="training needs the extra 'train'")

import timm
import torch
from torch import nn

from fer_core.losses.perceptual import PerceptualLoss


class Steps(nn.Module):
    """Two maps: the image's channels, and their halves at half the side; counts its calls' training modes."""

    feature_info = ("whole", "halved")

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward_intermediates(self, x, indices, intermediates_only, stop_early):
        assert intermediates_only
        assert stop_early
        maps = [x * self.weight, nn.functional.avg_pool2d(x, 2) * self.weight]
        return [maps[i] for i in indices]


def naive(image, target, depths):
    """The mean over depths, values, of the difference of unit vectors, one place at a time."""
    means = []
    for depth in depths:
        maps = [Steps().forward_intermediates(x, [depth], True, True)[0].detach() for x in (image, target)]
        total, count = 0.0, 0
        for b in range(maps[0].shape[0]):
            for row in range(maps[0].shape[2]):
                for column in range(maps[0].shape[3]):
                    a, t = (m[b, :, row, column] for m in maps)
                    total += float((a / a.norm() - t / t.norm()).abs().sum())
                    count += len(a)
        means.append(total / count)
    return sum(means) / len(means)


def test_perceptual_loss_equals_a_naive_loop():
    image, target = torch.randn(2, 2, 3, 4, 4, generator=torch.Generator().manual_seed(0)).unbind()
    assert PerceptualLoss(Steps(), (0, 1))(image, target).item() == pytest.approx(
        naive(image, target, (0, 1)), rel=1e-4
    )


def test_perceptual_loss_teaches_the_image_and_nothing_else():
    network = timm.create_model("test_efficientnet", pretrained=False)
    loss = PerceptualLoss(network, (0, 1)).train()
    assert not network.training
    image = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(0)).requires_grad_()
    target = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(1)).requires_grad_()
    value = loss(image, target)
    value.backward()
    assert 0 < value.item() < 2
    assert image.grad.abs().max() > 0
    assert target.grad is None
    assert all(p.grad is None and not p.requires_grad for p in network.parameters())
    assert loss(target, target).item() == 0


def test_perceptual_loss_gradient():
    image, target = torch.rand(2, 1, 3, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(2)).unbind()
    loss = PerceptualLoss(Steps().double(), (0,))
    assert torch.autograd.gradcheck(lambda x: loss(x, target), (image.requires_grad_(),))


def test_perceptual_loss_refuses_what_it_cannot_compare():
    with pytest.raises(ValueError, match="at least one feature map"):
        PerceptualLoss(Steps(), ())
    with pytest.raises(ValueError, match="gives no feature maps"):
        PerceptualLoss(nn.Linear(1, 1))
    with pytest.raises(ValueError, match="one shape"):
        PerceptualLoss(Steps(), (0, 1))(torch.zeros(1, 3, 4, 4), torch.zeros(1, 1, 4, 4))
    for depths in ((0, 1, 2), (-1,)):
        with pytest.raises(ValueError, match=r"depths must lie in 0\.\.1: Steps gives 2 feature maps"):
            PerceptualLoss(Steps(), depths)
