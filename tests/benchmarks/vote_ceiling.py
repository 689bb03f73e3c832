"""How often anything could be right by the majority of ten votes. Run by hand:

    python tests/benchmarks/vote_ceiling.py --data SHARDS

Ten raters are a sample. What all raters of the world would say of a face of FER+ test is drawn from what its ten said:
a Dirichlet distribution after the votes, with the mean votes of the data set as its prior, worth half a vote, one or
two. Two answers are counted right by the majority of the ten: what most of the world would say, which no network that
sees the face alone can beat but by luck, and the majority of ten other raters. All faces, and those of which one
expression has more than half of the votes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from fer_core.data.shards import Shard
from fer_core.evaluate.metrics import Reals

RATERS = 10
PRIOR_VOTES = (0.5, 1.0, 2.0)
DRAWS = 100


def ceiling(votes: Reals, prior_votes: float, rng: np.random.Generator) -> tuple[float, float]:
    """Shares of faces (N) on which the world, and ten others, agree with the majority of votes (N, E), proportions."""
    majority = votes.argmax(axis=1)
    concentration = RATERS * votes + prior_votes * votes.mean(axis=0)
    world, others = [], []
    for _ in range(DRAWS):
        opinions = rng.standard_gamma(concentration)
        opinions /= opinions.sum(axis=1, keepdims=True)
        world.append((opinions.argmax(axis=1) == majority).mean())
        others.append((rng.multinomial(RATERS, opinions).argmax(axis=1) == majority).mean())
    return float(np.mean(world)), float(np.mean(others))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of fer-core prepare")
    shard = Shard.load(parser.parse_args().data / "ferplus.npz")
    votes = shard.votes[shard.split == "test"].astype(np.float64)
    rng = np.random.default_rng(0)
    print("| faces | prior, votes | what most of the world would say | ten other raters |\n|---|---|---|---|")
    for words, faces in (("all", votes), ("clear majority", votes[votes.max(axis=1) > 0.5])):
        for prior_votes in PRIOR_VOTES:
            world, others = ceiling(faces, prior_votes, rng)
            print(f"| {words} ({len(faces)}) | {prior_votes} | {world:.3f} | {others:.3f} |")


if __name__ == "__main__":
    main()
