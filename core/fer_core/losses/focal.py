"""Focal loss: cross-entropy that cares less about what is already right.

Source: T.-Y. Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017; Emotion-GCN thesis, eq. 5.4.1 and 5.4.2.
Both write it for two classes; the thesis applies it to seven without saying how. We take the usual reading, ``p_t``
is the softmax probability of the labelled class, and extend it to vote distributions by linearity: every class counts
with its share of the votes. One-hot votes give the formula of the paper, ``gamma = 0`` gives weighted cross-entropy.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from fer_core.losses.rows import check_mask, masked_rows


def focal_loss(
    logits: Tensor, target_probs: Tensor, mask: Tensor, gamma: float = 2.0, class_weights: Tensor | None = None
) -> Tensor:
    """Mean over the masked-in rows of ``-sum_e alpha_e * target_e * (1 - p_e)^gamma * log p_e``, ``p = softmax``.

    Args:
        logits: (B, E), any real numbers.
        target_probs: (B, E), each masked-in row non-negative and summing to 1; other rows may hold anything, NaN too.
        mask: (B,) bool, True where the row has an expression label.
        gamma: 0 or more.
        class_weights: (E,), the ``alpha`` of the classes.

    Returns:
        A scalar, 0 with a graph when no row is masked in.

    Raises:
        ValueError: when the shapes do not fit, ``mask`` is not bool, or ``gamma`` is negative.
    """
    if logits.ndim != 2 or target_probs.shape != logits.shape:
        raise ValueError(
            f"logits and target_probs must both be (B, E), got {tuple(logits.shape)} and {tuple(target_probs.shape)}"
        )
    check_mask(mask, len(logits))
    if class_weights is not None and class_weights.shape != logits.shape[1:]:
        raise ValueError(f"class_weights must be ({logits.shape[1]},), got {tuple(class_weights.shape)}")
    if gamma < 0:
        raise ValueError(f"gamma must not be negative, got {gamma}")
    rows = masked_rows(logits, mask)  # (M, E)
    log_probs = functional.log_softmax(rows, dim=1)
    # For gamma below 1 the slope of (1 - p)^gamma is infinite at p = 1; the floor keeps a sure network trainable.
    doubt = (-torch.expm1(log_probs)).clamp_min(torch.finfo(rows.dtype).eps)
    terms = target_probs[mask].to(rows.dtype) * doubt**gamma * log_probs
    if class_weights is not None:
        terms = terms * class_weights.to(rows)
    return -terms.sum() / max(len(rows), 1)
