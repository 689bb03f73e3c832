"""Whether a probability of 0.8 is right eight times out of ten.

Source: C. Guo, G. Pleiss, Y. Sun and K. Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, eq. 3:
confidence is the probability of the predicted class, bins are equally wide and open on the left, ``((m-1)/M, m/M]``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fer_core.evaluate.metrics import Integers, Reals


@dataclass(frozen=True, slots=True)
class ReliabilityCurve:
    """Confidence against accuracy, over M equally wide bins of confidence."""

    edges: Reals
    """(M + 1,), from 0 to 1."""
    confidence: Reals
    """(M,) mean probability of the predicted class; NaN in an empty bin."""
    accuracy: Reals
    """(M,) share predicted right; NaN in an empty bin."""
    count: Integers
    """(M,) rows in the bin."""


def reliability_curve(probs: Reals, target: Integers, bins: int = 15) -> ReliabilityCurve:
    """Curve of the predicted class.

    Args:
        probs: (N, C), rows sum to 1.
        target: (N,) class indices.
        bins: M, at least 1.

    Raises:
        ValueError: when the shapes do not fit.
    """
    if probs.ndim != 2 or target.shape != probs.shape[:1] or bins < 1:
        raise ValueError(f"need probs (N, C), target (N,), bins >= 1; got {probs.shape}, {target.shape}, {bins}")
    top = probs.max(axis=1).astype(np.float64)
    right = probs.argmax(axis=1) == target
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, top, side="left") - 1, 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    filled = np.where(count > 0, count, np.nan)
    return ReliabilityCurve(
        edges=edges,
        confidence=np.bincount(place, weights=top, minlength=bins) / filled,
        accuracy=np.bincount(place, weights=right, minlength=bins) / filled,
        count=count,
    )


def expected_calibration_error(probs: Reals, target: Integers, bins: int = 15) -> float:
    """Mean distance between confidence and accuracy, weighted by the rows of the bins, 0..1; NaN without rows."""
    curve = reliability_curve(probs, target, bins)
    if not curve.count.sum():
        return float("nan")
    distance = np.nan_to_num(np.abs(curve.accuracy - curve.confidence))  # empty bins weigh nothing
    return float(np.average(distance, weights=curve.count))
