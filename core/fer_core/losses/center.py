"""Centre loss, with the update of its centres.

Source: Y. Wen et al., "A Discriminative Feature Learning Approach for Deep Face Recognition", ECCV 2016; Emotion-GCN
thesis, eq. 4.2.1 to 4.2.3, and 4.3.3 for the step of a centre. Deviation: the loss is the mean over the labelled rows
where eq. 4.2.1 has the sum, so that its weight lambda does not depend on the batch size; eq. 4.2.2 (first half) then
holds up to that factor. The centres are no parameters of the optimiser: they move by their own rule.

``CenterLoss`` is also the base of the losses that add a penalty on pairs of centres (island, local subclass).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from fer_core.losses.rows import class_sums, labelled_features


def center_loss(features: Tensor, labels: Tensor, mask: Tensor, centers: Tensor) -> Tensor:
    """Mean over the masked-in rows of ``1/2 ||x_i - c_{y_i}||^2``.

    Args:
        features: (B, F).
        labels: (B,) int64 class indices; rows that are masked out may hold anything.
        mask: (B,) bool, True where the row has a class.
        centers: (E, F).

    Returns:
        A scalar, 0 with a graph when no row is masked in.

    Raises:
        ValueError: when the shapes do not fit, ``labels`` are not int64, or ``mask`` is not bool.
    """
    x, y = labelled_features(features, labels, mask)  # (M, F), (M,)
    if centers.ndim != 2 or centers.shape[1] != x.shape[1]:
        raise ValueError(f"centers must be (E, {x.shape[1]}) like the features, got {tuple(centers.shape)}")
    return 0.5 * (x - centers.to(x.dtype)[y]).square().sum() / max(len(x), 1)


def center_step(features: Tensor, labels: Tensor, mask: Tensor, centers: Tensor) -> Tensor:
    """``Delta c_j = sum_i [y_i = j] (c_j - x_i) / (1 + sum_i [y_i = j])``, thesis eq. 4.2.2 (second half).

    Where several processes train together, give each the rows of all, or their copies of the centres drift apart.

    Args: as of :func:`center_loss`.

    Returns:
        (E, F) without a graph, 0 for a class that the batch lacks.
    """
    with torch.no_grad():
        x, y = labelled_features(features, labels, mask)
        sums, count = class_sums(x, y, len(centers))  # (E, F), (E,)
        count = count[:, None]
        return ((count * centers - sums) / (1 + count)).to(centers.dtype)


def pair_step(penalty: Callable[[Tensor], Tensor], centers: Tensor, partners: int) -> Tensor:
    """How a penalty on pairs of centres moves each: its gradient, halved and divided by the partners a centre has.

    The penalties of the thesis (eq. 4.3.1, 4.3.4, 4.3.8) are sums over *ordered* pairs, so that their gradient counts
    every partner twice; its one printed update (eq. 4.3.2) counts it once and takes the mean. We follow that update,
    for the other penalties too.

    Returns:
        Like ``centers``, without a graph.
    """
    with torch.enable_grad():
        leaf = centers.detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(penalty(leaf), leaf)
    return gradient / (2 * max(partners, 1))


class CenterLoss(nn.Module):
    """Centre loss together with its centres, which belong to the checkpoint but not to the optimiser.

    Call it for the loss, then, once a step, :meth:`update` with the same features.

    Args:
        classes: E.
        features: F.
        rate: share of its step that a centre takes, ``alpha`` of eq. 4.3.3, in (0, 1].
    """

    centers: Tensor

    def __init__(self, classes: int, features: int, rate: float = 0.5) -> None:
        super().__init__()
        if not 0 < rate <= 1:
            raise ValueError(f"rate must lie in (0, 1], got {rate}")
        self.rate = rate
        self.register_buffer("centers", torch.randn(classes, features))

    def forward(self, features: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
        """The loss, as of :func:`center_loss`, with the penalty on the centres where there is one."""
        loss = center_loss(features, self._slots(features, labels, mask), mask, self.centers)
        return loss + self._penalty(self.centers)

    @torch.no_grad()
    def update(self, features: Tensor, labels: Tensor, mask: Tensor) -> None:
        """Moves the centres: ``c <- c - rate * Delta c``."""
        step = center_step(features, self._slots(features, labels, mask), mask, self.centers)
        self.centers -= self.rate * (step + self._push())

    def _slots(self, features: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
        """(B,) which centre each row belongs to."""
        return labels

    def _penalty(self, centers: Tensor) -> Tensor:
        """Scalar added to the loss."""
        return centers.new_zeros(())

    def _push(self) -> Tensor:
        """What the penalty adds to the step of the centres."""
        return torch.zeros_like(self.centers)
