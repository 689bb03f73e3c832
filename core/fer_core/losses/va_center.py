"""Centre loss that lets go of samples whose valence and arousal differ from those of their class.

Source: VA-based centre loss of the Emotion-GCN thesis, eq. 4.5.1 to 4.5.3. Table 4.1 names it *VA-based center local
loss*, the equations say centre loss: both are here, by the centres that are passed, or none for the means of the
batch. Those are held constant, as eq. 4.2.2 takes the gradient with respect to the features alone; with weights that
differ the way through the mean would not cancel. The sums of eq. 4.5.2 run over the batch, as printed. Table 4.1 also
has *only V* and *only A*: then ``d_max`` is 2, the length of one axis. Deviation: the mean over the rows instead of
their sum, as in :mod:`fer_core.losses.center`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fer_core.labels import VA_RANGE
from fer_core.losses.center_local import class_means
from fer_core.losses.rows import check_mask, labelled_features


def va_center_weights(va: Tensor, labels: Tensor, mask: Tensor, classes: int, axes: Sequence[int] = (0, 1)) -> Tensor:
    """``w_i = (d_max - d_i)^2 / 4``, d_i the distance of a row from the mean of its class, thesis eq. 4.5.2, 4.5.3.

    Args:
        va: (B, 2) valence and arousal in [-1, 1]; rows that are masked out may hold anything, NaN too.
        labels: (B,) int64 class indices; likewise.
        mask: (B,) bool, True where the row has both labels.
        classes: E.
        axes: which of the columns count.

    Returns:
        (M,) weights of the masked-in rows, in [0, 2] for both axes, [0, 1] for one.
    """
    points, y = labelled_features(va[:, list(axes)], labels, mask)  # (M, D)
    means = class_means(va[:, list(axes)], labels, mask, classes)  # (E, D)
    distance: Tensor = torch.linalg.vector_norm(points - means[y], dim=1)
    longest = (VA_RANGE[1] - VA_RANGE[0]) * len(axes) ** 0.5
    weights: Tensor = (longest - distance).square() / 4
    return weights


def va_center_loss(
    features: Tensor,
    labels: Tensor,
    mask: Tensor,
    va: Tensor,
    classes: int,
    centers: Tensor | None = None,
    axes: Sequence[int] = (0, 1),
) -> Tensor:
    """Mean over the rows with a class and with valence-arousal of ``1/2 w_i ||x_i - c_{y_i}||^2``.

    Args:
        features: (B, F).
        labels: (B,) int64 class indices; rows that are masked out may hold anything.
        mask: (B,) bool, True where the row has a class.
        va: (B, 2) in [-1, 1]; NaN where missing. Such rows take no part.
        classes: E.
        centers: (E, F); the means of the batch where None.
        axes: (0, 1), or (0,) for valence alone, or (1,) for arousal alone.

    Returns:
        A scalar, 0 with a graph when no row has both labels.

    Raises:
        ValueError: when the shapes do not fit, ``labels`` are not int64, or ``mask`` is not bool.
    """
    if va.shape != (len(features), 2):
        raise ValueError(f"va must be ({len(features)}, 2), got {tuple(va.shape)}")
    check_mask(mask, len(features))
    both = mask & ~torch.isnan(va).any(dim=1)
    x, y = labelled_features(features, labels, both)
    if centers is None:
        centers = class_means(features, labels, both, classes).detach()
    if centers.shape != (classes, x.shape[1]):
        raise ValueError(f"centers must be ({classes}, {x.shape[1]}), got {tuple(centers.shape)}")
    weights = va_center_weights(va, labels, both, classes, axes).to(x.dtype)
    return 0.5 * (weights * (x - centers.to(x.dtype)[y]).square().sum(dim=1)).sum() / max(len(x), 1)
