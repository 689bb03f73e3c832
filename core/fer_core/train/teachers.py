"""Labels mixed with what trained networks answer: the run's own network as it stood, or finished ones.

Ten votes are a coarse picture of how people see a face, and no one rated the whole plane or coded every unit. What a
trained network answers is steadier; a network that learns it, in part, comes to be better than its teacher, even than
one of its own kind (Hinton, Vinyals & Dean 2015; Furlanello et al. 2018), and the answers of several, averaged, are
better than those of each (Hansen & Salamon 1990). Each teacher sees every training face as it is and its mirror image,
while the pupil sees it augmented (Xie et al. 2020, "noisy student"). All three tasks are taught; what several teachers
call a present unit must therefore be the same, so let them have learned from the same labels. A label that nobody gave
is the teachers' answer alone; units that a FACS coder saw stay as they were coded.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fer_core.data.dataset import ShardDataset, ordered_batches
from fer_core.data.prepare import WEAK_AU_WEIGHT
from fer_core.data.shards import Shard
from fer_core.files import replacing
from fer_core.models.multitask import Outputs
from fer_core.train.networks import read_trained
from fer_core.train.options import RecipeError
from fer_core.train.recipe import TASKS
from fer_core.train.resolution import resized
from fer_core.types import Floats

_BATCH = 64
#: ``votes`` (R, E), ``va`` (R, 2) and ``au`` (R, A) of the R training rows of a shard.
_Answers = dict[str, Floats]


@dataclass(frozen=True, slots=True)
class Teacher:
    """A network, and the side in pixels at which it looks."""

    network: nn.Module
    size_px: int

    @classmethod
    def finished(cls, checkpoint: Path, device: torch.device | None = None) -> Teacher:
        """The averaged network of a run, on a device; on the CPU where none is named.

        Raises:
            DataError: when it cannot be read.
        """
        network, recipe, _ = read_trained(checkpoint)
        return cls(network.to(device).to(memory_format=torch.channels_last), recipe.stages[-1].size_px)


def ask(
    teachers: Sequence[Teacher],
    shards: Sequence[Shard],
    path: Path,
    tasks: Sequence[str] = TASKS,
    *,
    workers: int = 0,
    compiled: bool = False,
) -> None:
    """Writes what the teachers, averaged, answer to the training faces.

    Args:
        teachers: at least one; in evaluation mode afterwards.
        shards: what is trained on.
        path: NPZ file; for each shard, by the name of its data set, the paths of its training faces and the answers.
        tasks: of ``TASKS``, whose answers are written.
        workers: processes that load.
        compiled: let :func:`torch.compile` speed the teachers up.

    Raises:
        RecipeError: when two shards are of one data set.
    """
    check_names(shards)
    arrays: dict[str, Any] = {}
    for shard in shards:
        arrays[f"{shard.dataset}_path"] = shard.path[shard.split == "train"]
        found = _answers(teachers, shard, workers, compiled)
        arrays |= {f"{shard.dataset}_{task}": found[task] for task in tasks}
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez(file, **arrays)


def taught(shards: Sequence[Shard], share: float, path: Path, tasks: Sequence[str] = TASKS) -> list[Shard]:
    """Shards whose training labels are ``(1 - share) * label + share * answer``, with the answers of :func:`ask`.

    The labels of what is not among the ``tasks`` stay.

    Raises:
        RecipeError: when the file is none of answers, or has none to a training face.
    """
    try:
        with path.open("rb") as file, np.load(file) as kept:
            return [_mixed(shard, _answers_to(shard, kept, tasks), share) for shard in shards]
    except (KeyError, ValueError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise RecipeError(
            f"{path}: holds no answers of this version to these training faces ({error}); ask the teachers anew, or "
            "begin in another --out"
        ) from None


def check_names(shards: Sequence[Shard]) -> None:
    """Answers are kept by the name of the data set.

    Raises:
        RecipeError: when two shards are of one.
    """
    names = [shard.dataset for shard in shards]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise RecipeError(f"two shards are of the data set {twice[0]}; leave one out, so that its faces can be taught")


def _answers_to(shard: Shard, kept: Mapping[str, Any], tasks: Sequence[str]) -> _Answers:
    """The answers to the training faces of a shard, in its order; there may be more of them in the file."""
    if not (shard.split == "train").any():
        return {}
    asked = {path: row for row, path in enumerate(kept[f"{shard.dataset}_path"].tolist())}
    rows = [asked[path] for path in shard.path[shard.split == "train"].tolist()]
    return {task: kept[f"{shard.dataset}_{task}"][rows].astype(np.float32) for task in tasks}


def _mixed(shard: Shard, answers: _Answers, share: float) -> Shard:
    """The shard with its labels mixed in its training rows."""
    rows = np.flatnonzero(shard.split == "train")
    if not len(rows):
        return shard
    unlabelled = ~np.isfinite(shard.au[rows]).any(axis=1)
    coded = (shard.au_weight[rows] >= 1) & ~unlabelled
    columns: dict[str, Floats] = {task: getattr(shard, task).copy() for task in answers}
    for task, column in columns.items():
        label, answer = column[rows], answers[task]
        mixed = np.where(np.isfinite(label), (1 - share) * label + share * answer, answer)
        if task == "au":
            mixed[coded] = label[coded]
        column[rows] = mixed
    weight = shard.au_weight.copy()
    if "au" in columns:
        weight[rows[unlabelled]] = WEAK_AU_WEIGHT
    labels: dict[str, Any] = {**columns, "au_weight": weight}
    return replace(shard, **labels)


@torch.inference_mode()
def _answers(teachers: Sequence[Teacher], shard: Shard, workers: int, compiled: bool) -> _Answers:
    """What the teachers, averaged, say of the training faces of a shard and their mirror images."""
    networks = [teacher.network.eval() for teacher in teachers]
    fast: list[Callable[[Tensor], Outputs]] = [
        torch.compile(network, dynamic=False) if compiled else network for network in networks
    ]
    found: dict[str, list[Tensor]] = {task: [] for task in TASKS}
    for batch in ordered_batches(ShardDataset([shard], "train", None, 0), _BATCH, workers):
        said: list[Outputs] = []
        for teacher, network, compiled_network in zip(teachers, networks, fast, strict=True):
            images = resized(batch, next(network.parameters()).device, teacher.size_px)
            model = compiled_network if len(batch) == _BATCH else network  # not worth compiling for the rest at the end
            said += [model(images), model(images.flip(-1))]
        found["votes"].append(torch.stack([o.expression_logits.softmax(dim=1) for o in said]).mean(dim=0))
        found["va"].append(torch.stack([o.va for o in said]).mean(dim=0))
        found["au"].append(torch.stack([o.au_logits.sigmoid() for o in said]).mean(dim=0))
    return {
        task: torch.cat(parts).float().cpu().numpy() if parts else np.empty((0, 0), np.float32)
        for task, parts in found.items()
    }
