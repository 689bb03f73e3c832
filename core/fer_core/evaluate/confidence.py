"""How sure a network is when it is right and when it is wrong.

Source: A. Psaroudakis and D. Kollias, "MixAugment & Mixup", CVPR Workshops 2022, Table 4 (there in per cent). The
confidence of a prediction is the probability of the predicted class, as in :mod:`fer_core.evaluate.calibration`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fer_core.evaluate.metrics import Integers, Reals, nan_mean


@dataclass(frozen=True, slots=True)
class Confidence:
    """Of some predictions, in 0..1; NaN without any."""

    mean: float
    median: float
    count: int


@dataclass(frozen=True, slots=True)
class ConfidenceByOutcome:
    """One row of the table: desirable is much confidence on the left and little on the right."""

    correct: Confidence
    wrong: Confidence


def confidence_by_outcome(probs: Reals, target: Integers) -> ConfidenceByOutcome:
    """Mean and median confidence of the right and of the wrong predictions.

    Args:
        probs: (N, C), rows sum to 1.
        target: (N,) class indices.

    Raises:
        ValueError: when the shapes do not fit.
    """
    if probs.ndim != 2 or target.shape != probs.shape[:1]:
        raise ValueError(f"need probs (N, C) and target (N,); got {probs.shape}, {target.shape}")
    top = probs.max(axis=1).astype(np.float64)
    right = probs.argmax(axis=1) == target
    return ConfidenceByOutcome(_summary(top[right]), _summary(top[~right]))


def _summary(confidence: Reals) -> Confidence:
    median = float(np.median(confidence)) if confidence.size else float("nan")
    return Confidence(nan_mean(confidence), median, int(confidence.size))
