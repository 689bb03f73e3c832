"""Several exported networks on the test faces of every data set, seen in training or left out. Run by hand:

    python tests/benchmarks/whole_networks.py --data SHARDS --root ARCHIVES --cache FOLDER MODEL.onnx ...

A MODEL is a file of fer-core export, or the name of a shipped one. Faces are the aligned crops of ``fer-core prepare``
(and, of webmorph, crops made once in the cache): a network takes seconds. ``fer-core evaluate`` measures the same
from the raw images. *Among its classes*: the highest of the expressions that the data set has.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from crop_answers import answers_to, crops_of
from leave_one_out import NAMES, WEBMORPH, webmorph_shard

from fer_core.data.prepare import load_shards
from fer_core.data.shards import Shard
from fer_core.evaluate.metrics import ccc, mean_class_accuracy, nan_mean, roc_auc
from fer_core.infer.engine import Engine
from fer_core.labels import ACTION_UNITS, EXPRESSIONS

HEADINGS = ("accuracy", "among its classes", "class accuracy", "valence CCC", "arousal CCC", "AU AUC", "neutral from 0")


def figures(engine: Engine, shard: Shard) -> dict[str, float]:
    """By ``HEADINGS``, and ``units``, how many the mean AUC is of; NaN where a label is missing."""
    probs, va, au = answers_to(engine, crops_of(shard))
    probs = probs[:, [engine.card.expressions.index(name) for name in EXPRESSIONS]]
    voted, rated = np.isfinite(shard.votes).all(axis=1), np.isfinite(shard.va).all(axis=1)
    target = shard.votes[voted].argmax(axis=1)
    classes = np.unique(target)
    among = classes[probs[voted][:, classes].argmax(axis=1)]
    neutral = va[voted][target == EXPRESSIONS.index("neutral")]
    coded = shard.au_weight >= 1
    areas = np.array(
        [
            roc_auc(au[coded, n], shard.au[coded, ACTION_UNITS.index(unit)])
            for n, unit in enumerate(engine.card.action_units)
            if np.isfinite(shard.au[coded, ACTION_UNITS.index(unit)]).any()
        ]
    )
    both = [ccc(va[rated, n], shard.va[rated, n]) if rated.any() else np.nan for n in range(2)]
    return {
        "accuracy": float((probs[voted].argmax(axis=1) == target).mean()),
        "among its classes": float((among == target).mean()),
        "class accuracy": mean_class_accuracy(target, among, len(EXPRESSIONS)),
        "valence CCC": both[0],
        "arousal CCC": both[1],
        "AU AUC": nan_mean(areas) if len(areas) else np.nan,
        "neutral from 0": float(np.linalg.norm(neutral, axis=1).mean()),
        "units": float(np.isfinite(areas).sum()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL")
    parser.add_argument("--data", type=Path, required=True, help="folder of fer-core prepare")
    parser.add_argument("--root", type=Path, required=True, help="folder of the archives, for webmorph")
    parser.add_argument("--cache", type=Path, required=True, help="folder for crops")
    parser.add_argument("--split", default="test")
    options = parser.parse_args()
    shards = {shard.dataset: shard for shard in load_shards(options.data)}
    shards = {name: shard.select(np.flatnonzero(shard.split == options.split)) for name, shard in shards.items()}
    shards[WEBMORPH] = webmorph_shard(options.root, options.cache)
    print(f"| model | tested on | {' | '.join(HEADINGS)} |\n" + "|---" * (len(HEADINGS) + 2) + "|")
    for model in options.models:
        engine = Engine(model, "cpu")
        for name in NAMES:
            if not len(shards[name]):
                continue
            found = figures(engine, shards[name])
            shown = " | ".join("–" if np.isnan(found[key]) else f"{found[key]:.4f}" for key in HEADINGS)
            units = f" ({found['units']:.0f} units)" if found["units"] else ""
            print(f"| {model.name} | {name} ({len(shards[name])}){units} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
