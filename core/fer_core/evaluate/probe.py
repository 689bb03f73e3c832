"""A trained network looked into, before it is exported: figures on prepared faces, and what its features hold.

Unlike ``fer-core evaluate``, which measures an exported file on raw images as the program would see them, this reads a
checkpoint and shards. So it measures every recipe, also those that are not exported: with a task that was not taught,
of clips, or of faces aligned by their eyes. It adds what the papers look at in the network itself: how sure it is when
right and when wrong (MixAugment, table 4), a support vector machine on its frozen features (thesis, table 5.4), and how
alike the learned vectors of its labels are (thesis, figure 6.4.3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fer_core.data.archive import DataError
from fer_core.data.dataset import ShardDataset, ordered_batches
from fer_core.data.shards import Shard
from fer_core.evaluate.confidence import confidence_by_outcome
from fer_core.evaluate.evaluation import VA_NAMES, Evaluation, json_ready
from fer_core.evaluate.metrics import Reals
from fer_core.evaluate.svm_features import SvmOptions, compare_svm, frozen_features
from fer_core.faces.align import CropGeometry
from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_core.models.emotion_gcn import EmotionGcnHead
from fer_core.models.fusion import FusionHead
from fer_core.train.networks import read_trained as read_checkpoint
from fer_core.train.parts import VA_TASK, untaught_tasks
from fer_core.train.recipe import Recipe
from fer_core.train.resolution import resized

_BATCH = 64


@dataclass(frozen=True, slots=True)
class Trained:
    """A checkpoint, ready to be asked."""

    network: nn.Module
    """Averaged, in evaluation mode."""
    recipe: Recipe
    geometry: CropGeometry

    @property
    def size_px(self) -> int:
        """Side at which its training ended."""
        return self.recipe.stages[-1].size_px


@dataclass(frozen=True, slots=True)
class Probed:
    """What was found on one split."""

    evaluation: Evaluation
    features: Reals | None
    """(N, F) of the faces in their order; None where the network answers none."""
    figures: dict[str, Any]
    """Ready for JSON: those of :meth:`Evaluation.metrics`, ``untaught``, ``confidence`` and, when asked for, ``svm``"""


def chosen_shards(shards: Sequence[Shard], names: Sequence[str] | None) -> list[Shard]:
    """Those of the given data sets; all where None.

    Raises:
        DataError: when one is not there.
    """
    known = {shard.dataset: shard for shard in shards}
    missing = [name for name in names or () if name not in known]
    if missing:
        raise DataError(f"no shard of {', '.join(missing)}; there are {', '.join(known)}")
    return [known[name] for name in names] if names else list(shards)


def read_trained(checkpoint: Path, shards: Sequence[Shard]) -> Trained:
    """A checkpoint, for faces of these shards.

    Raises:
        DataError: when it is none, or the shards were aligned in another way.
    """
    network, recipe, content = read_checkpoint(checkpoint)
    geometry = CropGeometry.from_dict(content["geometry"])
    other = [shard.dataset for shard in shards if shard.geometry != geometry]
    if other:
        raise DataError(f"{', '.join(other)}: faces aligned otherwise than those of {checkpoint}; prepare them anew")
    return Trained(network, recipe, geometry)


def probe(
    trained: Trained, shards: Sequence[Shard], split: str, *, svm: SvmOptions | None = None, resamples: int = 1000
) -> Probed:
    """Figures of a network on a split of prepared faces.

    Args:
        trained: from :func:`read_trained`.
        shards: whose faces are measured, all pooled and each on its own.
        split: ``train``, ``valid`` or ``test``.
        svm: fit a machine on the features of the training split too.
        resamples: of the bootstrap; 0 leaves the intervals out.

    Raises:
        DataError: when the shards have no faces in the split.
        ValueError: when a machine is asked for and there are no features or labels for it.
    """
    data = _dataset(trained, shards, split)
    if not len(data):
        known = ", ".join(sorted({s for shard in shards for s in shard.split.tolist()}))
        raise DataError(f"no faces in split {split!r} of {', '.join(s.dataset for s in shards)}; there are {known}")
    evaluation, features = _answers(trained, data, shards, split)
    rated = evaluation.labelled_expressions()
    figures = evaluation.metrics(resamples=resamples)
    figures["untaught"] = untaught_tasks(trained.recipe)
    figures["confidence"] = json_ready(asdict(confidence_by_outcome(rated.expression_probs, rated.majority())))
    if svm is not None:
        seen = [
            frozen_features(trained.network, ordered_batches(part, _BATCH), trained.size_px)
            for part in (_dataset(trained, shards, "train"), data)
        ]
        figures["svm"] = json_ready({**asdict(compare_svm(seen[0], seen[1], svm)), **asdict(svm)})
    return Probed(evaluation, features, figures)


def label_vectors(trained: Trained) -> tuple[Reals, tuple[str, ...]] | None:
    """The vectors that a network multiplies its features with, (V, F), and the names of their labels.

    One a label of expression and, where they were taught and read the same features, of valence and arousal; None where
    expressions are not read linearly.
    """
    head = getattr(trained.network, "head", trained.network)
    if isinstance(head, EmotionGcnHead):
        return head.learned_vectors().detach().numpy(), (*EXPRESSIONS, *VA_NAMES)
    expression, va = _weight(head, "expression"), _weight(head, "va")
    if expression is None:
        return None
    apart = isinstance(head, FusionHead) and (head.va_layer is not None or head.options.va == "sectors")
    if va is None or va.shape[1] != expression.shape[1] or apart or VA_TASK in untaught_tasks(trained.recipe):
        return expression.numpy(), EXPRESSIONS
    return torch.cat([expression, va]).numpy(), (*EXPRESSIONS, *VA_NAMES)


def _weight(head: nn.Module, task: str) -> Tensor | None:
    """Of the one linear layer that answers a task."""
    layers = [m for m in getattr(head, task).modules() if isinstance(m, nn.Linear)] if hasattr(head, task) else []
    return layers[0].weight.detach() if len(layers) == 1 else None


def _dataset(trained: Trained, shards: Sequence[Shard], split: str) -> ShardDataset:
    return ShardDataset(shards, split, None, seed=0, frames=trained.recipe.frames)


@torch.inference_mode()
def _answers(
    trained: Trained, data: ShardDataset, shards: Sequence[Shard], split: str
) -> tuple[Evaluation, Reals | None]:
    """Everything the network says of a split, beside its labels; those that a model made are left out."""
    found: dict[str, list[Reals]] = {name: [] for name in ("probs", "va", "au", "features")}
    for batch in ordered_batches(data, _BATCH):
        outputs = trained.network(resized(batch, torch.device("cpu"), trained.size_px))
        answers = {
            "probs": outputs.expression_logits.softmax(dim=1),
            "va": outputs.va,
            "au": outputs.au_logits.sigmoid(),
            "features": outputs.features,
        }
        for name, tensor in answers.items():
            if tensor is not None:
                found[name].append(tensor.numpy())
    joined: Mapping[str, Reals] = {name: np.concatenate(parts) for name, parts in found.items() if parts}
    rows = {f.name: _column(shards, f.name, split) for f in fields(Shard) if f.name in _COLUMNS}
    evaluation = Evaluation(
        expressions=EXPRESSIONS,
        action_units=ACTION_UNITS,
        expression_probs=joined["probs"],
        expression_votes=rows["votes"],
        va_pred=joined["va"],
        va_target=rows["va"],
        au_probs=joined["au"],
        au_target=np.where(rows["au_weight"][:, None] >= 1, rows["au"], np.nan),
        dataset=np.concatenate([np.full((shard.split == split).sum(), shard.dataset) for shard in shards]),
        path=rows["path"],
        subject=rows["subject"],
    )
    return evaluation, joined.get("features")


_COLUMNS = ("votes", "va", "au", "au_weight", "path", "subject")


def _column(shards: Sequence[Shard], name: str, split: str) -> Any:
    return np.concatenate([getattr(shard, name)[shard.split == split] for shard in shards])
