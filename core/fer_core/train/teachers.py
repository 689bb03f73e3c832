"""Labels mixed with what finished networks answer: many networks, or a large one, that teach another.

The answers of several networks, averaged, are better than those of each (Hansen & Salamon 1990), and a network that
learns them comes near to all of them at the cost of one (Hinton, Vinyals & Dean 2015). Each teacher sees every training
face and its mirror image. All three tasks are taught, units by the first teacher alone: what others call a present
unit depends on whose labels they learned. A label that nobody gave is the teachers' answer alone; units that a FACS
coder saw stay as they were coded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fer_core.data.dataset import ShardDataset, ordered_batches
from fer_core.data.prepare import WEAK_AU_WEIGHT
from fer_core.data.shards import Shard
from fer_core.models.multitask import Outputs
from fer_core.train.networks import read_trained
from fer_core.train.resolution import resized
from fer_core.types import Floats

_BATCH = 64
_TASKS = ("votes", "va", "au")
#: ``votes`` (R, E), ``va`` (R, 2) and ``au`` (R, A) of the R training rows of a shard.
_Answers = dict[str, Floats]


def taught_by(
    teachers: Sequence[str], shards: Sequence[Shard], share: float, path: Path, *, compiled: bool = False
) -> list[Shard]:
    """Shards whose training labels are ``(1 - share) * label + share * answer``.

    Args:
        teachers: checkpoints.
        shards: what is trained on.
        share: 0..1, of the answers.
        path: where the answers are kept; those of an earlier call are read from there.
        compiled: let :func:`torch.compile` speed the teachers up.

    Raises:
        DataError: when a teacher cannot be read.
    """
    if not path.is_file():
        found = [_answers(shards, Path(teacher), compiled) for teacher in teachers]
        mean = {
            f"{n}_{field}": np.mean([own[n][field] for own in (found[:1] if field == "au" else found)], axis=0)
            for n in range(len(shards))
            for field in found[0][n]
        }
        temporary = path.with_suffix(".partial")
        with temporary.open("wb") as file:
            np.savez(file, **mean)
        temporary.replace(path)
    with np.load(path) as kept:
        mean = dict(kept)
    by_shard = [{f: mean[f"{n}_{f}"] for f in _TASKS if f"{n}_{f}" in mean} for n in range(len(shards))]
    return [_mixed(shard, answers, share) for shard, answers in zip(shards, by_shard, strict=True)]


def _mixed(shard: Shard, answers: _Answers, share: float) -> Shard:
    """The shard with its labels mixed in its training rows."""
    rows = np.flatnonzero(shard.split == "train")
    if not len(rows):
        return shard
    unlabelled = ~np.isfinite(shard.au[rows]).any(axis=1)
    coded = (shard.au_weight[rows] >= 1) & ~unlabelled
    columns: dict[str, Floats] = {field: getattr(shard, field).copy() for field in _TASKS}
    for field, column in columns.items():
        label, answer = column[rows], answers[field]
        mixed = np.where(np.isfinite(label), (1 - share) * label + share * answer, answer)
        if field == "au":
            mixed[coded] = label[coded]
        column[rows] = mixed
    weight = shard.au_weight.copy()
    weight[rows[unlabelled]] = WEAK_AU_WEIGHT
    return replace(shard, votes=columns["votes"], va=columns["va"], au=columns["au"], au_weight=weight)


@torch.inference_mode()
def _answers(shards: Sequence[Shard], checkpoint: Path, compiled: bool) -> list[_Answers]:
    """For each shard what the network of a checkpoint says of its training faces and their mirror images, averaged."""
    network, recipe, _ = read_trained(checkpoint)
    network.to(memory_format=torch.channels_last)
    model = torch.compile(network) if compiled else network
    return [_of_shard(shard, model, recipe.stages[-1].size_px) for shard in shards]


def _of_shard(shard: Shard, model: Callable[[Tensor], Outputs], size_px: int) -> _Answers:
    found: dict[str, list[Tensor]] = {"votes": [], "va": [], "au": []}
    for batch in ordered_batches(ShardDataset([shard], "train", None, 0), _BATCH):
        images = resized(batch, torch.device("cpu"), size_px)
        both = [model(images), model(images.flip(-1))]
        found["votes"].append(torch.stack([o.expression_logits.softmax(dim=1) for o in both]).mean(dim=0))
        found["va"].append(torch.stack([o.va for o in both]).mean(dim=0))
        found["au"].append(torch.stack([o.au_logits.sigmoid() for o in both]).mean(dim=0))
    return {
        field: torch.cat(parts).numpy() if parts else np.empty((0, 0), np.float32) for field, parts in found.items()
    }
