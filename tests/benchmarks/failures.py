"""The errors of FER+ test that the shipped model is surest of. Run by hand:

    python tests/benchmarks/failures.py --data SHARDS --out FOLDER [--model FILE] [--errors 50]

Prints counts, and writes contact sheets to FOLDER for looking at: the aligned crop, what the model says, the votes. The
pictures are not the project's to publish: keep FOLDER outside the repository.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
from crop_answers import answers_to, crops_of

from fer_core.data.prepare import load_shards
from fer_core.data.shards import Shard
from fer_core.evaluate.metrics import Reals
from fer_core.infer.engine import Engine
from fer_core.labels import EXPRESSIONS

CELL_PX = 160
COLUMNS, ROWS = 5, 5
CONFIDENCES = (0.5, 0.7, 0.8, 0.9, 0.95)


def sheets(shard: Shard, probs: Reals, order: list[int], out: Path) -> None:
    """Writes ``errors-0.png`` and so on, surest first."""
    out.mkdir(parents=True, exist_ok=True)
    per_sheet = COLUMNS * ROWS
    for start in range(0, len(order), per_sheet):
        sheet = np.full((ROWS * (CELL_PX + 36), COLUMNS * CELL_PX, 3), 255, np.uint8)
        for place, n in enumerate(order[start : start + per_sheet]):
            top, left = place // COLUMNS * (CELL_PX + 36), place % COLUMNS * CELL_PX
            crop = cv2.resize(shard.image(n), (CELL_PX - 6, CELL_PX - 6))
            sheet[top : top + CELL_PX - 6, left : left + CELL_PX - 6] = crop[..., ::-1]
            said, votes = int(probs[n].argmax()), shard.votes[n]
            names = " ".join(f"{EXPRESSIONS[e][:3]}{votes[e] * 10:.0f}" for e in np.argsort(-votes) if votes[e] > 0)
            title = f"{start + place} {EXPRESSIONS[said][:3]} {probs[n].max():.2f} {shard.landmark_source[n]}"
            for line, text in enumerate((title, names)):
                spot = (left + 2, top + CELL_PX + 8 + 15 * line)
                cv2.putText(sheet, text, spot, cv2.FONT_HERSHEY_SIMPLEX, 0.36, (0, 0, 0), 1)
        cv2.imwrite(str(out / f"errors-{start // per_sheet}.png"), sheet)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of fer-core prepare")
    parser.add_argument("--out", type=Path, required=True, help="folder for the sheets")
    parser.add_argument("--model", type=Path, help="default: the shipped one")
    parser.add_argument("--errors", type=int, default=50)
    options = parser.parse_args()
    engine = Engine(options.model, "cpu")
    shard = next(shard for shard in load_shards(options.data) if shard.dataset == "ferplus")
    shard = shard.select(np.flatnonzero(shard.split == "test"))
    probs, _, _ = answers_to(engine, crops_of(shard))
    target, predicted, sure = shard.votes.argmax(axis=1), probs.argmax(axis=1), probs.max(axis=1)
    wrong, clear = predicted != target, shard.votes.max(axis=1) > 0.5
    second = np.argsort(-shard.votes, axis=1, kind="stable")[:, 1]
    next_best = (predicted == second) & (shard.votes[np.arange(len(shard)), second] > 0)
    print(
        f"{wrong.sum()} errors of {len(shard)}; {(wrong & ~clear).sum()} where no expression has most votes; ", end=""
    )
    print(f"{next_best[wrong].mean():.0%} answered the second most frequent vote")
    for limit in CONFIDENCES:
        said = sure > limit
        errors = wrong & said
        print(f"surer than {limit}: {errors.sum()} errors of {said.sum()} answers, {(errors & clear).sum()} clear")
    pairs = Counter(zip(target[wrong].tolist(), predicted[wrong].tolist(), strict=True))
    for (true, other), count in pairs.most_common(10):
        print(f"{EXPRESSIONS[true]} called {EXPRESSIONS[other]}: {count}")
    for source in np.unique(shard.landmark_source):
        chosen = shard.landmark_source == source
        print(f"mesh from {source}: {wrong[chosen].mean():.3f} wrong of {chosen.sum()}")
    order = np.flatnonzero(wrong)[np.argsort(-sure[wrong])][: options.errors]
    sheets(shard, probs, order.tolist(), options.out)


if __name__ == "__main__":
    main()
