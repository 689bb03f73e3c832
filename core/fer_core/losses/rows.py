"""The rows of a batch that a loss looks at: those that have the label."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def check_mask(mask: Tensor, rows: int) -> None:
    """Raises ``ValueError`` unless ``mask`` is bool of shape ``(rows,)``."""
    if mask.dtype != torch.bool or mask.shape != (rows,):
        raise ValueError(f"mask must be bool of shape ({rows},), got {mask.dtype} {tuple(mask.shape)}")


def masked_rows(values: Tensor, mask: Tensor) -> Tensor:
    """(M, ...) masked-in rows of (B, ...), in single precision or better.

    Indexing instead of multiplying keeps the NaN of what is missing out of value and gradient, and keeps a graph when
    nothing is left; half precision would lose small probabilities and the sums of long feature vectors.
    """
    rows = values[mask]
    return rows.to(torch.promote_types(rows.dtype, torch.float32))


def labelled_features(features: Tensor, labels: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Features (M, F) and class indices (M,) of the masked-in rows.

    Args:
        features: (B, F).
        labels: (B,) int64 class indices; rows that are masked out may hold anything, -1 too.
        mask: (B,) bool, True where the row has a class.

    Raises:
        ValueError: when the shapes do not fit, ``labels`` are not int64, or ``mask`` is not bool.
    """
    if features.ndim != 2 or labels.shape != features.shape[:1] or labels.dtype != torch.int64:
        raise ValueError(
            f"need features (B, F) and int64 labels (B,), got {tuple(features.shape)} and "
            f"{labels.dtype} {tuple(labels.shape)}"
        )
    check_mask(mask, len(features))
    return masked_rows(features, mask), labels[mask]


def class_sums(rows: Tensor, labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Sum (E, F) of the rows (M, F) of each class, and their number (E,), for labels (M,) in ``0..classes-1``.

    A product with the one-hot labels, at full precision: adding in place would depend on the order in which a GPU
    happens to run.
    """
    with torch.autocast(rows.device.type, enabled=False):
        member = functional.one_hot(labels, classes).to(rows.dtype)  # (M, E)
        return member.T @ rows, member.sum(dim=0)


def pair_distances(rows: Tensor) -> Tensor:
    """Euclidean distances (..., M, M) between all rows (..., M, F); rows that coincide give each other no gradient.

    By differences, not by products, which lose the small distances. ``torch.pdist`` would halve the work, but its
    gradient kills the process when there are fewer than two rows.
    """
    distances: Tensor = torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist")
    return distances
