"""A data set that a network learns in seconds, and a recipe that does."""

import numpy as np

from fer_core.data.sample import Sample
from fer_core.data.shards import Shard, build_shard, encode_crop
from fer_core.faces.align import DEFAULT_GEOMETRY
from fer_core.labels import ACTION_UNITS, EXPRESSIONS


def labelled_shard(train: int = 16, valid: int = 8, side_px: int = 48, frames: bool = False) -> Shard:
    """Every label of every task, of every kind: noise with random labels, in which each expression and unit occurs."""
    rng = np.random.default_rng(0)
    samples, jpegs = [], []
    for i in range(train + valid):
        votes = np.full(len(EXPRESSIONS), 0.3 / 7, np.float32)
        votes[i % 8] = 0.7
        au = (rng.random(len(ACTION_UNITS)) < 0.4).astype(np.float32)
        au[i % len(ACTION_UNITS)] = 1
        samples.append(
            Sample(
                "toy",
                f"clip{i // 8}.mp4#{i % 8}" if frames else f"{i}.png",
                "train" if i < train else "valid",
                votes=votes,
                va=rng.uniform(-0.9, 0.9, 2).astype(np.float32),
                au=au,
            )
        )
        jpegs.append(encode_crop(rng.integers(0, 255, (side_px, side_px, 3), np.uint8)))
    return build_shard("toy", DEFAULT_GEOMETRY.scaled(side_px), samples, jpegs, ["detector"] * len(samples))
