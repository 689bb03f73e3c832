"""Figures that need no threshold: precision against recall, and its area.

Average precision is ``sum_n (R_n - R_{n-1}) P_n`` over the distinct scores from high to low, as scikit-learn computes
it: no interpolation between the points (which would be optimistic; Davis & Goadrich, ICML 2006). Labels: 1 present, 0
absent, soft labels count as present from ``AU_THRESHOLD`` on, NaN is unknown and skipped. Undefined is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fer_core.evaluate.metrics import Integers, Reals, known_rows, nan_mean


@dataclass(frozen=True, slots=True)
class PrecisionRecall:
    """Precision and recall when everything from a score on is called present; M distinct scores, high to low."""

    score: Reals
    """(M,)"""
    precision: Reals
    """(M,) share of those called present that are; never undefined."""
    recall: Reals
    """(M,) share of those present that are called so; NaN when none is present."""


def precision_recall(scores: Reals, target: Reals) -> PrecisionRecall:
    """The curve over the known rows.

    Args:
        scores: (N,)
        target: (N,) 1, 0 or NaN.

    Raises:
        ValueError: when the shapes differ.
    """
    known, present = known_rows(scores, target)
    distinct, place = np.unique(-known, return_inverse=True)
    called = np.cumsum(np.bincount(place, minlength=distinct.size))
    hits = np.cumsum(np.bincount(place, weights=present, minlength=distinct.size))
    positives = int(present.sum())
    recall = hits / positives if positives else np.full(distinct.size, np.nan)
    return PrecisionRecall(-distinct, hits / called, recall)


def average_precision(scores: Reals, target: Reals) -> float:
    """Area under the curve of :func:`precision_recall`, 0..1; NaN when none is present."""
    curve = precision_recall(scores, target)
    if not curve.recall.size or np.isnan(curve.recall[-1]):
        return float("nan")
    return float(np.diff(curve.recall, prepend=0.0) @ curve.precision)


def per_column_average_precision(scores: Reals, target: Reals) -> Reals:
    """Average precision (C,) of every column of (N, C)."""
    return np.array([average_precision(scores[:, c], target[:, c]) for c in range(scores.shape[1])], np.float64)


def mean_average_precision(scores: Reals, target: Reals) -> float:
    """Mean over the columns that occur, 0..1 (mAP); NaN when none does."""
    return nan_mean(per_column_average_precision(scores, target))


def one_against_rest(target: Integers, classes: int) -> Reals:
    """(N, classes) 1 where the row has the class, else 0: the labels of C two-class problems."""
    ones: Reals = np.equal(np.asarray(target)[:, None], np.arange(classes)).astype(np.float64)
    return ones
