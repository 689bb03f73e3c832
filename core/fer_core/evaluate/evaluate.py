"""Runs a model over labelled faces and keeps what it said beside the labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from fer_core.evaluate.evaluation import Evaluation
from fer_core.evaluate.metrics import Integers, Reals
from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_core.types import ImageU8

Predict = Callable[[ImageU8], tuple[Reals, Reals, Reals]]
"""Crops (B, H, W, 3) RGB to expression probabilities (B, E), valence-arousal (B, 2), action units (B, A)."""


class LabelledFaces(Protocol):
    """Aligned crops with labels, however they are stored; :class:`fer_core.data.shards.Shard` is one.

    Labels are in the order of :mod:`fer_core.labels`, NaN where missing.
    """

    @property
    def dataset(self) -> str:
        """Name of the data set."""

    @property
    def path(self) -> npt.NDArray[np.str_]:
        """(N,)"""

    @property
    def subject(self) -> npt.NDArray[np.str_]:
        """(N,), "" where unknown."""

    @property
    def split(self) -> npt.NDArray[np.str_]:
        """(N,)"""

    @property
    def votes(self) -> npt.NDArray[np.float32]:
        """(N, 8) proportions."""

    @property
    def va(self) -> npt.NDArray[np.float32]:
        """(N, 2)"""

    @property
    def au(self) -> npt.NDArray[np.float32]:
        """(N, A)"""

    @property
    def au_weight(self) -> npt.NDArray[np.float32]:
        """(N,), 1 for human coders, less for labels that a model made."""

    def image(self, index: int, /) -> ImageU8:
        """Crop (H, W, 3) RGB."""


def predict_shard(
    predict: Predict,
    faces: LabelledFaces,
    *,
    split: str | None = None,
    batch: int = 64,
    model_expressions: Sequence[str] = EXPRESSIONS,
    model_action_units: Sequence[int] = ACTION_UNITS,
    on_progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Evaluates one data set, decoding no more than one batch of crops at a time.

    Expressions come out in the order of ``EXPRESSIONS``, action units are those both the data and the model know.
    Labels of action units that a model made (``au_weight`` below 1) are left out: agreeing with it is no merit.

    Args:
        predict: the model.
        faces: crops and labels.
        split: keep this split only, such as ``"test"``; None keeps all.
        batch: crops per call, at least 1; the last call gets the rest.
        model_expressions: the model's expression order.
        model_action_units: the model's action units in their order.
        on_progress: called after each batch with (faces done, faces in all).

    Raises:
        ValueError: when no face is left, the model names other expressions than ``EXPRESSIONS``, or it answers with
            wrong shapes.
    """
    rows = np.flatnonzero(faces.split == split) if split is not None else np.arange(len(faces.path))
    if not rows.size:
        known = ", ".join(sorted(set(faces.split.tolist()))) or "none: it is empty"
        raise ValueError(f"{faces.dataset} has no faces in split {split!r}; its splits: {known}")
    if sorted(model_expressions) != sorted(EXPRESSIONS):
        raise ValueError(f"the model's expressions {list(model_expressions)} are not {list(EXPRESSIONS)}")
    probs, va, au = _predict_all(
        predict, faces, rows, batch, (len(model_expressions), 2, len(model_action_units)), on_progress
    )
    shared = [unit for unit in ACTION_UNITS if unit in model_action_units]
    human = faces.au_weight[rows] >= 1
    targets = faces.au[rows][:, [ACTION_UNITS.index(unit) for unit in shared]]
    return Evaluation(
        expressions=EXPRESSIONS,
        action_units=tuple(shared),
        expression_probs=probs[:, [list(model_expressions).index(name) for name in EXPRESSIONS]],
        expression_votes=faces.votes[rows],
        va_pred=va,
        va_target=faces.va[rows],
        au_probs=au[:, [list(model_action_units).index(unit) for unit in shared]],
        au_target=np.where(human[:, None], targets, np.nan),
        dataset=np.full(rows.size, faces.dataset),
        path=faces.path[rows],
        subject=faces.subject[rows],
    )


def combine(evaluations: Sequence[Evaluation]) -> Evaluation:
    """One evaluation over several data sets.

    Raises:
        ValueError: when there is none, or their expressions or action units differ.
    """
    if not evaluations:
        raise ValueError("there is nothing to combine; evaluate at least one data set")
    first = evaluations[0]
    if any((e.expressions, e.action_units) != (first.expressions, first.action_units) for e in evaluations):
        raise ValueError("the evaluations name different expressions or action units; evaluate them with one model")
    names = ("expression_probs", "expression_votes", "va_pred", "va_target", "au_probs", "au_target")
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(e, name) for e in evaluations]) for name in (*names, "dataset", "path", "subject")
    }
    return Evaluation(first.expressions, first.action_units, **arrays)


def _predict_all(
    predict: Predict,
    faces: LabelledFaces,
    rows: Integers,
    batch: int,
    widths: tuple[int, int, int],
    on_progress: Callable[[int, int], None] | None,
) -> tuple[Reals, Reals, Reals]:
    """Predictions (N, E), (N, 2), (N, A) of the given rows, in their order."""
    if batch < 1:
        raise ValueError(f"batch must be 1 or more, got {batch}")
    heads: tuple[list[Reals], list[Reals], list[Reals]] = ([], [], [])
    for start in range(0, rows.size, batch):
        chosen = rows[start : start + batch]
        crops = np.stack([faces.image(int(row)) for row in chosen])  # (B, H, W, 3)
        for head, answer, width in zip(heads, predict(crops), widths, strict=True):
            if answer.shape != (chosen.size, width):
                raise ValueError(f"the model answered {answer.shape} where ({chosen.size}, {width}) was due")
            head.append(answer)
        if on_progress is not None:
            on_progress(start + chosen.size, rows.size)
    return np.concatenate(heads[0]), np.concatenate(heads[1]), np.concatenate(heads[2])
