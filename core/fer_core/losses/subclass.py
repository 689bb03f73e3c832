"""Local subclass loss: every class has K centres, and a row is drawn to the nearest of its class.

Source: Z. Luo, J. Hu and W. Deng, "Local Subclass Constraint for Facial Expression Recognition in the Wild", ICPR
2018; Emotion-GCN thesis, eq. 4.3.5 to 4.3.7, and its own margin that keeps the centres of one class together, eq.
4.3.8. Eq. 4.3.7 is printed as a gradient but is the update rule of eq. 4.2.2, and we use it so. Eq. 4.3.8 runs over
``k in K`` and ``c_j, c_i in N_k`` where eq. 4.3.7 had k for the centre and j for the class; the text (*keeps the
centers of the same class close*) decides: the pairs are those inside one class. The thesis has no update for the
margin; see :func:`fer_core.losses.center.pair_step`. With K = 1 this is the centre loss.
"""

from __future__ import annotations

import torch
from torch import Tensor

from fer_core.losses.center import CenterLoss, center_loss, pair_step
from fer_core.losses.rows import labelled_features, pair_distances


def nearest_subclass(features: Tensor, labels: Tensor, mask: Tensor, centers: Tensor) -> Tensor:
    """For each row, ``class * K + subclass`` of the centre of its class that is nearest by Euclidean distance.

    Args:
        features: (B, F).
        labels: (B,) int64 class indices; rows that are masked out may hold anything.
        mask: (B,) bool, True where the row has a class.
        centers: (E, K, F).

    Returns:
        (B,) int64, -1 where ``mask`` is False. A tie goes to the lower subclass.

    Raises:
        ValueError: when the shapes do not fit, ``labels`` are not int64, or ``mask`` is not bool.
    """
    if centers.ndim != 3 or centers.shape[2] != features.shape[-1]:
        raise ValueError(f"centers must be (E, K, {features.shape[-1]}), got {tuple(centers.shape)}")
    with torch.no_grad():
        x, y = labelled_features(features, labels, mask)
        squared = (x[:, None] - centers.to(x.dtype)[y]).square().sum(dim=2)  # (M, K)
        slots = torch.full_like(labels, -1)
        slots[mask] = y * centers.shape[1] + squared.argmin(dim=1)
        return slots


def local_subclass_loss(features: Tensor, labels: Tensor, mask: Tensor, centers: Tensor) -> Tensor:
    """Mean over the masked-in rows of ``1/2 ||x_i - c||^2``, c the nearest centre of its class, thesis eq. 4.3.5.

    Args: as of :func:`nearest_subclass`.

    Returns:
        A scalar, 0 with a graph when no row is masked in.
    """
    slots = nearest_subclass(features, labels, mask, centers)
    return center_loss(features, slots, mask, centers.flatten(end_dim=1))


def subclass_margin_penalty(centers: Tensor, margin: float) -> Tensor:
    """``sum_k sum_j sum_{i != j} max(||c_k^j - c_k^i|| - margin, 0)^2``, k the class, thesis eq. 4.3.8.

    Args:
        centers: (E, K, F).
        margin: distance up to which centres of one class leave each other alone, 0 or more.

    Returns:
        A scalar, 0 or more.
    """
    distances = pair_distances(centers)  # (E, K, K); 0 on the diagonal, which adds nothing
    return (distances - margin).clamp_min(0).square().sum()


class LocalSubclassLoss(CenterLoss):
    """Local subclass loss together with its centres, ``centers`` (E * K, F).

    Args:
        classes: E.
        features: F.
        subclasses: K, the same for every class, at least 1.
        rate: of the centres.
        penalty_weight: ``lambda_1`` of eq. 4.3.8; 0 is the loss without margin.
        margin: ``m`` of eq. 4.3.8, in units of the features, 0 or more; the thesis uses 0.5.

    Raises:
        ValueError: when one of them is out of its range.
    """

    def __init__(
        self,
        classes: int,
        features: int,
        subclasses: int,
        rate: float = 0.5,
        penalty_weight: float = 0.0,
        margin: float = 0.5,
    ) -> None:
        if subclasses < 1:
            raise ValueError(f"subclasses must be at least 1, got {subclasses}")
        if penalty_weight < 0 or margin < 0:
            raise ValueError(f"penalty_weight and margin must not be negative, got {penalty_weight} and {margin}")
        super().__init__(classes * subclasses, features, rate)
        self.subclasses, self.penalty_weight, self.margin = subclasses, penalty_weight, margin

    def _slots(self, features: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
        return nearest_subclass(features, labels, mask, self._by_class(self.centers))

    def _penalty(self, centers: Tensor) -> Tensor:
        return self.penalty_weight * subclass_margin_penalty(self._by_class(centers), self.margin)

    def _push(self) -> Tensor:
        return pair_step(self._penalty, self.centers, self.subclasses - 1)

    def _by_class(self, centers: Tensor) -> Tensor:
        return centers.view(-1, self.subclasses, centers.shape[1])  # (E, K, F)
