"""Orders of an epoch that show rare kinds of faces more often.

Source: expression and age samplers of the Emotion-GCN thesis, section 5.3. Its weight ``w_i = f_{y_i} / f_min`` (eq.
5.3.1) would draw the *common* classes more often, against its words (*examples from underrepresented classes ... will
be picked more frequently*); we take the reciprocal, with which all classes are drawn equally often. For ages it names
no rule, and finds age of no use: we balance age groups in the same way. A sample of unknown kind is drawn as often as
without a sampler.

Drawing is with replacement. An epoch is a function of seed and epoch number alone, and can be entered at any batch, as
:func:`fer_core.data.dataset.epoch_batches` does it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Reals = npt.NDArray[np.floating[Any]]

#: Upper ends, in years, of all age groups but the last: children, youths, decades, old people.
AGE_GROUPS_YEARS = (12, 20, 30, 40, 50, 60, 70)


def balanced_weights(groups: npt.NDArray[np.integer[Any]]) -> Doubles:
    """How much more often than on average to draw each sample, so that all groups come equally often.

    Args:
        groups: (N,) group of each sample; -1 where unknown.

    Returns:
        (N,) weights with mean 1 over the samples of known group; 1 for the others.

    Raises:
        ValueError: when ``groups`` is not (N,).
    """
    if groups.ndim != 1:
        raise ValueError(f"groups must be (N,), got {groups.shape}")
    weights = np.ones(len(groups))
    known = groups >= 0
    _, place, counts = np.unique(groups[known], return_inverse=True, return_counts=True)
    weights[known] = known.sum() / (len(counts) * counts[place])
    return weights


def expression_weights(votes: Reals) -> Doubles:
    """Weights that balance the expressions (the majority's).

    Args:
        votes: (N, E) vote shares, NaN where there are none.

    Returns:
        (N,) as of :func:`balanced_weights`.
    """
    known = ~np.isnan(votes).any(axis=1)
    return balanced_weights(np.where(known, np.nan_to_num(votes).argmax(axis=1), -1))


def age_weights(age_years: Reals, upper_ends_years: Sequence[float] = AGE_GROUPS_YEARS) -> Doubles:
    """Weights that balance age groups.

    Args:
        age_years: (N,), NaN where unknown.
        upper_ends_years: rising; an age belongs to the first group whose end lies above it, or to the last.

    Returns:
        (N,) as of :func:`balanced_weights`.

    Raises:
        ValueError: when the ends do not rise.
    """
    if np.any(np.diff(upper_ends_years) <= 0):
        raise ValueError(f"the ends of the age groups must rise, got {tuple(upper_ends_years)}")
    group = np.searchsorted(np.asarray(upper_ends_years, np.float64), age_years, side="right")
    return balanced_weights(np.where(np.isnan(age_years), -1, group))


def sampled_batches(
    weights: Doubles, batch_size: int, epoch: int, seed: int, first_batch: int = 0, samples: int | None = None
) -> list[list[int]]:
    """Full batches of one epoch, from ``first_batch`` on (a resumed run starts in the middle).

    Args:
        weights: (N,) non-negative; indices are drawn in proportion.
        batch_size: at least 1.
        epoch: 0-based.
        seed: of the run.
        first_batch: batches to leave out at the start.
        samples: draws in the epoch; N where None. A rest that does not fill a batch is left out.

    Returns:
        Lists of ``batch_size`` indices, for the ``batch_sampler`` of a loader.

    Raises:
        ValueError: when no batch fits, or the weights are negative, not finite or all 0.
    """
    total = len(weights) if samples is None else samples
    if batch_size < 1 or total < batch_size:
        raise ValueError(f"{total} samples do not fill one batch of {batch_size}; lower batch_size")
    if not np.isfinite(weights).all() or (weights < 0).any() or not weights.sum() > 0:
        raise ValueError("weights must be finite, not negative, and not all 0")
    order = np.random.default_rng((seed, epoch)).choice(len(weights), size=total, p=weights / weights.sum())
    full = total // batch_size * batch_size
    batches: list[list[int]] = order[:full].reshape(-1, batch_size)[first_batch:].tolist()
    return batches
