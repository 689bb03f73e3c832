"""Weights of classes that occur unequally often, for :func:`~fer_core.losses.vote_cross_entropy.vote_cross_entropy`.

Source: weighted cross-entropy of the Emotion-GCN thesis, eq. 3.3.3 and 3.3.4 (again 5.1.2 and 5.1.3), and of the
action-unit relation graph paper (D.-K. Nguyen et al., "Affective Behavior Analysis using Action Unit Relation Graph
and Multi-task Cross Attention", eq. 11, which leaves open how P_i is computed).

The thesis prints ``w_i = f_i / f_min``, yet says that errors on under-represented classes are to cost more, which
that formula turns round. We follow the words: ``w_i`` is proportional to ``f_min / f_i``. The factor is free there
(PyTorch's weighted mean divides by the weights); here the loss is divided by the rows, so we choose the factor that
makes the mean weight of a training sample 1. The weight of the task against the others then stays what it was.
"""

from __future__ import annotations

import torch
from torch import Tensor


def balanced_class_weights(counts: Tensor) -> Tensor:
    """``w_i = F / (E f_i)``, with F the sum of the counts and E the number of classes that occur.

    Args:
        counts: (C,) samples of each class, non-negative; sums of vote shares will do.

    Returns:
        (C,) weights whose mean over the samples, ``sum_i f_i w_i / F``, is 1; 0 for a class that does not occur.

    Raises:
        ValueError: when a count is negative or not finite, or nothing occurs.
    """
    if counts.ndim != 1 or not bool(torch.isfinite(counts).all()) or bool((counts < 0).any()):
        raise ValueError(f"counts must be (C,), finite and not negative, got {counts}")
    occurring = counts > 0
    if not bool(occurring.any()):
        raise ValueError("no class occurs: count the labelled training samples only, and check that there are any")
    counts = counts.to(torch.promote_types(counts.dtype, torch.float32))
    weights = counts.sum() / (occurring.sum() * counts)
    return torch.where(occurring, weights, 0)
