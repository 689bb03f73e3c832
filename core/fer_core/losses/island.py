"""Island loss: centre loss that also pushes the centres of different classes apart.

Source: J. Cai et al., "Island Loss for Learning Discriminative Features in Facial Expression Recognition", FG 2018;
Emotion-GCN thesis, eq. 4.3.1 to 4.3.3 (cosine) and its own Euclidean version, eq. 4.3.4, which names no update of the
centres. The sums run over ordered pairs, as printed; the centres move by eq. 4.3.2, whose mean over the |N| - 1
partners we read as covering both of its terms (the printed sum has no brackets, and the derivative needs them). See
:func:`fer_core.losses.center.pair_step` for the factor between the two, and for the Euclidean version.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from fer_core.losses.center import CenterLoss, pair_step
from fer_core.losses.rows import pair_distances


def cosine_island_penalty(centers: Tensor) -> Tensor:
    """``sum_j sum_{k != j} (cos(c_k, c_j) + 1)``, thesis eq. 4.3.1 without its first term and its weight.

    Args:
        centers: (E, F).

    Returns:
        A scalar in [0, 2 E (E - 1)].
    """
    directions = functional.normalize(centers, dim=1)
    cosines = directions @ directions.T  # (E, E)
    pairs = len(centers) * (len(centers) - 1)
    return cosines.sum() - cosines.diagonal().sum() + pairs


def euclidean_island_penalty(centers: Tensor, margin: float) -> Tensor:
    """``sum_j sum_{k != j} max(margin - ||c_k - c_j||, 0)^2``, thesis eq. 4.3.4 likewise.

    Args:
        centers: (E, F).
        margin: distance from which on two centres leave each other alone, in units of the features.

    Returns:
        A scalar, 0 or more.
    """
    others = ~torch.eye(len(centers), dtype=torch.bool, device=centers.device)
    return (margin - pair_distances(centers)[others]).clamp_min(0).square().sum()


class IslandLoss(CenterLoss):
    """Centre loss and cosine penalty.

    Args:
        classes: E.
        features: F.
        rate: of the centres, ``alpha`` of eq. 4.3.3.
        penalty_weight: ``lambda_1`` of eq. 4.3.1, 0 or more.

    Raises:
        ValueError: when one of them is out of its range.
    """

    def __init__(self, classes: int, features: int, rate: float = 0.5, penalty_weight: float = 0.1) -> None:
        super().__init__(classes, features, rate)
        if penalty_weight < 0:
            raise ValueError(f"penalty_weight must not be negative, got {penalty_weight}")
        self.penalty_weight = penalty_weight

    def _penalty(self, centers: Tensor) -> Tensor:
        return self.penalty_weight * cosine_island_penalty(centers)

    def _push(self) -> Tensor:
        return pair_step(self._penalty, self.centers, len(self.centers) - 1)


class EuclideanIslandLoss(IslandLoss):
    """Centre loss and Euclidean penalty.

    Args:
        classes: E.
        features: F.
        rate: of the centres.
        penalty_weight: ``lambda_1`` of eq. 4.3.4.
        margin: ``m`` of eq. 4.3.4, 0 or more; the thesis tries 2 and 5.

    Raises:
        ValueError: when one of them is out of its range.
    """

    def __init__(
        self, classes: int, features: int, rate: float = 0.5, penalty_weight: float = 0.1, margin: float = 5.0
    ) -> None:
        super().__init__(classes, features, rate, penalty_weight)
        if margin < 0:
            raise ValueError(f"margin must not be negative, got {margin}")
        self.margin = margin

    def _penalty(self, centers: Tensor) -> Tensor:
        return self.penalty_weight * euclidean_island_penalty(centers, self.margin)
