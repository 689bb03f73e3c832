"""Concordance loss for valence and arousal.

Source: L. I-K. Lin, "A Concordance Correlation Coefficient to Evaluate Reproducibility", Biometrics 45(1), 1989; as a
loss ``1 - CCC`` usual since the Aff-Wild challenges (D. Kollias et al., "Deep Affect Prediction in-the-Wild",
IJCV 127, 2019, eq. 3). It asks for the right scale and offset as well as correlation, which squared error alone
does not reward on labels that cluster at the origin. Deviation: an epsilon in the denominator, so that a batch whose
predictions and labels are constant and equal scores CCC 0 instead of 0 / 0.
"""

from __future__ import annotations

from torch import Tensor

from fer_core.losses.rows import check_mask, masked_rows


def ccc_loss(pred: Tensor, target: Tensor, mask: Tensor, epsilon: float = 1e-8) -> Tensor:
    """``1 - mean_d CCC_d`` over the masked-in rows of the batch, with biased (1/M) variances.

    ``CCC = 2 cov(x, y) / (var x + var y + (mean x - mean y)^2 + epsilon)``

    Args:
        pred: (B, D), D is 2 for valence and arousal in [-1, 1].
        target: (B, D), same range; rows that are masked out may hold anything, NaN too.
        mask: (B,) bool, True where the row has a label.
        epsilon: added to the denominator.

    Returns:
        A scalar in [0, 2], 0 with a graph when fewer than two rows are masked in (no variance to speak of).

    Raises:
        ValueError: when the shapes do not fit, or ``mask`` is not bool.
    """
    if pred.ndim != 2 or target.shape != pred.shape:
        raise ValueError(f"pred and target must both be (B, 2), got {tuple(pred.shape)} and {tuple(target.shape)}")
    check_mask(mask, len(pred))
    x = masked_rows(pred, mask)  # (M, D)
    y = target[mask].to(x.dtype)  # (M, D)
    if len(x) < 2:
        return (x * 0).sum()
    mean_x, mean_y = x.mean(dim=0), y.mean(dim=0)  # (D,)
    covariance = ((x - mean_x) * (y - mean_y)).mean(dim=0)
    variances = x.var(dim=0, correction=0) + y.var(dim=0, correction=0)
    ccc = 2 * covariance / (variances + (mean_x - mean_y) ** 2 + epsilon)  # (D,)
    return 1 - ccc.mean()
