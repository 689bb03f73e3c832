"""From which probability on an action unit counts as present: chosen on validation faces, used on test faces.

A threshold chosen on the faces that it is judged on flatters the model, so choosing and judging take two evaluations:
the figures of the first hold ``best_threshold`` of every unit, and the second is given them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fer_core.evaluate.metrics import AU_THRESHOLD, Reals
from fer_core.evaluate.ranking import precision_recall
from fer_core.labels import FACS_NAMES, au_column


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


def chosen_au_thresholds(figures: Mapping[str, Any]) -> dict[int, float]:
    """By unit, the threshold that was best for the faces of some figures (``Evaluation.metrics()``).

    Units that none of these faces shows are left out: they keep ``AU_THRESHOLD``.
    """
    known = {unit: figures["action_units"].get(au_column(unit), {}) for unit in FACS_NAMES}
    return {u: float(about["best_threshold"]) for u, about in known.items() if about.get("best_threshold") is not None}


def read_au_thresholds(path: Path, dataset: str, split: str) -> dict[int, float]:
    """Thresholds that were best for other faces.

    Args:
        path: JSON of ``fer-core evaluate --json``, or of ``fer-core probe --json``, which names all its data sets.
        dataset: that will be measured with them.
        split: of it.

    Raises:
        ValueError: when the file has no thresholds, or is of faces that will be measured.
        OSError: when it cannot be read.
    """
    remedy = "write it with: fer-core evaluate --json FILE, on faces with labelled action units"
    try:
        figures = json.loads(path.read_text(encoding="utf-8"))
        sources, chosen = figures["dataset"].split(", "), chosen_au_thresholds(figures)
        same = figures["split"] == split and dataset in sources
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(f"{path}: is no file of figures with thresholds of action units; {remedy}") from None
    if same:
        raise ValueError(f"{path}: its thresholds were chosen on {dataset}, {split} itself; choose them on other faces")
    if not chosen:
        raise ValueError(f"{path}: no action unit is present in its faces; {remedy}")
    return chosen
