"""Binary cross-entropy over action units of which any may be missing.

Source: the multi-label sigmoid cross-entropy that action-unit detection uses throughout, restricted to the units that
a data set codes as in D. Kollias, V. Sharmanska and S. Zafeiriou, "Distribution Matching for Heterogeneous Multi-Task
Learning", arXiv:2105.03790, section 3 (the loss of the units, with its annotation mask). We also allow soft targets
(weak labels) and a weight per entry, so that weak labels can count less than those of FACS coders.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def masked_bce_with_logits(
    logits: Tensor, target: Tensor, weight: Tensor | None = None, pos_weight: Tensor | None = None
) -> Tensor:
    """Mean over the present entries of ``-w * (p * t * log s + (1 - t) * log(1 - s))``, ``s = sigmoid(logits)``.

    Args:
        logits: (B, A), any real numbers.
        target: (B, A), in [0, 1]; NaN where the unit is not known.
        weight: (B, A), non-negative. The sum is divided by the number of present entries, not by the weights, so a
            batch of weak labels alone stays weak. Where ``target`` is NaN it may hold anything.
        pos_weight: (A,), how much more a present unit counts than an absent one (``p`` above).

    Returns:
        A scalar, 0 with a graph when every target is NaN.

    Raises:
        ValueError: when the shapes do not fit.
    """
    if logits.ndim != 2 or target.shape != logits.shape:
        raise ValueError(f"logits and target must both be (B, A), got {tuple(logits.shape)} and {tuple(target.shape)}")
    if weight is not None and weight.shape != logits.shape:
        raise ValueError(f"weight must be {tuple(logits.shape)} like the logits, got {tuple(weight.shape)}")
    if pos_weight is not None and pos_weight.shape != logits.shape[1:]:
        raise ValueError(f"pos_weight must be ({logits.shape[1]},), got {tuple(pos_weight.shape)}")
    present = ~torch.isnan(target)  # (B, A)
    entries = logits[present]  # (M,): indexing, not multiplying, keeps NaN out of the gradient
    entries = entries.to(torch.promote_types(entries.dtype, torch.float32))
    total = functional.binary_cross_entropy_with_logits(
        entries,
        target[present].to(entries.dtype),
        weight=None if weight is None else weight[present].to(entries.dtype),
        pos_weight=None if pos_weight is None else pos_weight.to(entries).expand_as(logits)[present],
        reduction="sum",
    )
    return total / max(len(entries), 1)
