"""Whether the probability of unit 12 can be believed, on posed and on wild smiles, and why not. Run by hand:

    python tests/benchmarks/unit_probabilities.py --data SHARDS --blendshapes TABLE [--model FILE] [--clip VIDEO ...]

Prints, of a model: how far each unit is from what coders saw (CK+ test people) and from the weak labels that it was
taught (FER+ test); what it says of unit 12 by the smile score of a face landmarker and by the votes for happiness; what
a scale and shift of each logit, fitted on FER+ validation, would change; unit 12 of a clip by the second.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np
from crop_answers import answers_to, crops_of
from sklearn.linear_model import LogisticRegression

from fer_core.data.blendshapes import BlendshapeTable, load_blendshapes
from fer_core.data.prepare import load_shards
from fer_core.data.shards import Shard
from fer_core.evaluate.metrics import Reals, roc_auc
from fer_core.infer.engine import Engine
from fer_core.infer.pipeline import Pipeline
from fer_core.labels import ACTION_UNITS, EXPRESSIONS, Expression, au_column
from fer_core.media.source import open_source
from fer_core.train.implied_units import implied_presence

UNIT = 12
HAPPY = EXPRESSIONS.index(Expression.HAPPINESS)
SMILE_EDGES = (0, 0.1, 0.3, 0.5, 0.7, 0.85, 1.001)
BINS = 10


def logits_of(engine: Engine, shard: Shard) -> Reals:
    """(N, A) in the order of ``ACTION_UNITS``."""
    _, _, au = answers_to(engine, crops_of(shard))
    return logit(au[:, [engine.card.action_units.index(unit) for unit in ACTION_UNITS]])


def logit(probs: Reals) -> Reals:
    """Log-odds of probabilities away from 0 and 1."""
    inside = np.clip(probs.astype(np.float64), 1e-7, 1 - 1e-7)
    found: Reals = np.log(inside / (1 - inside))
    return found


def sigmoid(logits: Reals) -> Reals:
    """Inverse of :func:`logit`."""
    found: Reals = 1 / (1 + np.exp(-logits))
    return found


def distance(probs: Reals, target: Reals) -> float:
    """Mean distance between probability and share present over ten equal bins, weighted by their rows."""
    known = np.isfinite(target)
    probs, target = probs[known], target[known]
    place = np.minimum((probs * BINS).astype(int), BINS - 1)
    filled = [place == n for n in range(BINS) if (place == n).any()]
    return float(sum(abs(probs[rows].mean() - target[rows].mean()) * rows.mean() for rows in filled))


def platt(logits: Reals, target: Reals) -> tuple[float, float]:
    """Scale and shift of least cross-entropy; each face counts for either class by its target."""
    known = np.isfinite(target)
    z, t = logits[known, None], target[known]
    both, weight = np.concatenate([z, z]), np.concatenate([t, 1 - t])
    fit = LogisticRegression(C=1e6).fit(both, np.repeat([1, 0], len(t)), weight)
    return float(fit.coef_[0, 0]), float(fit.intercept_[0])


def smiles(table: BlendshapeTable, shard: Shard) -> Reals:
    """(N,) mean of the two smile scores, NaN where no mesh was found."""
    rows, found = table.select(shard.dataset, shard.path.tolist())
    scores = np.full(len(shard), np.nan)
    scores[rows] = found.columns(("mouthSmileLeft", "mouthSmileRight")).mean(axis=1)
    return scores


def units_table(valid: tuple[Reals, Shard], test: tuple[Reals, Shard], coded: tuple[Reals, Shard]) -> None:
    """Each unit against coders and weak labels, and after a scale and shift fitted on weak labels."""
    print("\n| unit | CK+: AUC | off coders | FER+: off weak labels | weak labels: scale, shift | then: CK+, FER+ |")
    print("|---|---|---|---|---|---|")
    for n, unit in enumerate(ACTION_UNITS):
        z, target = coded[0][:, n], coded[1].au[:, n]
        line = f"| {au_column(unit)} | {roc_auc(z, target):.3f} | {distance(sigmoid(z), target):.3f} "
        weak, wild = test[1].au[:, n], test[0][:, n]
        if np.isfinite(weak).any():
            a, b = platt(valid[0][:, n], valid[1].au[:, n])
            then = distance(sigmoid(a * z + b), target), distance(sigmoid(a * wild + b), weak)
            line += f"| {distance(sigmoid(wild), weak):.3f} | {a:.2f}, {b:.2f} | {then[0]:.3f}, {then[1]:.3f} |"
        else:
            line += "| – | – | – |"
        print(line)


def unit_table(sets: dict[str, tuple[Reals, Shard]], table: BlendshapeTable) -> None:
    """Unit 12 by smile score."""
    column = ACTION_UNITS.index(UNIT)
    print("\n| smile score | " + " | ".join(f"{name}: faces | unit 12 | present" for name in sets) + " |")
    print("|---" * (1 + 3 * len(sets)) + "|")
    for low, high in pairwise(SMILE_EDGES):
        line = f"| {low:g} to {min(high, 1):g} "
        for logits, shard in sets.values():
            score = smiles(table, shard)
            chosen = (score >= low) & (score < high)
            probs, voted = sigmoid(logits[chosen, column]), shard.votes[chosen, HAPPY] > 0.5
            present = shard.au[chosen, column] if shard.dataset == "ckplus128" else voted
            line += f"| {chosen.sum()} | {probs.mean():.2f} | {present.mean():.2f} " if chosen.any() else "| 0 | – | – "
        print(line + "|")


def votes_table(valid: tuple[Reals, Shard], test: dict[str, tuple[Reals, Shard]]) -> None:
    """Unit 12 by votes for happiness, as it is and after a scale and shift fitted on votes."""
    column = ACTION_UNITS.index(UNIT)
    a, b = platt(valid[0][:, column], implied_presence(valid[1].votes, Expression.HAPPINESS).astype(np.float64))
    print(f"\nfitted on FER+ validation: scale {a:.2f}, shift {b:.2f}\n")
    print("| faces | | AUC | off | most see happiness | nobody does |\n|---|---|---|---|---|---|")
    for name, (logits, shard) in test.items():
        share, z = shard.votes[:, HAPPY], logits[:, column]
        coded = shard.dataset == "ckplus128"
        target = shard.au[:, column] if coded else implied_presence(shard.votes, Expression.HAPPINESS)
        sure = np.where((target > 0) & (target < 1), np.nan, target)
        for how, probs in (("as it is", sigmoid(z)), ("scaled and shifted", sigmoid(a * z + b))):
            most, none = probs[share > 0.5].mean(), probs[share == 0].mean()
            print(
                f"| {name} | {how} | {roc_auc(z, sure):.3f} | {distance(probs, target):.3f} | {most:.2f} | {none:.3f} |"
            )


def by_second(engine: Engine, clip: Path) -> None:
    """Happiness and unit 12 of the first face."""
    seen: dict[int, list[tuple[float, float]]] = {}
    place = engine.card.action_units.index(UNIT)
    with Pipeline(engine) as pipeline, open_source(clip) as source:
        for result in pipeline.run(source.frames()):
            for face in result.faces[:1]:
                if face.affect is not None:
                    pair = float(face.affect.expression_probs[HAPPY]), float(face.affect.au_probs[place])
                    seen.setdefault(int(result.time_s), []).append(pair)
    print(f"\n| {clip.name}, second | happiness | unit 12 |\n|---|---|---|")
    for second, pairs in seen.items():
        happy, unit = np.mean(pairs, axis=0)
        print(f"| {second} | {happy:.2f} | {unit:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of fer-core prepare")
    parser.add_argument("--blendshapes", type=Path, required=True, help="blendshapes.csv.gz")
    parser.add_argument("--model", type=Path, help="default: the shipped one")
    parser.add_argument("--clip", type=Path, nargs="*", default=[])
    options = parser.parse_args()
    engine = Engine(options.model, "cpu")
    print(f"{engine.card.name} {engine.card.version}")
    shards = {shard.dataset: shard for shard in load_shards(options.data)}

    def of(dataset: str, split: str) -> tuple[Reals, Shard]:
        shard = shards[dataset].select(np.flatnonzero(shards[dataset].split == split))
        return logits_of(engine, shard), shard

    valid, faces = of("ferplus", "valid"), of("ferplus", "test")
    coded, drawn = of("ckplus128", "test"), of("diffusionfer", "test")
    units_table(valid, faces, coded)
    sets = {"CK+ test": coded, "FER+ test": faces, "DiffusionFER test": drawn}
    unit_table(sets, load_blendshapes(options.blendshapes))
    votes_table(valid, sets)
    for clip in options.clip:
        by_second(engine, clip)


if __name__ == "__main__":
    main()
