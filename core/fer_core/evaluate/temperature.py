"""Temperature scaling: one number that makes probabilities as confident as they turn out right.

Source: C. Guo, G. Pleiss, Y. Sun and K. Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, section 4.2:
the T that minimises the negative log-likelihood of softmax(logits / T) on held-out data. What is right is what most
people voted for (:func:`majority`): networks that learned distributions of votes are as undecided as the voters, which
is less sure than they could be of the vote's outcome. The order of the classes, hence the accuracy, stays.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from fer_core.evaluate.metrics import Reals

#: Where the temperature is sought; a network beyond has not been trained.
BOUNDS = (0.05, 20.0)


def majority(votes: Reals) -> Reals:
    """Votes (N, E) with all weight on the most frequent one, shared where some are equally frequent; NaN stays NaN."""
    with np.errstate(invalid="ignore"):
        most = np.where(np.isnan(votes), np.nan, votes == votes.max(axis=1, keepdims=True))
    shared: Reals = most / most.sum(axis=1, keepdims=True)
    return shared


def negative_log_likelihood(logits: Reals, votes: Reals, temperature: float) -> float:
    """Mean cross-entropy in nats of votes (N, E), rows sum to 1, under softmax(logits (N, E) / temperature)."""
    log_probs: Any = log_softmax(logits.astype(np.float64) / temperature, axis=1)
    return float(-(votes * log_probs).sum(axis=1).mean())


def fit_temperature(logits: Reals, votes: Reals) -> float:
    """The temperature of least negative log-likelihood within ``BOUNDS``.

    The likelihood is convex in 1 / T, so the one minimum that a bounded scalar search finds is the least.

    Args:
        logits: (N, E).
        votes: (N, E), each row sums to 1; rows with NaN have no label and are left out.

    Raises:
        ValueError: when the shapes differ or no row has a label.
    """
    if logits.ndim != 2 or logits.shape != votes.shape:
        raise ValueError(f"need logits and votes of one shape (N, E), got {logits.shape} and {votes.shape}")
    labelled = ~np.isnan(votes).any(axis=1)
    if not labelled.any():
        raise ValueError("no image has votes: a temperature cannot be fitted; give --temperature 1")
    found = minimize_scalar(
        lambda log_t: negative_log_likelihood(logits[labelled], votes[labelled], math.exp(log_t)),
        bounds=(math.log(BOUNDS[0]), math.log(BOUNDS[1])),
        method="bounded",
        options={"xatol": 1e-5},
    )
    return math.exp(float(found.x))
