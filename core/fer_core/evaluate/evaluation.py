"""What a model said of labelled faces, and the figures that follow from it.

FER+ protocol (Barsoum et al., ICMI 2016, as later work reports it): the label of an image is the majority of the votes
over the eight expressions; images whose winner is *unknown* or *not a face* were dropped when the data were prepared.
*Ties* go to the expression that comes first in the label order, as ``argmax`` does (neutral before sadness);
``expression_ties`` counts them. The official FER+ code is stricter (the winner needs more than half of the votes):
``accuracy_clear`` keeps to the images with such a winner.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_core.evaluate import metrics
from fer_core.evaluate.agreement import icc
from fer_core.evaluate.bootstrap import bootstrap_interval
from fer_core.evaluate.calibration import expected_calibration_error
from fer_core.evaluate.metrics import Integers, Reals
from fer_core.evaluate.ranking import mean_average_precision, one_against_rest, per_column_average_precision
from fer_core.evaluate.thresholds import best_f1_threshold
from fer_core.labels import au_column

#: Room for half precision in the sum of eight probabilities.
_SUM_TOLERANCE = 1e-2

VA_NAMES = ("valence", "arousal")
Strings = npt.NDArray[np.str_]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Predictions and labels of N faces. A missing label is NaN.

    Raises:
        ValueError: when an array does not have the stated shape or range; the message names the first such face.
    """

    expressions: tuple[str, ...]
    """E names, in the order of the columns."""
    action_units: tuple[int, ...]
    """A FACS numbers, in the order of the columns."""
    expression_probs: Reals
    """(N, E), rows sum to 1."""
    expression_votes: Reals
    """(N, E), non-negative; a row is all NaN where the face has no expression label."""
    va_pred: Reals
    """(N, 2), valence and arousal."""
    va_target: Reals
    """(N, 2)"""
    au_probs: Reals
    """(N, A), each in 0..1."""
    au_target: Reals
    """(N, A), 1 present, 0 absent."""
    dataset: Strings
    """(N,)"""
    path: Strings
    """(N,) where the image came from."""
    subject: Strings
    """(N,) person shown, unique within the data set; "" where unknown."""

    def __post_init__(self) -> None:
        rows = len(self.path)
        widths = {"expression": len(self.expressions), "va": 2, "au": len(self.action_units)}
        for item in fields(self)[2:]:
            head = item.name.split("_")[0]
            shape = (rows, widths[head]) if head in widths else (rows,)
            if getattr(self, item.name).shape != shape:
                raise ValueError(f"{item.name} must be {shape}, got {getattr(self, item.name).shape}")
        votes, probs, units = self.expression_votes, self.expression_probs, self.au_probs
        rated = ~np.isnan(votes).all(axis=1)
        self._require("expression_probs sum to 1", np.abs(probs.sum(axis=1) - 1) < _SUM_TOLERANCE)
        self._require("expression_votes are none or all given, 0 or more, some above 0", ~rated | _valid_votes(votes))
        self._require("va_pred is finite", np.isfinite(self.va_pred).all(axis=1))
        self._require("au_probs lie in 0..1", ((units >= 0) & (units <= 1)).all(axis=1))

    def _require(self, what: str, holds: Bools) -> None:
        wrong = np.flatnonzero(~holds)
        if wrong.size:
            raise ValueError(f"{what}: not so for {wrong.size} of {len(self)} faces, first {self.path[wrong[0]]}")

    def __len__(self) -> int:
        return len(self.path)

    def select(self, keep: Bools | Integers) -> Evaluation:
        """The faces chosen by a mask or by indices."""
        per_face = {item.name: getattr(self, item.name)[keep] for item in fields(self)[2:]}
        return Evaluation(self.expressions, self.action_units, **per_face)

    def dataset_names(self) -> tuple[str, ...]:
        """Data sets in order of first appearance."""
        return tuple(dict.fromkeys(self.dataset.tolist()))

    def for_dataset(self, name: str) -> Evaluation:
        """The faces of one data set."""
        return self.select(self.dataset == name)

    def labelled_expressions(self) -> Evaluation:
        """The faces with an expression label."""
        return self.select(~np.isnan(self.expression_votes).any(axis=1))

    def labelled_va(self) -> Evaluation:
        """The faces with valence and arousal."""
        return self.select(~np.isnan(self.va_target).any(axis=1))

    def labelled_au(self) -> Evaluation:
        """The faces with a label for at least one action unit."""
        return self.select(~np.isnan(self.au_target).all(axis=1))

    def majority(self) -> Integers:
        """(N,) index of the expression with most votes, the first one on a tie, -1 without votes."""
        labelled = ~np.isnan(self.expression_votes).any(axis=1)
        winners: Integers = np.nan_to_num(self.expression_votes).argmax(axis=1)
        winners[~labelled] = -1
        return winners

    def predicted(self) -> Integers:
        """(N,) index of the most probable expression."""
        best: Integers = self.expression_probs.argmax(axis=1)
        return best

    def groups(self) -> Strings:
        """(N,) what the bootstrap draws together: the person where known, otherwise the image."""
        unit = np.where(self.subject == "", self.path, self.subject)
        kind = np.where(self.subject == "", "image", "person")
        return np.array([f"{d}/{k}/{u}" for d, k, u in zip(self.dataset, kind, unit, strict=True)], np.str_)

    def metrics(
        self, *, resamples: int = 1000, seed: int = 0, au_thresholds: Mapping[int, float] | None = None
    ) -> dict[str, Any]:
        """All figures, ready for JSON (undefined is None); see :mod:`fer_core.evaluate.metrics` for conventions.

        Args:
            resamples: of the bootstrap behind ``intervals`` (95 %, over people where they are known, otherwise over
                images); 0 leaves the intervals out. The calibration error has none: resampling inflates it.
            seed: of the bootstrap.
            au_thresholds: by unit, chosen on other faces (:mod:`fer_core.evaluate.thresholds`); units not named keep
                ``AU_THRESHOLD``. They add ``au_f1_chosen`` and ``f1_chosen``, ``threshold`` of every unit.

        Returns:
            ``rows``, ``accuracy``, ``accuracy_clear``, ``mean_class_accuracy``, ``macro_f1``,
            ``mean_average_precision`` and ``expression_auc`` (one class against the rest), ``calibration_error``,
            ``ccc_valence``, ``ccc_arousal`` (and ``pearson_``, ``rmse_``, ``sagr_``, ``icc_``), ``au_auc``, ``au_f1``,
            ``au_average_precision`` (means over units), ``p_mtl``, how many rows each rests on, per class under
            ``expressions``, per unit under ``action_units``, ``confusion`` (labels in rows), ``intervals``. With
            several data sets these pool all faces, and ``datasets`` holds the same figures of each.
        """
        names = self.dataset_names()
        figures = {
            "rows": len(self),
            **_expression_figures(self.labelled_expressions()),
            **_va_figures(self.labelled_va()),
            **_au_figures(self.labelled_au(), au_thresholds),
        }
        figures["p_mtl"] = _p_mtl(figures)
        if resamples:
            figures["intervals"] = _intervals(self, resamples, seed, au_thresholds)
        result: dict[str, Any] = json_ready(figures)
        if len(names) > 1:
            result["datasets"] = {
                n: self.for_dataset(n).metrics(resamples=resamples, seed=seed, au_thresholds=au_thresholds)
                for n in names
            }
        return result

    def thresholds(self, chosen: Mapping[int, float] | None) -> Reals:
        """(A,) threshold of every unit: the chosen one, otherwise ``AU_THRESHOLD``."""
        return np.array([(chosen or {}).get(unit, metrics.AU_THRESHOLD) for unit in self.action_units], np.float64)


