"""Metrics of expression, valence-arousal and action units, in plain NumPy.

Conventions, for every function here
    - *Undefined is NaN*, never 0: no rows, no positives, a constant where variance is needed. Nothing warns.
    - Means over classes or units (``macro_f1``, ``mean_class_accuracy``, ``nan_mean`` of the units) skip the undefined.
    - Expressions are class indices (N,) int in ``0..classes-1``. Confusion matrices have labels in rows, predictions
      in columns.
    - Valence and arousal lie in [-1, 1]; variances are biased (1/N), as in the CCC of the field.
    - Action units: label 1 present, 0 absent, NaN unknown (skipped); a unit is *predicted present* from probability
      0.5 (``AU_THRESHOLD``) on unless told otherwise, and a soft label counts as present from 0.5 on. ROC AUC needs no
      threshold.
    - Precision, recall and F1 agree with scikit-learn's ``zero_division=nan``: F1 is ``2 tp / (2 tp + fp + fn)``,
      undefined when nothing is present and nothing is predicted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.floating[Any]]
Integers = npt.NDArray[np.integer[Any]]

#: Probability and soft label from which an action unit counts as present.
AU_THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class ClassScores:
    """Per-class figures, each (C,)."""

    precision: Reals
    recall: Reals
    f1: Reals
    support: Integers
    """Rows labelled with the class."""


def nan_mean(values: Reals) -> float:
    """Mean of the entries that are not NaN; NaN when there are none."""
    defined = np.asarray(values)[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")


def _ratio(numerator: npt.NDArray[Any], denominator: npt.NDArray[Any]) -> Reals:
    """Element-wise quotient, NaN where the denominator is 0."""
    result = np.full(np.shape(numerator), np.nan)
    return np.divide(numerator, denominator, out=result, where=np.asarray(denominator) != 0)


def _check_pair(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> None:
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"both arguments must be (N,), got {a.shape} and {b.shape}")


# ---- expressions


def confusion_matrix(target: Integers, pred: Integers, classes: int) -> Integers:
    """Counts (C, C): entry (i, j) is how many rows labelled i were predicted j.

    Raises:
        ValueError: when the shapes differ or an index is not in ``0..classes-1``.
    """
    _check_pair(target, pred)
    both = np.concatenate([target, pred])
    if both.size and (both.min() < 0 or both.max() >= classes):
        raise ValueError(f"class indices must lie in 0..{classes - 1}; drop the rows without a label first")
    flat = np.bincount(target * classes + pred, minlength=classes * classes)
    return flat.reshape(classes, classes)


def accuracy(target: Integers, pred: Integers) -> float:
    """Share of rows predicted right, 0..1."""
    _check_pair(target, pred)
    return float(np.mean(target == pred)) if target.size else float("nan")


def class_scores(target: Integers, pred: Integers, classes: int) -> ClassScores:
    """Precision, recall, F1 and support of every class."""
    return scores_of_confusion(confusion_matrix(target, pred, classes))


def scores_of_confusion(confusion: Integers) -> ClassScores:
    """Precision, recall, F1 and support from a confusion matrix (C, C)."""
    hits = np.diag(confusion)
    support, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    return ClassScores(_ratio(hits, predicted), _ratio(hits, support), _ratio(2 * hits, support + predicted), support)


def mean_class_accuracy(target: Integers, pred: Integers, classes: int) -> float:
    """Mean recall over the classes that occur in the labels (balanced accuracy), 0..1."""
    return nan_mean(class_scores(target, pred, classes).recall)


def macro_f1(target: Integers, pred: Integers, classes: int) -> float:
    """Mean F1 over the classes that occur in labels or predictions, 0..1."""
    return nan_mean(class_scores(target, pred, classes).f1)


# ---- valence and arousal


def ccc(pred: Reals, target: Reals) -> float:
    """Concordance correlation coefficient (Lin, Biometrics 45(1), 1989), in [-1, 1].

    ``2 cov / (var pred + var target + (mean pred - mean target)^2)``; NaN with fewer than two rows, or when both sides
    are one and the same constant. A constant prediction of varying labels scores 0.
    """
    x, y = _as_doubles(pred, target)
    if x.size < 2 or (np.ptp(x) == 0 and np.ptp(y) == 0 and x[0] == y[0]):
        return float("nan")
    covariance = np.mean((x - x.mean()) * (y - y.mean()))
    return float(2 * covariance / (x.var() + y.var() + (x.mean() - y.mean()) ** 2))


def pearson(pred: Reals, target: Reals) -> float:
    """Pearson correlation, in [-1, 1]; NaN with fewer than two rows or a constant side."""
    x, y = _as_doubles(pred, target)
    if x.size < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    x, y = x - x.mean(), y - y.mean()
    return float(np.clip(x @ y / np.sqrt((x @ x) * (y @ y)), -1, 1))


def rmse(pred: Reals, target: Reals) -> float:
    """Root mean squared error, in the unit of the arguments."""
    x, y = _as_doubles(pred, target)
    return float(np.sqrt(np.mean((x - y) ** 2))) if x.size else float("nan")


def sagr(pred: Reals, target: Reals) -> float:
    """Share of rows whose signs agree, 0..1; 0 agrees with 0 only.

    Nicolaou, Gunes & Pantic, IEEE Transactions on Affective Computing 2(2), 2011.
    """
    x, y = _as_doubles(pred, target)
    return float(np.mean(np.sign(x) == np.sign(y))) if x.size else float("nan")


def _as_doubles(pred: Reals, target: Reals) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    _check_pair(pred, target)
    x, y = np.asarray(pred, np.float64), np.asarray(target, np.float64)
    if np.isnan(x).any() or np.isnan(y).any():
        raise ValueError("pred and target must hold no NaN here; keep the labelled rows only")
    return x, y


# ---- action units


def roc_auc(probs: Reals, target: Reals) -> float:
    """Area under the ROC curve of one unit over its known rows, 0..1; NaN unless both labels occur.

    The Mann-Whitney form: the share of (present, absent) pairs ranked right, a tie counting one half
    (Hanley & McNeil, Radiology 143, 1982).
    """
    scores, present = known_rows(probs, target)
    positives = int(present.sum())
    negatives = present.size - positives
    if positives == 0 or negatives == 0:
        return float("nan")
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]  # (N,) ties share the mean of their ranks
    return float((ranks[present].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def au_f1(probs: Reals, target: Reals, threshold: float = AU_THRESHOLD) -> float:
    """F1 of one unit, predicted present from ``threshold`` on, over its known rows, 0..1."""
    scores, present = known_rows(probs, target)
    predicted = scores >= threshold
    positives = int(present.sum()) + int(predicted.sum())  # 2 tp + fp + fn
    return 2 * int((present & predicted).sum()) / positives if positives else float("nan")


def per_unit_auc(probs: Reals, target: Reals) -> Reals:
    """ROC AUC (A,) of every unit of (N, A)."""
    return np.array([roc_auc(probs[:, unit], target[:, unit]) for unit in range(probs.shape[1])], np.float64)


def per_unit_f1(probs: Reals, target: Reals, thresholds: Reals | None = None) -> Reals:
    """F1 (A,) of every unit of (N, A), each at its threshold (A,); None is ``AU_THRESHOLD`` for all."""
    limits = np.full(probs.shape[1], AU_THRESHOLD) if thresholds is None else thresholds
    return np.array([au_f1(probs[:, u], target[:, u], float(limits[u])) for u in range(probs.shape[1])], np.float64)


def known_rows(probs: Reals, target: Reals) -> tuple[Reals, npt.NDArray[np.bool_]]:
    """Scores of the rows with a label, and whether that says *present*.

    Raises:
        ValueError: when the shapes differ.
    """
    _check_pair(probs, target)
    known = ~np.isnan(target)
    return probs[known], target[known] >= AU_THRESHOLD


# ---- all tasks together


def p_mtl(valence_ccc: float, arousal_ccc: float, expression_f1: float, unit_f1: float) -> float:
    """The multi-task challenges' figure, in [-1, 3]: mean CCC + mean F1 of the classes + mean F1 of the units.

    Kollias, "ABAW: Learning from Synthetic Data & Multi-Task Learning Challenges", ECCV workshops 2022. NaN when one of
    the tasks is undefined. (Its classes include *other*, which this project has not.)
    """
    return (valence_ccc + arousal_ccc) / 2 + expression_f1 + unit_f1
