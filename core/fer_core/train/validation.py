"""Figures of a network on a split while it learns."""

from __future__ import annotations

import math

import numpy as np
import torch
from accelerate import PartialState
from accelerate.utils import gather_object
from torch import nn
from torch.utils.data import Subset

from fer_core.data.dataset import ShardDataset, ordered_batches
from fer_core.evaluate.metrics import accuracy, ccc, mean_class_accuracy, nan_mean, per_unit_auc
from fer_core.train.resolution import resized
from fer_core.types import Floats

_BATCH = 128


#: What a recipe can name as ``monitor``.
FIGURES = ("accuracy", "mean_class_accuracy", "ccc_valence", "ccc_arousal", "au_auc")


@torch.inference_mode()
def validate(model: nn.Module, data: ShardDataset, device: torch.device, size_px: int) -> dict[str, float | None]:
    """``FIGURES`` of a split, of classes by the majority label; None where undefined, nothing when it is empty.

    Labels of action units that a model made (``au_weight`` below 1) are left out: agreeing with it is no merit.
    Several processes each look at their share and all get the figures of the whole; so every process has to call it.
    """
    model.eval()
    processes = PartialState()
    share = Subset(data, range(processes.process_index, len(data), processes.num_processes))
    own: list[tuple[Floats, ...]] = []
    for batch in ordered_batches(share, _BATCH) if len(share) else ():
        outputs = model(resized(batch, device, size_px))
        answers = (outputs.expression_logits, outputs.va, outputs.au_logits)
        coded = torch.where(batch.au_weight >= 1, batch.au, torch.nan)  # (B, A)
        own.append(tuple(t.float().cpu().numpy() for t in (*answers, batch.votes, batch.va, coded)))
    rows = gather_object(own)
    if not rows:
        return {}
    logits, va_pred, au_logits, votes, va, au = (np.concatenate(column) for column in zip(*rows, strict=True))
    voted, rated = np.isfinite(votes).all(axis=1), np.isfinite(va).all(axis=1)
    predicted, target = logits[voted].argmax(axis=1), votes[voted].argmax(axis=1)
    values = (
        accuracy(target, predicted),
        mean_class_accuracy(target, predicted, votes.shape[1]),
        ccc(va_pred[rated, 0], va[rated, 0]),
        ccc(va_pred[rated, 1], va[rated, 1]),
        nan_mean(per_unit_auc(au_logits, au)),
    )
    return {name: _rounded(value) for name, value in zip(FIGURES, values, strict=True)}


def _rounded(value: float) -> float | None:
    return round(float(value), 4) if math.isfinite(value) else None
