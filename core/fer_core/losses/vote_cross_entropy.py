"""Cross-entropy between predicted expressions and the distribution of the raters' votes.

Source: E. Barsoum, C. Zhang, C. Canton Ferrer and Z. Zhang, "Training Deep Networks for Facial Expression Recognition
with Crowd-Sourced Label Distribution", ICMI 2016, the scheme *cross-entropy loss*: every rated image teaches the
whole distribution of its votes instead of the winner alone. We add a mask, so that one batch can mix data sets.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from fer_core.losses.rows import check_mask, masked_rows


def vote_cross_entropy(
    logits: Tensor, target_probs: Tensor, mask: Tensor, class_weights: Tensor | None = None
) -> Tensor:
    """Mean over the masked-in rows of ``-sum_e w_e * target_e * log softmax(logits)_e``.

    Args:
        logits: (B, E), any real numbers.
        target_probs: (B, E), each masked-in row non-negative and summing to 1; other rows may hold anything, NaN too.
        mask: (B,) bool, True where the row has an expression label.
        class_weights: (E,), non-negative. As in ``torch.nn.functional.cross_entropy`` with probabilities, the sum is
            divided by the number of rows, not by the weights.

    Returns:
        A scalar, 0 with a graph when no row is masked in.

    Raises:
        ValueError: when the shapes do not fit, or ``mask`` is not bool.
    """
    if logits.ndim != 2 or target_probs.shape != logits.shape:
        raise ValueError(
            f"logits and target_probs must both be (B, E), got {tuple(logits.shape)} and {tuple(target_probs.shape)}"
        )
    check_mask(mask, len(logits))
    if class_weights is not None and class_weights.shape != logits.shape[1:]:
        raise ValueError(f"class_weights must be ({logits.shape[1]},), got {tuple(class_weights.shape)}")
    rows = masked_rows(logits, mask)  # (M, E)
    targets = target_probs[mask].to(rows.dtype)  # (M, E)
    weights = None if class_weights is None else class_weights.to(rows)
    total = functional.cross_entropy(rows, targets, weight=weights, reduction="sum")
    return total / max(len(rows), 1)
