"""Squared error of valence and arousal.

Source: Emotion-GCN thesis, eq. 5.1.5, for one sample; averaged over the batch. It is the alternative to
:func:`fer_core.losses.ccc.ccc_loss`.
"""

from __future__ import annotations

from torch import Tensor

from fer_core.losses.rows import check_mask, masked_rows


def va_mse_loss(pred: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean over the masked-in rows of ``1/2 (v^ - v)^2 + 1/2 (a^ - a)^2``.

    Args:
        pred: (B, D), D is 2 for valence and arousal in [-1, 1].
        target: (B, D), same range; rows that are masked out may hold anything, NaN too.
        mask: (B,) bool, True where the row has a label.

    Returns:
        A scalar, 0 with a graph when no row is masked in.

    Raises:
        ValueError: when the shapes do not fit, or ``mask`` is not bool.
    """
    if pred.ndim != 2 or target.shape != pred.shape:
        raise ValueError(f"pred and target must both be (B, 2), got {tuple(pred.shape)} and {tuple(target.shape)}")
    check_mask(mask, len(pred))
    rows = masked_rows(pred, mask)  # (M, D)
    return 0.5 * (rows - target[mask].to(rows.dtype)).square().sum() / max(len(rows), 1)
