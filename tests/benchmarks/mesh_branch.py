"""What a mesh of the face knows that the image does not: a branch beside the network's, as blendshapes. Run by hand:

    python tests/benchmarks/mesh_branch.py --root DATA --data SHARDS [--model FILE]

DATA holds ``blendshapes.csv.gz``, 52 scores of a face landmarker's mesh for each image with a face; SHARDS are
prepared. Linear models are fitted to what the image branch says, to the scores, and to both: expressions (logistic
regression) and valence-arousal (ridge) to the answers on FER+ validation faces, which the network never learned from,
measured on test faces; action units (logistic regression) to the features of CK+ training people, measured on test
people. Faces without a mesh are left out.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from crop_answers import answers_to, crops_of
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fer_core.data.blendshapes import BlendshapeTable, load_blendshapes
from fer_core.data.shards import Shard
from fer_core.evaluate.features import FeatureReader
from fer_core.evaluate.metrics import accuracy, ccc, nan_mean, per_unit_auc
from fer_core.infer.engine import Engine
from fer_core.types import Floats

BRANCHES = {"image": ("image",), "mesh": ("mesh",), "both": ("image", "mesh")}


@dataclass(frozen=True, slots=True)
class Faces:
    """Those of a split that have a mesh, N in all."""

    probs: Floats
    """(N, E)"""
    answers: Floats
    """(N, E + 2) logarithms of these, and valence-arousal"""
    features: Floats
    """(N, F)"""
    scores: Floats
    """(N, B) blendshapes"""
    shard: Shard
    """Of these alone"""


def seen(engine: Engine, shard: Shard, split: str, table: BlendshapeTable) -> Faces:
    rows = np.flatnonzero(shard.split == split)
    kept, scores = table.select(shard.dataset, shard.path[rows].tolist())
    faces, reader = shard.select(rows[kept]), FeatureReader(engine)
    probs, va, _ = answers_to(reader, crops_of(faces))
    features = reader.features()
    assert features is not None
    return Faces(probs, np.concatenate([np.log(np.clip(probs, 1e-6, 1)), va], axis=1), features, scores.scores, faces)


def classifier(inverse_penalty: float) -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(C=inverse_penalty, max_iter=2000))


def unit_auc(branches: tuple[str, ...], fit: Faces, test: Faces) -> Floats:
    """(A,) of test people; NaN where a unit is never coded."""
    x, x_test = (np.concatenate([{"image": f.features, "mesh": f.scores}[b] for b in branches], 1) for f in (fit, test))
    coded = fit.shard.au
    scores = np.full((len(test.probs), coded.shape[1]), np.nan, np.float32)
    for unit, y in enumerate(coded.T):
        if len(np.unique(y)) > 1:
            scores[:, unit] = classifier(1e-3).fit(x, y).decision_function(x_test)
    return per_unit_auc(scores, test.shard.au)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="folder of blendshapes.csv.gz")
    parser.add_argument("--data", type=Path, required=True, help="prepared shards")
    parser.add_argument("--model", type=Path, help="default: the shipped one")
    options = parser.parse_args()
    engine = Engine(options.model, "cpu")
    table = load_blendshapes(options.root / "blendshapes.csv.gz")

    shard = Shard.load(options.data / "ferplus.npz")
    fit, test = (seen(engine, shard, split, table) for split in ("valid", "test"))
    label, target = (faces.shard.votes.argmax(axis=1) for faces in (fit, test))
    print(f"FER+: {len(label)} validation and {len(target)} test faces with a mesh")
    print(f"the network itself: accuracy {accuracy(target, test.probs.argmax(1)):.4f}")
    for name, branches in BRANCHES.items():
        x, x_test = (
            np.concatenate([{"image": f.answers, "mesh": f.scores}[b] for b in branches], 1) for f in (fit, test)
        )
        told = classifier(0.1).fit(x, label).predict(x_test)
        guess = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-1, 4, 11))).fit(x, fit.shard.va).predict(x_test)
        valence, arousal = (ccc(guess[:, axis], test.shard.va[:, axis]) for axis in (0, 1))
        print(f"{name}: accuracy {accuracy(target, told):.4f}, CCC {valence:.4f} / {arousal:.4f}")

    shard = Shard.load(options.data / "ckplus128.npz")
    fit, test = (seen(engine, shard, split, table) for split in ("train", "test"))
    print(f"CK+: {len(fit.probs)} and {len(test.probs)} faces")
    for name, branches in BRANCHES.items():
        found = unit_auc(branches, fit, test)
        print(f"{name}: mean AUC of the units {nan_mean(found):.4f}, lowest {np.nanmin(found):.4f}")


if __name__ == "__main__":
    main()
