"""From crowd votes for expressions to crowd valence and arousal: the bridge learned on AffectNetC25.

AffectNetC25 has, for 1,600 images, 25 raters who each gave an expression, a valence and an arousal. The share of votes
for each expression predicts the mean valence and arousal of the same crowd, so FER+ (votes only) gains labels that
rest on people. The arousal of these raters is an intensity (calm near -.45); :mod:`fer_core.data.circumplex` turns the
result into the circumplex that the program speaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_core.data.archive import DataError
from fer_core.data.tables import read_table
from fer_core.evaluate.metrics import ccc
from fer_core.labels import EXPRESSIONS

Doubles = npt.NDArray[np.float64]

RATERS = 25
#: Expression codes 0..7 of the data set.
C25_CODES = ("happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt", "neutral")
_PAIRS = np.triu_indices(len(EXPRESSIONS))


@dataclass(frozen=True, slots=True)
class C25:
    """The ratings of AffectNetC25, one row an image, one column a rater."""

    expression: npt.NDArray[np.int64]
    """(N, 25) indices into ``EXPRESSIONS`` (not the codes of the file)."""
    valence: Doubles
    """(N, 25), -1..1 in steps of 0.25."""
    arousal: Doubles
    """(N, 25), -1..1 in steps of 0.25."""

    @property
    def proportions(self) -> Doubles:
        """(N, 8) share of the raters who chose each expression."""
        return vote_proportions(self.expression)

    @property
    def va(self) -> Doubles:
        """(N, 2) mean valence and arousal of all raters."""
        return np.stack([self.valence.mean(1), self.arousal.mean(1)], axis=1)


def load_affectnet_c25(folder: Path) -> C25:
    """Read the six files ``{expression,valence,arousal}_set{1,2}_C25.csv``.

    Raises:
        DataError: when a file or column is missing, a cell cannot be read, or the files list different images.
    """
    values: dict[str, Doubles] = {}
    images: dict[str, list[str]] = {}
    for quantity in ("expression", "valence", "arousal"):
        parts = [_read_ratings(folder / f"{quantity}_set{part}_C25.csv") for part in (1, 2)]
        images[quantity] = parts[0][0] + parts[1][0]
        values[quantity] = np.concatenate([parts[0][1], parts[1][1]])
        if images[quantity] != images["expression"]:
            raise DataError(f"{folder}: the {quantity} files list other images than the expression files")
    codes = values["expression"]
    if not np.isin(codes, np.arange(len(C25_CODES))).all():
        raise DataError(f"{folder}: an expression code is not one of 0..{len(C25_CODES) - 1}")
    to_index = np.array([EXPRESSIONS.index(name) for name in C25_CODES])
    return C25(to_index[codes.astype(np.int64)], values["valence"], values["arousal"])


def _read_ratings(path: Path) -> tuple[list[str], Doubles]:
    if not path.is_file():
        raise DataError(f"{path} is missing; the six files of AffectNetC25 belong in that folder")
    columns = [f"participant{i}" for i in range(RATERS)]
    rows = read_table(path.read_bytes(), str(path), ["filename", *columns])
    try:
        ratings = np.array([[float(row[c]) for c in columns] for row in rows], np.float64).reshape(-1, RATERS)
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: a rating is not a number ({error}); restore the file") from error
    return [row["filename"] for row in rows], ratings


def vote_proportions(expression: npt.NDArray[np.int64]) -> Doubles:
    """(N, R) expression indices of R raters to the (N, 8) share of each expression."""
    return np.stack([(expression == k).mean(1) for k in range(len(EXPRESSIONS))], axis=1)


@dataclass(frozen=True, slots=True)
class VoteAffectBridge:
    """Ridge regression of crowd valence-arousal on the votes and their pairwise products."""

    weights: Doubles
    """(44, 2)"""
    intercept: Doubles
    """(2,)"""

    @classmethod
    def fit(cls, proportions: Doubles, va: Doubles, *, ridge: float = 0.1) -> VoteAffectBridge:
        """Least squares with an L2 penalty on all but the intercept.

        Args:
            proportions: (N, 8), rows sum to 1, in the order of ``EXPRESSIONS``.
            va: (N, 2) valence and arousal.
            ridge: the penalty's weight.
        """
        features = _quadratic(proportions)
        mean, target_mean = features.mean(0), va.mean(0)
        centred = features - mean
        gram = centred.T @ centred + ridge * np.eye(features.shape[1])
        weights = np.linalg.solve(gram, centred.T @ (va - target_mean))
        return cls(weights, target_mean - mean @ weights)

    def predict(self, proportions: Doubles) -> Doubles:
        """(N, 8) shares to (N, 2) valence and arousal of the crowd, not clipped."""
        return np.asarray(_quadratic(proportions) @ self.weights + self.intercept)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"weights": self.weights.tolist(), "intercept": self.intercept.tolist()}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> VoteAffectBridge:
        """Inverse of :meth:`to_dict`."""
        return cls(np.array(data["weights"], np.float64), np.array(data["intercept"], np.float64))


def _quadratic(proportions: Doubles) -> Doubles:
    """(N, 8) to (N, 44): the shares and their 36 products."""
    shares = np.asarray(proportions, np.float64)
    if shares.ndim != 2 or shares.shape[1] != len(EXPRESSIONS) or not np.allclose(shares.sum(1), 1, atol=1e-4):
        raise ValueError(
            f"vote proportions of shape {shares.shape}; give (N, {len(EXPRESSIONS)}) with rows that sum to 1 "
            "(drop images without a vote for an expression)"
        )
    return np.hstack([shares, shares[:, _PAIRS[0]] * shares[:, _PAIRS[1]]])


def cross_validate(
    c25: C25, *, raters: int = RATERS, independent: bool = False, folds: int = 5, seed: int = 0
) -> tuple[float, float]:
    """Concordance of the bridge on held-out images, valence first.

    The bridge is fitted on all raters of the other folds. With ``raters`` below 25, each held-out image is
    seen through that many raters drawn at random, which is what a data set with fewer votes gives.

    Args:
        c25: the ratings.
        raters: votes an image that the bridge is fed with.
        independent: compare with the mean of the raters *not* drawn, instead of the mean of all 25 (which contains
            the drawn ones, so that their errors are shared).
        folds: number of parts.
        seed: of the folds and of the draw.

    Raises:
        ValueError: when ``raters`` leaves nobody to compare with.
    """
    if not 1 <= raters <= RATERS - int(independent):
        raise ValueError(f"cannot draw {raters} of {RATERS} raters{' and keep one apart' if independent else ''}")
    rng = np.random.default_rng(seed)
    drawn = np.argsort(rng.random(c25.expression.shape), axis=1)
    fed = vote_proportions(np.take_along_axis(c25.expression, drawn[:, :raters], axis=1))
    kept = drawn[:, raters:] if independent else drawn
    target = np.stack(
        [np.take_along_axis(c25.valence, kept, 1).mean(1), np.take_along_axis(c25.arousal, kept, 1).mean(1)], 1
    )
    shares, va = c25.proportions, c25.va
    predicted = np.empty_like(va)
    for held_out in np.array_split(rng.permutation(len(va)), folds):
        train = np.setdiff1d(np.arange(len(va)), held_out)
        predicted[held_out] = VoteAffectBridge.fit(shares[train], va[train]).predict(fed[held_out])
    return ccc(predicted[:, 0], target[:, 0]), ccc(predicted[:, 1], target[:, 1])
