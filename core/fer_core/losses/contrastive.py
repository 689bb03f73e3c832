"""Contrastive losses on the pairs of a batch.

Source: Emotion-GCN thesis, eq. 4.4.1 (positive pairs, of one class) and 4.4.2 (negative pairs, of different classes,
with a margin), after R. Hadsell, S. Chopra and Y. LeCun, "Dimensionality Reduction by Learning an Invariant Mapping",
CVPR 2006. ``|C|`` is read as the number of such pairs ``i < j`` in the batch.
"""

from __future__ import annotations

import torch
from torch import Tensor

from fer_core.losses.rows import labelled_features, pair_distances


def positive_contrastive_loss(features: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
    """``1 / (2 |C_pos|) sum_{i < j} [y_i = y_j] ||x_i - x_j||^2`` over the masked-in rows.

    Args:
        features: (B, F).
        labels: (B,) int64 class indices; rows that are masked out may hold anything.
        mask: (B,) bool, True where the row has a class.

    Returns:
        A scalar, 0 with a graph when there is no such pair.

    Raises:
        ValueError: when the shapes do not fit, ``labels`` are not int64, or ``mask`` is not bool.
    """
    distances, same = _pairs(features, labels, mask)
    chosen = distances[same]
    return chosen.square().sum() / (2 * max(len(chosen), 1))


def negative_contrastive_loss(features: Tensor, labels: Tensor, mask: Tensor, margin: float) -> Tensor:
    """``1 / (2 |C_neg|) sum_{i < j} [y_i != y_j] max(0, margin - ||x_i - x_j||)^2`` over the masked-in rows.

    Args: as of :func:`positive_contrastive_loss`, and
        margin: distance from which on a pair leaves each other alone, in units of the features.

    Returns:
        A scalar, 0 with a graph when there is no such pair. Rows that coincide get no gradient from each other: no
        direction leads apart.
    """
    distances, same = _pairs(features, labels, mask)
    chosen = distances[~same]
    return (margin - chosen).clamp_min(0).square().sum() / (2 * max(len(chosen), 1))


def _pairs(features: Tensor, labels: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Distances (P,) of all pairs ``i < j`` of the masked-in rows, and whether the two are of one class."""
    x, y = labelled_features(features, labels, mask)
    first, second = torch.triu_indices(len(x), len(x), offset=1, device=x.device)
    return pair_distances(x)[first, second], y[first] == y[second]
