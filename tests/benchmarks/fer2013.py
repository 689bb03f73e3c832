"""The shipped model on the private test of FER2013, under its own labels and by the rule of FER+. Run by hand:

    python tests/benchmarks/fer2013.py --root DATA [--model FILE] [--cache FILE] [--checkpoint FILE --data SHARDS]

DATA holds ferplus (folder or zip) with ``labels_merged.csv``: the FER2013 pictures under both FER+ votes and their one
original label. The model learned FER+ votes, never an original label. Contempt, which FER2013 has not, is left out of
the eight probabilities and the rest compete. An image with several copies under different original labels is
ambiguous: it is left out, or counted right when the answer is any of them; both figures are printed.

The last line is FER+'s majority of eight as its authors' code has it (github.com/microsoft/FERPlus, mode *majority*),
which published figures are measured by: single votes do not count, and an image stays when its winner has more than
half of the others and is an expression.

With ``--checkpoint`` of the model's training run and the prepared shards, one more line: what a new classifier on its
frozen features reaches that learns the old labels of the training pictures (multinomial logistic regression).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from crop_answers import answers_to
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fer_core.data.archive import Archive
from fer_core.data.crops import aligned_crops
from fer_core.data.dataset import ShardDataset, ordered_batches
from fer_core.data.readers.ferplus import NAME as FERPLUS
from fer_core.data.shards import Shard
from fer_core.data.tables import read_table
from fer_core.evaluate.metrics import accuracy, class_scores, confusion_matrix, macro_f1
from fer_core.infer.engine import Engine
from fer_core.labels import EXPRESSIONS, Expression
from fer_core.train.networks import read_trained
from fer_core.train.resolution import resized
from fer_core.types import Floats

CODES = {
    "neutral": Expression.NEUTRAL,
    "happy": Expression.HAPPINESS,
    "surprise": Expression.SURPRISE,
    "sad": Expression.SADNESS,
    "angry": Expression.ANGER,
    "disgust": Expression.DISGUST,
    "fear": Expression.FEAR,
}
ALL_VOTES = (*EXPRESSIONS, "unknown", "NF")
CLASSES = tuple(name for name in EXPRESSIONS if name in CODES.values())
BATCH = 64


def answers(engine: Engine, root: Path, paths: list[str], cache: Path | None) -> Floats:
    """Probabilities (N, E) of aligned raw images."""
    if cache is not None and cache.is_file():
        with np.load(cache) as kept:
            if kept["paths"].tolist() != paths:
                raise SystemExit(f"{cache} is of other images; delete it")
            stored: Floats = kept["probs"]
            return stored
    with aligned_crops(root, "ferplus", paths, engine.card.geometry, 1) as crops:
        probs, _, _ = answers_to(engine, (crop for crop, _ in crops))
    if cache is not None:
        np.savez(cache, paths=np.array(paths), probs=probs)
    return probs


@torch.inference_mode()
def features_of(checkpoint: Path, shard: Shard, split: str) -> Floats:
    """(N, F) of a split's images in their order."""
    network, recipe, _ = read_trained(checkpoint)
    found = []
    for batch in ordered_batches(ShardDataset([shard], split, None, 0), BATCH):
        outputs = network(resized(batch, torch.device("cpu"), recipe.stages[-1].size_px))
        found.append(outputs.features.numpy())
    return np.concatenate(found)


def unambiguous(table: list[dict[str, str]]) -> dict[str, Expression]:
    """The old label of each picture whose copies all have the same one, by path; of rows of ``labels_merged.csv``."""
    return {row["path"]: CODES[row["fer2013_label"]] for row in table if row["fer2013_ambiguous"] == "0"}


