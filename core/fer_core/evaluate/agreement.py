"""Intraclass correlation: how far ratings of the same faces agree.

Source: P. Shrout and J. Fleiss, "Intraclass correlations: uses in assessing rater reliability", Psychological Bulletin
86(2), 1979. N targets are rated by the same K raters; a model and the human label are two raters. The field reports
``ICC(3,1)`` (consistency: a constant offset between the raters costs nothing) for action-unit intensities and, on
AFEW-VA, for valence and arousal.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from fer_core.evaluate.metrics import Reals


class IccForm(StrEnum):
    """Which of the single-rating forms of the paper."""

    ONE_WAY = "1,1"
    """Each target has other raters."""
    AGREEMENT = "2,1"
    """The raters are a sample: offsets between them count as disagreement."""
    CONSISTENCY = "3,1"
    """These raters and no others: offsets between them do not count."""


def icc(ratings: Reals, form: IccForm = IccForm.CONSISTENCY) -> float:
    """Intraclass correlation of single ratings, at most 1; NaN with fewer than two targets or without any variance.

    Args:
        ratings: (N, K), K at least 2, without NaN.
        form: which coefficient.

    Raises:
        ValueError: for another shape or NaN.
    """
    table = np.asarray(ratings, np.float64)
    if table.ndim != 2 or table.shape[1] < 2:
        raise ValueError(f"ratings must be (N, K) with two raters or more, got {table.shape}")
    if np.isnan(table).any():
        raise ValueError("ratings must hold no NaN here; keep the rows that all raters rated")
    n, k = table.shape
    if n < 2:
        return float("nan")
    grand = table.mean()
    between = k * ((table.mean(axis=1) - grand) ** 2).sum() / (n - 1)  # BMS
    raters = n * ((table.mean(axis=0) - grand) ** 2).sum() / (k - 1)  # JMS
    total = ((table - grand) ** 2).sum()
    within = (total - between * (n - 1)) / (n * (k - 1))  # WMS
    error = (total - between * (n - 1) - raters * (k - 1)) / ((n - 1) * (k - 1))  # EMS
    if form is IccForm.ONE_WAY:
        rest, whole = within, between + (k - 1) * within
    elif form is IccForm.AGREEMENT:
        rest, whole = error, between + (k - 1) * error + k * (raters - error) / n
    else:
        rest, whole = error, between + (k - 1) * error
    # Rounding leaves a trace of variance where there is none.
    return float((between - rest) / whole) if abs(whole) > 1e-15 * max(grand**2, 1e-300) else float("nan")
