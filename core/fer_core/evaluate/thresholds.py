"""From which probability on an action unit counts as present: chosen on validation faces, used on test faces.

A threshold chosen on the faces that it is judged on flatters the model, so choosing and judging take two evaluations.
"""

from __future__ import annotations

import numpy as np

from fer_core.evaluate.evaluation import Evaluation
from fer_core.evaluate.metrics import AU_THRESHOLD, Reals
from fer_core.evaluate.ranking import precision_recall


def best_f1_threshold(probs: Reals, target: Reals) -> float:
    """The threshold with the highest F1 of one unit over its known rows; NaN when it is never present.

    Halfway between the lowest probability called present and the next one below, where there is one. Among equal F1 the
    threshold nearest to ``AU_THRESHOLD`` is taken.

    Args:
        probs: (N,) in 0..1.
        target: (N,) 1, 0 or NaN.

    Raises:
        ValueError: when the shapes differ.
    """
    curve = precision_recall(probs, target)
    if not curve.recall.size or np.isnan(curve.recall[-1]):
        return float("nan")
    f1 = 2 * curve.precision * curve.recall / np.maximum(curve.precision + curve.recall, np.finfo(float).tiny)
    below = np.append(curve.score[1:], curve.score[-1])
    thresholds = (curve.score + below) / 2
    best = np.flatnonzero(f1 >= f1.max() - 1e-12)
    return float(thresholds[best[np.argmin(np.abs(thresholds[best] - AU_THRESHOLD))]])


def choose_au_thresholds(validation: Evaluation) -> dict[int, float]:
    """Threshold of every unit that is present in some face of an evaluation; the others keep ``AU_THRESHOLD``."""
    found = {
        unit: best_f1_threshold(validation.au_probs[:, column], validation.au_target[:, column])
        for column, unit in enumerate(validation.action_units)
    }
    return {unit: threshold for unit, threshold in found.items() if not np.isnan(threshold)}