def taught_anew(checkpoint: Path, shard: Shard, words: dict[str, int]) -> float:
    """Accuracy on test pictures of a classifier that learned the words of training pictures, on frozen features."""
    sides = {}
    for split in ("train", "test"):
        features = features_of(checkpoint, shard, split)
        paths = shard.path[shard.split == split]
        known = np.array([path in words for path in paths])
        sides[split] = features[known], np.array([words[path] for path in paths[known]])
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=1e-3, max_iter=400)).fit(*sides["train"])
    return float(classifier.score(*sides["test"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="folder of the archives")
    parser.add_argument("--model", type=Path, help="default: the shipped one")
    parser.add_argument("--cache", type=Path, help="file for the model's answers")
    parser.add_argument("--checkpoint", type=Path, help="training run of the model, for a classifier of the old labels")
    parser.add_argument("--data", type=Path, help="prepared shards, with --checkpoint")
    options = parser.parse_args()
    engine = Engine(options.model, "cpu")
    votes = [f"ferplus_{name}" for name in ALL_VOTES]
    columns = ["path", "usage", "fer2013_label", "fer2013_ambiguous", "fer2013_candidates", *votes]
    table = read_table(Archive(options.root, "ferplus").read("labels_merged.csv"), "labels_merged.csv", columns)
    rows = [row for row in table if row["usage"] == "PrivateTest"]
    probs = answers(engine, options.root, [row["path"] for row in rows], options.cache)
    seven = probs[:, [engine.card.expressions.index(name) for name in CLASSES]]
    predicted = seven.argmax(axis=1)
    target = np.array([CLASSES.index(CODES[row["fer2013_label"]]) for row in rows])
    clear = np.array([row["fer2013_ambiguous"] == "0" for row in rows])
    hits = predicted == target
    for n in np.flatnonzero(~clear):
        names = rows[n]["fer2013_candidates"].replace(";", " ").replace("|", " ").split()
        hits[n] = CLASSES[predicted[n]] in {CODES[name].value for name in names}
    print(f"{len(rows)} images, {len(rows) - clear.sum()} of them ambiguous")
    print(f"accuracy without the ambiguous {accuracy(target[clear], predicted[clear]):.4f}")
    print(f"accuracy, ambiguous right by any of their labels {hits.mean():.4f}")
    counts = np.array([[float(row[name] or 0) for name in votes] for row in rows])  # (N, 10)
    majority = counts[:, [ALL_VOTES.index(name) for name in CLASSES]].argmax(axis=1)
    print(f"the majority of the FER+ votes, without the ambiguous {accuracy(target[clear], majority[clear]):.4f}")
    print(f"macro F1 without the ambiguous {macro_f1(target[clear], predicted[clear], len(CLASSES)):.4f}")
    scores = class_scores(target[clear], predicted[clear], len(CLASSES))
    confusion = confusion_matrix(target[clear], predicted[clear], len(CLASSES))
    print(f"\n| FER2013 says | {' | '.join(CLASSES)} | recall | precision |\n" + "|---" * (len(CLASSES) + 3) + "|")
    for n, name in enumerate(CLASSES):
        line = " | ".join(str(count) for count in confusion[n])
        print(f"| {name} | {line} | {scores.recall[n]:.2f} | {scores.precision[n]:.2f} |")
    heard = np.where(counts > 1, counts, 0)
    winner = heard.argmax(axis=1)
    valid = (heard.max(axis=1) > heard.sum(axis=1) / 2) & (winner < len(EXPRESSIONS))
    eight = np.array([engine.card.expressions.index(name) for name in EXPRESSIONS])
    right = probs[:, eight].argmax(axis=1)[valid] == winner[valid]
    print(f"\nFER+, majority of eight by its authors' rule, {valid.sum()} images: accuracy {right.mean():.4f}")
    if options.checkpoint and options.data:
        clear_words = {path: CLASSES.index(label) for path, label in unambiguous(table).items()}
        reached = taught_anew(options.checkpoint, Shard.load(options.data / f"{FERPLUS}.npz"), clear_words)
        print(f"a classifier of the old labels on the frozen features, without the ambiguous: accuracy {reached:.4f}")


if __name__ == "__main__":
    main()
