"""Affinity loss of DAN: features near the centre of their class, in units of how far the centres lie apart.

Source: Z. Wen, W. Lin, T. Wang & G. Xu, "Distract Your Attention: Multi-head Cross Attention Network for Facial
Expression Recognition" (Biomimetics 8(2), 2023), section 3.1; as in its released code the centres are parameters of
the optimiser, their spread is the variance over the classes summed over the features, and the loss is the mean over the
labelled rows.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fer_core.losses.rows import labelled_features


def affinity_loss(features: Tensor, labels: Tensor, mask: Tensor, centers: Tensor, epsilon: float = 1e-8) -> Tensor:
    """Mean over the masked-in rows of ``||x_i - c_{y_i}||^2 / (sum_f var_e c_ef + epsilon)``.

    Args:
        features: (B, F).
        labels: (B,) int64 class indices; rows that are masked out may hold anything.
        mask: (B,) bool, True where the row has a class.
        centers: (E, F), E at least 2.
        epsilon: keeps centres that coincide from dividing by 0.

    Returns:
        A scalar, 0 with a graph when no row is masked in.

    Raises:
        ValueError: when the shapes do not fit, ``labels`` are not int64, or ``mask`` is not bool.
    """
    x, y = labelled_features(features, labels, mask)  # (M, F), (M,)
    if centers.ndim != 2 or len(centers) < 2 or centers.shape[1] != x.shape[1]:
        raise ValueError(f"centers must be (E, {x.shape[1]}), E at least 2, got {tuple(centers.shape)}")
    centers = centers.to(x.dtype)
    spread = centers.var(dim=0).sum()
    return (x - centers[y]).square().sum() / (max(len(x), 1) * (spread + epsilon))


class AffinityLoss(nn.Module):
    """Affinity loss with its centres.

    Args:
        classes: E, at least 2.
        features: F.
    """

    def __init__(self, classes: int, features: int) -> None:
        super().__init__()
        self.centers = nn.Parameter(torch.randn(classes, features))

    def forward(self, features: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
        """The loss, as of :func:`affinity_loss`."""
        return affinity_loss(features, labels, mask, self.centers)
