"""Centre-local loss: the centre of a class is the mean of its rows in the batch.

Source: W. Hayale, P. Negi and M. Mahoor, "Facial Expression Recognition Using Deep Siamese Neural Networks with a
Supervised Loss Function", FG 2019; Emotion-GCN thesis, eq. 4.2.4 with 4.2.1. Whether the gradient also runs through
the mean is left open and does not matter: the deviations from a mean sum to zero, so that the way through it adds
nothing. Deviation: the mean over the rows instead of their sum, as in :mod:`fer_core.losses.center`.
"""

from __future__ import annotations

from torch import Tensor

from fer_core.losses.center import center_loss
from fer_core.losses.rows import class_sums, labelled_features


def class_means(features: Tensor, labels: Tensor, mask: Tensor, classes: int) -> Tensor:
    """(E, F) mean of the masked-in rows of each class, thesis eq. 4.2.4; 0 for a class that the batch lacks.

    Args:
        features: (B, F).
        labels: (B,) int64 class indices; rows that are masked out may hold anything.
        mask: (B,) bool, True where the row has a class.
        classes: E.

    Raises:
        ValueError: when the shapes do not fit, ``labels`` are not int64, or ``mask`` is not bool.
    """
    x, y = labelled_features(features, labels, mask)
    sums, count = class_sums(x, y, classes)  # (E, F), (E,)
    return sums / count.clamp_min(1)[:, None]


def center_local_loss(features: Tensor, labels: Tensor, mask: Tensor, classes: int) -> Tensor:
    """Mean over the masked-in rows of ``1/2 ||x_i - mean of its class in the batch||^2``.

    Args: as of :func:`class_means`.

    Returns:
        A scalar, 0 with a graph when no row is masked in or no class has two rows.
    """
    return center_loss(features, labels, mask, class_means(features, labels, mask, classes))
