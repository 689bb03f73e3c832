"""Confidence intervals of any metric, by resampling rows or whole groups of rows.

Source: B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993, section 13.3 (percentile interval).
Frames of one person resemble each other: resampling persons, not frames, keeps the interval honest (cluster
bootstrap; Davison & Hinkley, "Bootstrap Methods and their Application", 1997, section 3.8).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_core.evaluate.metrics import Integers


def bootstrap_interval(
    statistic: Callable[[Integers], float],
    rows: int,
    *,
    groups: npt.NDArray[Any] | None = None,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile interval of ``statistic``.

    Args:
        statistic: takes row indices (with repetitions) and returns the metric over these rows.
        rows: N, how many rows there are.
        groups: (N,), rows with equal values are drawn together; None draws single rows.
        level: coverage, in 0..1.
        resamples: how many times to draw.
        seed: of the generator; equal seeds give equal intervals.

    Returns:
        (low, high). NaN, NaN with fewer than two groups (or rows) or when the statistic was undefined in more than half
        of the resamples; undefined resamples are left out otherwise.

    Raises:
        ValueError: when ``groups`` is not (N,), ``level`` not inside 0..1 or ``resamples`` below 1.
    """
    if groups is not None and groups.shape != (rows,):
        raise ValueError(f"groups must be ({rows},), got {groups.shape}")
    if not 0 < level < 1 or resamples < 1:
        raise ValueError(f"level must lie inside 0..1 and resamples be 1 or more, got {level} and {resamples}")
    order, starts, counts = _groups(np.arange(rows) if groups is None else groups)
    if len(counts) < 2:
        return float("nan"), float("nan")
    generator = np.random.default_rng(seed)
    values = np.empty(resamples)
    for n in range(resamples):
        drawn = generator.integers(len(counts), size=len(counts))
        values[n] = statistic(order[_ranges(starts[drawn], counts[drawn])])
    values = values[~np.isnan(values)]
    if values.size <= resamples / 2:
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _groups(groups: npt.NDArray[Any]) -> tuple[Integers, Integers, Integers]:
    """Rows ordered by group, and where each group starts in that order and how many rows it has."""
    _, place, counts = np.unique(groups, return_inverse=True, return_counts=True)
    return np.argsort(place, kind="stable"), np.cumsum(counts) - counts, counts


def _ranges(starts: Integers, counts: Integers) -> Integers:
    """``start, start + 1, ...``, ``count`` numbers of each range, one range after the other."""
    ends = np.cumsum(counts)
    ranges: Integers = np.arange(ends[-1]) + np.repeat(starts - (ends - counts), counts)
    return ranges
