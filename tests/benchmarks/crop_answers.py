"""What an exported network says of many aligned crops."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np

from fer_core.data.shards import Shard
from fer_core.infer.engine import Engine
from fer_core.types import Floats, ImageU8

_BATCH = 64


def answers_to(engine: Engine, crops: Iterable[ImageU8]) -> tuple[Floats, Floats, Floats]:
    """Probabilities (N, E), valence-arousal (N, 2) and probabilities of units (N, A) of N crops, one or more."""
    left = iter(crops)
    found = []
    while batch := list(islice(left, _BATCH)):
        found.append(engine.run(np.stack(batch)))
    probs, va, au = (np.concatenate(column) for column in zip(*found, strict=True))
    return probs, va, au


def crops_of(shard: Shard) -> Iterator[ImageU8]:
    """Every crop of a shard, in order."""
    return (shard.image(row) for row in range(len(shard)))
