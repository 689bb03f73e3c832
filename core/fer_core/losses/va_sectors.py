"""Cross-entropy over the sectors of the valence-arousal plane.

Source: "divide VA space" of the Emotion-GCN thesis, section 5.2.1 (halves, quarters, eighths, twelfths; Table 5.1).
For two sectors this is binary cross-entropy on the difference of the logits, its *Half (BCE)*; *Half (MSE)* is
:func:`fer_core.losses.logit_loss.logit_loss` with one-hot sectors. Sectors: :mod:`fer_core.data.va_bins`.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from fer_core.losses.rows import masked_rows


def va_sector_loss(logits: Tensor, sectors: Tensor) -> Tensor:
    """Mean cross-entropy over the rows that lie in a sector.

    Args:
        logits: (B, P), any real numbers.
        sectors: (B,) int64 in ``0..P-1``; -1 where there is none (no label, or the origin, which has no direction).

    Returns:
        A scalar, 0 with a graph when no row lies in a sector.

    Raises:
        ValueError: when the shapes do not fit.
    """
    if logits.ndim != 2 or sectors.shape != logits.shape[:1] or sectors.dtype != torch.int64:
        raise ValueError(
            f"need logits (B, P) and int64 sectors (B,), got {tuple(logits.shape)} and "
            f"{sectors.dtype} {tuple(sectors.shape)}"
        )
    known = sectors >= 0
    rows = masked_rows(logits, known)  # (M, P)
    return functional.cross_entropy(rows, sectors[known], reduction="sum") / max(len(rows), 1)
