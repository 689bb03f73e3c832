"""Votes softened by what the network itself answers: a network that teaches its successor.

Ten votes are a coarse picture of how people see a face. What a trained network answers to the face and to its mirror
image, averaged, is steadier; mixed into the votes, it teaches the next stage what the one before could only say twice
(Hinton, Vinyals & Dean 2015; with teacher and pupil of one kind: Furlanello et al. 2018). Expressions only:
valence-arousal and action units keep their labels, as do all images outside the training split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from fer_core.data.dataset import collate
from fer_core.data.shards import Shard
from fer_core.train.resolution import resized
from fer_core.types import Floats

_BATCH = 128


def softened(shards: Sequence[Shard], network: nn.Module, size_px: int, share: float, path: Path) -> list[Shard]:
    """Shards whose training votes are ``(1 - share) * votes + share * answers``.

    Args:
        shards: with votes, (N, E) a shard.
        network: the teacher; in evaluation mode afterwards.
        size_px: resolution at which it looks.
        share: 0..1, of its answers.
        path: where the votes are kept; those of an earlier call are read from there.
    """
    if path.is_file():
        with np.load(path) as kept:
            return [replace(shard, votes=kept[str(n)]) for n, shard in enumerate(shards)]
    network.eval()
    taught = [replace(shard, votes=_mixed(shard, network, size_px, share)) for shard in shards]
    temporary = path.with_suffix(".partial")
    with temporary.open("wb") as file:
        np.savez(file, **{str(n): shard.votes for n, shard in enumerate(taught)})
    temporary.replace(path)
    return taught


def _mixed(shard: Shard, network: nn.Module, size_px: int, share: float) -> Floats:
    rows = np.flatnonzero((shard.split == "train") & np.isfinite(shard.votes).all(axis=1))
    votes = shard.votes.copy()
    for start in range(0, len(rows), _BATCH):
        some = rows[start : start + _BATCH]
        votes[some] = (1 - share) * votes[some] + share * _answers(shard, some, network, size_px)
    return votes


@torch.inference_mode()
def _answers(shard: Shard, rows: np.ndarray[tuple[int], np.dtype[np.intp]], network: nn.Module, size_px: int) -> Floats:
    """(R, E) probabilities, the mean over each face and its mirror image."""
    device = next(network.parameters()).device
    labels = (shard.votes, shard.va, shard.au)
    batch = collate([(shard.image(r), *(x[r] for x in labels), shard.au_weight[r : r + 1]) for r in rows])
    images = resized(batch, device, size_px)
    seen, mirrored = (network(x).expression_logits.softmax(dim=1) for x in (images, images.flip(-1)))
    answers: Floats = ((seen + mirrored) / 2).cpu().numpy()
    return answers
