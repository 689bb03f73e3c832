"""Partition loss of DAN: attention heads that look at different things.

Source: Z. Wen et al., "Distract Your Attention" (Biomimetics 8(2), 2023), section 3.3; the form is that of its released
code, which takes one variance over heads for the whole batch where the paper sums over samples and places.
"""

from __future__ import annotations

import torch
from torch import Tensor


def partition_loss(attention: Tensor, epsilon: float = 1e-8) -> Tensor:
    """``log(1 + K / (mean variance over the heads + epsilon))``.

    Args:
        attention: (B, K, C) what each of K heads saw.
        epsilon: keeps heads that agree from dividing by 0.

    Returns:
        A scalar, 0 with a graph for a single head or no rows.

    Raises:
        ValueError: for another shape.
    """
    if attention.ndim != 3:
        raise ValueError(f"attention must be (B, K, C), got {tuple(attention.shape)}")
    heads = attention.shape[1]
    if heads < 2 or not len(attention):
        return (attention * 0).sum()
    values = attention.to(torch.promote_types(attention.dtype, torch.float32))
    return torch.log1p(heads / (values.var(dim=1).mean() + epsilon))
