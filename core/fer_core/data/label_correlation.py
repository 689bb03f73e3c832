"""How strongly each expression goes with valence and with arousal in the training labels, as edges of a label graph.

Source: P. Antoniadis, thesis on Emotion-GCN (and "Exploiting Emotional Dependencies with Graph Convolutional Networks
for Facial Expression Recognition", FG 2021), section 6.3.2, eq. 6.3.2-6.3.5. Nodes are the expressions in order, then
valence, then arousal.

Where we choose
    - Eq. 6.3.3 prints Spearman's coefficient without subtracting the mean rank; so written it is large and positive for
      any two variables. We take Spearman's coefficient.
    - A node that the threshold leaves without neighbours has 0/0 in eq. 6.3.5. The normalised adjacency of a graph
      convolution has rows that sum to 1 (eq. 1.5.1), so such a node keeps itself, with weight 1.
    - An expression that never occurs has no correlation (NaN), hence no edge.
    - Section 6.4.3 also joins expressions with each other, by "the conditional probability matrix of the basic emotions
      like in ML-GCN", P(L_j | L_i). AffectNet has one expression an image, so that no two occur together; where the
      counts come from the thesis does not say. We take the votes: how probable it is that another rater of the image
      says j where one says i. Labels with one class an image give no such edge.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

Doubles = npt.NDArray[np.float64]


def label_correlation(expressions: npt.NDArray[Any], va: npt.NDArray[Any], *, majority: bool = True) -> Doubles:
    """Spearman's rank correlation of each expression with valence and arousal (eq. 6.3.3).

    Args:
        expressions: (N, E) one-hot labels or shares of votes; rows with NaN are left out.
        va: (N, 2) valence and arousal; rows with NaN are left out.
        majority: take the largest share as the label, as in the thesis; False correlates the shares themselves.

    Returns:
        (E, 2) in [-1, 1], signed; NaN where one of the two is constant, or fewer than two rows have both labels.

    Raises:
        ValueError: when the shapes do not fit.
    """
    expressions, va = np.asarray(expressions, np.float64), np.asarray(va, np.float64)
    if expressions.ndim != 2 or va.shape != (len(expressions), 2):
        raise ValueError(f"expressions must be (N, E) and va (N, 2), got {expressions.shape} and {va.shape}")
    known = np.isfinite(expressions).all(axis=1) & np.isfinite(va).all(axis=1)
    shares, va = expressions[known], va[known]
    if len(shares) < 2:
        return np.full((expressions.shape[1], 2), np.nan)
    if majority:
        shares = np.eye(shares.shape[1])[shares.argmax(axis=1)]
    x, y = _standard_ranks(shares), _standard_ranks(va)  # (M, E), (M, 2)
    correlation: Doubles = np.clip(x.T @ y, -1, 1)  # (E, 2)
    return correlation


def conditional_votes(votes: npt.NDArray[Any]) -> Doubles:
    """Probability (E, E) that a vote is j where another vote of the image is i (section 6.4.3).

    Args:
        votes: (N, E) shares of votes; rows with NaN are left out.

    Returns:
        Row i sums to 1; NaN where an expression never occurs.
    """
    shares = np.asarray(votes, np.float64)
    shares = shares[np.isfinite(shares).all(axis=1)]
    together, single = shares.T @ shares, shares.sum(axis=0)[:, None]
    conditional: Doubles = np.divide(together, single, out=np.full_like(together, np.nan), where=single > 0)
    return conditional


def label_adjacency(
    correlation: Doubles, threshold: float, weight: float, conditional: Doubles | None = None
) -> Doubles:
    """Adjacency A'' of the label graph (eq. 6.3.2, 6.3.4, 6.3.5).

    Args:
        correlation: (E, 2) from :func:`label_correlation`.
        threshold: tau, 0..1; an edge needs an absolute correlation, or a probability, of at least this.
        weight: p, 0..1, what a node takes from its neighbours together; it keeps 1 - p.
        conditional: (E, E) from :func:`conditional_votes`, for edges between expressions too; row i is what node i
            takes from.

    Returns:
        (E + 2, E + 2), rows sum to 1; without ``conditional`` edges only between expressions and dimensions.

    Raises:
        ValueError: when ``correlation`` has another shape, or an argument is out of its range.
    """
    correlation = np.asarray(correlation, np.float64)
    if correlation.ndim != 2 or correlation.shape[1] != 2:
        raise ValueError(f"correlation must be (E, 2), got {correlation.shape}")
    for name, value in (("threshold", threshold), ("weight", weight)):
        if not 0 <= value <= 1:
            raise ValueError(f"{name} must be between 0 and 1, not {value}")
    count = len(correlation)
    strength = np.zeros((count + 2, count + 2))
    strength[:count, count:] = np.nan_to_num(np.abs(correlation), nan=-1)  # below any threshold
    strength[count:, :count] = strength[:count, count:].T
    across = np.zeros(strength.shape, bool)
    across[:count, count:] = across[count:, :count] = True
    if conditional is not None:
        if np.shape(conditional) != (count, count):
            raise ValueError(f"conditional must be ({count}, {count}), got {np.shape(conditional)}")
        strength[:count, :count] = np.nan_to_num(conditional, nan=-1)
        across[:count, :count] = ~np.eye(count, dtype=bool)
    edges = (across & (strength >= threshold)).astype(np.float64)  # A' off the diagonal
    neighbours = edges.sum(axis=1, keepdims=True)
    adjacency: Doubles = weight * edges / np.maximum(neighbours, 1)
    np.fill_diagonal(adjacency, np.where(neighbours[:, 0] > 0, 1 - weight, 1))
    return adjacency


def _standard_ranks(columns: Doubles) -> Doubles:
    """Mean ranks of each column, centred, of length 1; NaN for a constant column."""
    ranks = rankdata(columns, axis=0)
    centred = ranks - ranks.mean(axis=0)
    length = np.linalg.norm(centred, axis=0)
    standard: Doubles = np.divide(centred, length, out=np.full_like(centred, np.nan), where=length > 0)
    return standard
