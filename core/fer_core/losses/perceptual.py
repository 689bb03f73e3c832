"""Reconstruction as pixels and as features of a trained network.

Source: Z. Li et al., "Semantic Data Augmentation for Long-tailed Facial Expression Recognition", eq. 3:
``L_r = |x - x'| + lambda_p |P(x) - P(x')|``, with ``P`` after R. Zhang et al., "The Unreasonable Effectiveness of Deep
Features as a Perceptual Metric", CVPR 2018. From the latter: features of several depths, each place's vector scaled to
length 1. Its learned weights of channels are left out, for the paper takes a plain L1 norm. Norms are means over all
values, so that the weights mean the same at every size.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

#: Keeps the gradient of a vanishing feature vector finite.
_EPSILON = 1e-6


class PerceptualLoss(nn.Module):
    """Distance of images in the features of a frozen network.

    Args:
        network: a timm backbone with ``forward_intermediates``, such as
            :func:`fer_core.models.backbones.create_backbone` gives, for images of three channels in -1..1. It is frozen
            and stays in evaluation mode.
        depths: which of its feature maps, 0 the finest.

    Raises:
        ValueError: when there is no depth, or the network gives no feature maps, or not as many.
    """

    def __init__(self, network: nn.Module, depths: Sequence[int] = (0, 1, 2)) -> None:
        super().__init__()
        if not depths:
            raise ValueError("depths must name at least one feature map, such as (0, 1, 2)")
        if not hasattr(network, "forward_intermediates"):
            raise ValueError(f"{type(network).__name__} gives no feature maps; take a convolutional timm backbone")
        maps = len(network.feature_info)  # type: ignore[arg-type]
        if not all(0 <= depth < maps for depth in depths):
            raise ValueError(f"depths must lie in 0..{maps - 1}: {type(network).__name__} gives {maps} feature maps")
        self.network = network.eval().requires_grad_(False)
        self.depths = tuple(depths)

    def train(self, mode: bool = True) -> PerceptualLoss:
        """Leaves the network in evaluation mode: its statistics are part of the measure."""
        super().train(mode)
        self.network.eval()
        return self

    def forward(self, image: Tensor, target: Tensor) -> Tensor:
        """Mean over depths of the mean absolute difference of unit feature vectors, a scalar in 0..2.

        Args:
            image: (B, K, S, S) in -1..1 with K 1 or 3; gradients flow to it alone.
            target: of the same shape.

        Raises:
            ValueError: when the shapes differ.
        """
        if image.shape != target.shape:
            raise ValueError(f"image {tuple(image.shape)} and target {tuple(target.shape)} must have one shape")
        with torch.no_grad():
            wanted = self._features(target)
        found = self._features(image)
        apart = [(a - b).abs().mean() for a, b in zip(found, wanted, strict=True)]
        return torch.stack(apart).mean()

    def _features(self, image: Tensor) -> list[Tensor]:
        maps: list[Tensor] = self.network.forward_intermediates(  # type: ignore[operator]
            image.expand(-1, 3, -1, -1), indices=list(self.depths), intermediates_only=True, stop_early=True
        )
        return [m / (m.square().sum(dim=1, keepdim=True) + _EPSILON).sqrt() for m in maps]
