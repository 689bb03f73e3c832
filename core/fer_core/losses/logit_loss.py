"""Squared error between predicted expressions and a class distribution.

Source: logit loss of the Emotion-GCN thesis, eq. 3.4.2; with the class histogram of the sample's valence-arousal cell
as target (:func:`fer_core.data.va_bins.soft_labels`). Its soft loss, eq. 3.4.1, is cross-entropy with the same target:
:func:`fer_core.losses.vote_cross_entropy.vote_cross_entropy` computes it.

The text says that the loss pushes *logits* to the distribution, the equation defines ``p`` as *probabilities*. We
follow the equation: logits are free up to a constant and need not sum to 1, so they cannot match a distribution.
"""

from __future__ import annotations

from torch import Tensor

from fer_core.losses.rows import check_mask, masked_rows


def logit_loss(logits: Tensor, target_probs: Tensor, mask: Tensor) -> Tensor:
    """Mean over the masked-in rows of ``1/2 sum_c (softmax(logits)_c - target_c)^2``.

    Args:
        logits: (B, C), any real numbers.
        target_probs: (B, C), each masked-in row non-negative and summing to 1; other rows may hold anything, NaN too.
        mask: (B,) bool, True where the row has a target.

    Returns:
        A scalar in [0, 1], 0 with a graph when no row is masked in.

    Raises:
        ValueError: when the shapes do not fit, or ``mask`` is not bool.
    """
    if logits.ndim != 2 or target_probs.shape != logits.shape:
        raise ValueError(
            f"logits and target_probs must both be (B, C), got {tuple(logits.shape)} and {tuple(target_probs.shape)}"
        )
    check_mask(mask, len(logits))
    probs = masked_rows(logits, mask).softmax(dim=1)  # (M, C)
    return 0.5 * (probs - target_probs[mask].to(probs.dtype)).square().sum() / max(len(probs), 1)
