"""What heads say of a data set that they never saw. Run by hand:

    python tests/benchmarks/leave_one_out.py --data SHARDS --root ARCHIVES --cache FOLDER [--checkpoint FILE]

FER+, CK+, DiffusionFER and webmorph take turns in being left out: linear heads are trained on frozen features of the
others and tested on the one that is left out, on its test split (webmorph: everything). Beside it, the same heads with
the training split of that data set too. The backbone is EfficientNet-lite0 with ImageNet weights, which never saw a
data set of faces; with ``--checkpoint`` it is that of a training run, at its last resolution, which may have seen all.

Expressions: multinomial logistic regression on the proportions of votes; valence-arousal: ridge regression; action
units: logistic regression, one a unit, where CK+ is left out on weak labels of FER+ alone. All on the features' first
``COMPONENTS`` principal components, every data set with the same total weight. The arousal labels of FER+ were
reconciled on the training half of DiffusionFER, so of those two data sets neither is wholly strange to the other.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from reproduction_training import stored
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge
from torch import nn

from fer_core.data.crops import aligned_crops
from fer_core.data.prepare import load_shards
from fer_core.data.readers.registry import find_dataset
from fer_core.data.shards import Shard, build_shard, encode_crop
from fer_core.evaluate.metrics import AU_THRESHOLD, accuracy, ccc, mean_class_accuracy, nan_mean, roc_auc
from fer_core.faces.align import DEFAULT_GEOMETRY
from fer_core.infer.engine import file_sha256
from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_core.models.backbones import create_backbone
from fer_core.models.multitask import MultitaskNet
from fer_core.train.networks import read_trained
from fer_core.types import Floats

NAMES = ("ferplus", "ckplus128", "diffusionfer", "webmorph")
WEBMORPH = "webmorph"
#: At which the ImageNet network looks.
SIZE_PX = 80
COMPONENTS = 256
#: Of FER+, drawn at random: the rest would take hours on two cores and change little.
TRAIN_IMAGES = 6000
Rows = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Faces:
    """N faces of one data set as a frozen backbone sees them."""

    features: Floats
    """(N, F)"""
    shard: Shard

    def rows(self, keep: Rows) -> Faces:
        """Some of them."""
        return Faces(self.features[keep], self.shard.select(np.flatnonzero(keep)))

    def split(self, name: str) -> Faces:
        """Those of one split."""
        return self.rows(self.shard.split == name)


def webmorph_shard(root: Path, cache: Path) -> Shard:
    """The London set, aligned once."""
    path = cache / f"{WEBMORPH}.npz"
    if not path.is_file():
        samples, _ = find_dataset(WEBMORPH).samples(root)
        with aligned_crops(root, WEBMORPH, [s.path for s in samples], DEFAULT_GEOMETRY, 1) as crops:
            found = [(encode_crop(crop), source) for crop, source in crops]
        cache.mkdir(parents=True, exist_ok=True)
        build_shard(WEBMORPH, DEFAULT_GEOMETRY, samples, [j for j, _ in found], [s for _, s in found]).save(path)
    return Shard.load(path)


def chosen(shard: Shard) -> Shard:
    """At most ``TRAIN_IMAGES`` training images, and the test images."""
    train = np.flatnonzero(shard.split == "train")
    train = np.sort(np.random.default_rng(0).permutation(train)[:TRAIN_IMAGES])
    return shard.select(np.concatenate([train, np.flatnonzero(shard.split == "test")]))


class Heads:
    """Linear heads of the three tasks.

    Args:
        sets: training faces of each data set.
    """

    def __init__(self, sets: Sequence[Faces]) -> None:
        features = np.concatenate([s.features for s in sets])
        self._pca = PCA(min(COMPONENTS, len(features)), whiten=True, random_state=0).fit(features)
        seen = self._pca.transform(features)
        weight = np.concatenate([np.full(len(s.features), 1 / len(s.features)) for s in sets])
        weight *= len(weight) / weight.sum()
        votes, va, au, sure = (np.concatenate([getattr(s.shard, n) for s in sets]) for n in _LABELS)
        voted, rated = np.isfinite(votes).all(axis=1), np.isfinite(va).all(axis=1)
        # A face counts once for each expression that somebody saw in it, by the share of the votes.
        face, label = np.nonzero(votes[voted] > 0)
        share = votes[voted][face, label] * weight[voted][face]
        self._expression = LogisticRegression(C=0.1, max_iter=300).fit(seen[voted][face], label, share)
        self._va = Ridge(30.0).fit(seen[rated], va[rated], weight[rated]) if rated.any() else None
        self._au: dict[int, LogisticRegression] = {}
        for n, unit in enumerate(ACTION_UNITS):
            known = np.isfinite(au[:, n])
            present = au[known, n] >= AU_THRESHOLD
            if min(present.sum(), (~present).sum()) >= 5:
                fit = LogisticRegression(C=0.1, max_iter=300)
                self._au[unit] = fit.fit(seen[known], present, weight[known] * sure[known])

    def figures(self, test: Faces) -> dict[str, float]:
        """On labelled faces; NaN where a label is missing."""
        seen, shard = self._pca.transform(test.features), test.shard
        voted, rated = np.isfinite(shard.votes).all(axis=1), np.isfinite(shard.va).all(axis=1)
        coded = shard.au_weight >= 1
        target = shard.votes[voted].argmax(axis=1)
        classes = np.unique(target)
        scores = np.full((int(voted.sum()), len(EXPRESSIONS)), -np.inf)
        scores[:, self._expression.classes_] = self._expression.predict_log_proba(seen[voted])
        predicted = classes[scores[:, classes].argmax(axis=1)]  # among the classes that the data set has
        found = {
            "accuracy": accuracy(target, predicted),
            "class accuracy": mean_class_accuracy(target, predicted, len(EXPRESSIONS)),
            "valence CCC": np.nan,
            "arousal CCC": np.nan,
        }
        if self._va is not None and rated.any():
            va = self._va.predict(seen[rated])
            found["valence CCC"], found["arousal CCC"] = (ccc(va[:, n], shard.va[rated, n]) for n in range(2))
        areas = [
            roc_auc(fit.predict_proba(seen[coded])[:, 1], shard.au[coded, ACTION_UNITS.index(unit)])
            for unit, fit in self._au.items()
            if coded.any()
        ]
        found["AU AUC"] = nan_mean(np.array(areas)) if areas else np.nan
        found["units"] = int(np.isfinite(areas).sum()) if areas else 0
        return found


_LABELS = ("votes", "va", "au", "au_weight")


def table(backbone: nn.Module, size_px: int, shards: dict[str, Shard], cache: Path) -> None:
    """Prints a line a data set, left out and not; the features are kept in ``cache``."""
    faces = {
        name: Faces(stored(backbone, shard, size_px, cache / f"{name}.npz").features, shard)
        for name, shard in shards.items()
    }
    for name in NAMES:
        test = faces[name].split("test")
        others = [faces[other] for other in NAMES if other != name]
        training = [f if f.shard.dataset == WEBMORPH else f.split("train") for f in others]
        runs = {"left out": training}
        if (faces[name].shard.split == "train").any():
            runs["seen"] = [*training, faces[name].split("train")]
        for how, sets in runs.items():
            found = Heads(sets).figures(test)
            shown = " | ".join("–" if np.isnan(v) else f"{v:.3f}" for k, v in found.items() if k != "units")
            units = f" ({found['units']:.0f} units)" if found["units"] else ""
            print(f"| {name} ({len(test.features)}) | {how} | {shown}{units} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of fer-core prepare")
    parser.add_argument("--root", type=Path, required=True, help="folder of the archives, for webmorph")
    parser.add_argument("--cache", type=Path, required=True, help="folder for crops and features")
    parser.add_argument("--checkpoint", type=Path, help="of a training run, whose backbone is measured")
    options = parser.parse_args()
    shards = {shard.dataset: chosen(shard) for shard in load_shards(options.data)}
    shards[WEBMORPH] = webmorph_shard(options.root, options.cache)
    if options.checkpoint:
        network, recipe, _ = read_trained(options.checkpoint)
        assert isinstance(network, MultitaskNet)
        title, size_px, backbone = file_sha256(options.checkpoint)[:12], recipe.stages[-1].size_px, network.backbone
    else:
        title, size_px = "ImageNet", SIZE_PX
        backbone = create_backbone("tf_efficientnet_lite0", imagenet=True)
    print("| tested on | | accuracy | class accuracy | valence CCC | arousal CCC | AU AUC |")
    print("|---|---|---|---|---|---|---|")
    table(backbone.eval(), size_px, shards, options.cache / title)


if __name__ == "__main__":
    main()