def _valid_votes(votes: Reals) -> Bools:
    """(N,) rows without NaN or negative entries that are not all 0; comparisons with NaN are False."""
    valid: Bools = (votes >= 0).all(axis=1) & (votes.sum(axis=1) > 0)
    return valid


def json_ready(value: Any) -> Any:
    """The same nested value with plain Python numbers and None for what is not finite, which JSON cannot hold."""
    if isinstance(value, dict):
        return {key: json_ready(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return json_ready(value.tolist())
    if isinstance(value, list | tuple):
        return [json_ready(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _expression_figures(faces: Evaluation) -> dict[str, Any]:
    target, pred, votes = faces.majority(), faces.predicted(), faces.expression_votes
    top = votes.max(axis=1, initial=0)
    clear = top > votes.sum(axis=1) / 2
    confusion = metrics.confusion_matrix(target, pred, len(faces.expressions))
    scores = metrics.scores_of_confusion(confusion)
    ones = one_against_rest(target, len(faces.expressions))
    auc = metrics.per_unit_auc(faces.expression_probs, ones)
    precision = per_column_average_precision(faces.expression_probs, ones)
    per_class = {
        name: {
            "precision": scores.precision[n],
            "recall": scores.recall[n],
            "f1": scores.f1[n],
            "support": scores.support[n],
            "average_precision": precision[n],
            "auc": auc[n],
            "mean_va_pred": _column_means(faces.va_pred[target == n]),
            "mean_va_distance": metrics.nan_mean(np.linalg.norm(faces.va_pred[target == n], axis=1)),
        }
        for n, name in enumerate(faces.expressions)
    }
    return {
        "expression_rows": len(faces),
        "expression_ties": int(((votes == top[:, None]).sum(axis=1) > 1).sum()),
        "accuracy": metrics.accuracy(target, pred),
        "accuracy_clear": metrics.accuracy(target[clear], pred[clear]),
        "accuracy_clear_rows": int(clear.sum()),
        "mean_class_accuracy": metrics.nan_mean(scores.recall),
        "macro_f1": metrics.nan_mean(scores.f1),
        "mean_average_precision": metrics.nan_mean(precision),
        "expression_auc": metrics.nan_mean(auc),
        "calibration_error": expected_calibration_error(faces.expression_probs, target),
        "expressions": per_class,
        "confusion": confusion,
    }


def _column_means(values: Reals) -> list[float]:
    return [metrics.nan_mean(column) for column in values.T]


def _va_figures(faces: Evaluation) -> dict[str, Any]:
    figures: dict[str, Any] = {"va_rows": len(faces)}
    for measure in (metrics.ccc, metrics.pearson, metrics.rmse, metrics.sagr):
        for n, name in enumerate(VA_NAMES):
            figures[f"{measure.__name__}_{name}"] = measure(faces.va_pred[:, n], faces.va_target[:, n])
    for n, name in enumerate(VA_NAMES):
        figures[f"icc_{name}"] = icc(np.stack([faces.va_pred[:, n], faces.va_target[:, n]], axis=1))
    return figures


def _au_figures(faces: Evaluation, chosen: Mapping[int, float] | None) -> dict[str, Any]:
    auc = metrics.per_unit_auc(faces.au_probs, faces.au_target)
    f1 = metrics.per_unit_f1(faces.au_probs, faces.au_target)
    precision = per_column_average_precision(faces.au_probs, faces.au_target)
    present = (faces.au_target >= metrics.AU_THRESHOLD).sum(axis=0)
    known = (~np.isnan(faces.au_target)).sum(axis=0)
    per_unit: dict[str, dict[str, Any]] = {
        au_column(unit): {
            "auc": auc[n],
            "average_precision": precision[n],
            "f1": f1[n],
            "best_threshold": best_f1_threshold(faces.au_probs[:, n], faces.au_target[:, n]),
            "positives": present[n],
            "rows": known[n],
        }
        for n, unit in enumerate(faces.action_units)
    }
    figures: dict[str, Any] = {
        "au_rows": len(faces),
        "au_auc": metrics.nan_mean(auc),
        "au_f1": metrics.nan_mean(f1),
        "au_average_precision": metrics.nan_mean(precision),
        "action_units": per_unit,
    }
    if chosen is not None:
        limits = faces.thresholds(chosen)
        tuned = metrics.per_unit_f1(faces.au_probs, faces.au_target, limits)
        figures["au_f1_chosen"] = metrics.nan_mean(tuned)
        for n, unit in enumerate(faces.action_units):
            per_unit[au_column(unit)] |= {"threshold": limits[n], "f1_chosen": tuned[n]}
    return figures


def _p_mtl(figures: Mapping[str, Any]) -> float:
    """With the chosen thresholds where there are any."""
    unit_f1 = figures.get("au_f1_chosen", figures["au_f1"])
    return metrics.p_mtl(figures["ccc_valence"], figures["ccc_arousal"], figures["macro_f1"], unit_f1)


def _intervals(
    faces: Evaluation, resamples: int, seed: int, chosen: Mapping[int, float] | None
) -> dict[str, tuple[float, float]]:
    """95 % intervals of the headline figures, each over the faces with that label."""

    def interval(kept: Evaluation, statistic: Callable[[Integers], float]) -> tuple[float, float]:
        return bootstrap_interval(statistic, len(kept), groups=kept.groups(), resamples=resamples, seed=seed)

    rated, placed, coded = faces.labelled_expressions(), faces.labelled_va(), faces.labelled_au()
    target, pred, classes = rated.majority(), rated.predicted(), len(faces.expressions)
    class_probs, ones = rated.expression_probs, one_against_rest(target, classes)
    probs, units, limits = coded.au_probs, coded.au_target, coded.thresholds(chosen)
    found = {
        "accuracy": interval(rated, lambda i: metrics.accuracy(target[i], pred[i])),
        "mean_class_accuracy": interval(rated, lambda i: metrics.mean_class_accuracy(target[i], pred[i], classes)),
        "macro_f1": interval(rated, lambda i: metrics.macro_f1(target[i], pred[i], classes)),
        "mean_average_precision": interval(rated, lambda i: mean_average_precision(class_probs[i], ones[i])),
        "au_auc": interval(coded, lambda i: metrics.nan_mean(metrics.per_unit_auc(probs[i], units[i]))),
        "au_f1": interval(coded, lambda i: metrics.nan_mean(metrics.per_unit_f1(probs[i], units[i]))),
    }
    if chosen is not None:
        found["au_f1_chosen"] = interval(
            coded, lambda i: metrics.nan_mean(metrics.per_unit_f1(probs[i], units[i], limits))
        )
    for n, name in enumerate(VA_NAMES):
        pair = placed.va_pred[:, n], placed.va_target[:, n]
        for measure in (metrics.ccc, metrics.pearson, metrics.rmse, metrics.sagr):
            found[f"{measure.__name__}_{name}"] = interval(placed, _of_rows(measure, *pair))
    if len(rated) and len(placed) and len(coded):
        found["p_mtl"] = interval(faces, _p_mtl_of_rows(faces, chosen))
    return found


def _of_rows(measure: Callable[[Reals, Reals], float], pred: Reals, target: Reals) -> Callable[[Integers], float]:
    return lambda rows: measure(pred[rows], target[rows])


def _p_mtl_of_rows(faces: Evaluation, chosen: Mapping[int, float] | None) -> Callable[[Integers], float]:
    """The multi-task figure as a function of rows, each task over the rows that have its label."""
    target, pred, limits = faces.majority(), faces.predicted(), faces.thresholds(chosen)
    rated, placed = target >= 0, ~np.isnan(faces.va_target).any(axis=1)

    def figure(rows: Integers) -> float:
        r, p = rows[rated[rows]], rows[placed[rows]]
        valence, arousal = (metrics.ccc(faces.va_pred[p, n], faces.va_target[p, n]) for n in range(len(VA_NAMES)))
        f1 = metrics.macro_f1(target[r], pred[r], len(faces.expressions))
        units = metrics.per_unit_f1(faces.au_probs[rows], faces.au_target[rows], limits)
        return metrics.p_mtl(valence, arousal, f1, metrics.nan_mean(units))

    return figure
