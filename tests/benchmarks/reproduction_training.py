"""What the experiments of ``reproduction.py`` run: a narrow network on images, and heads on stored features."""

from __future__ import annotations

import csv
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from sklearn.model_selection import GroupKFold
from timm.models import register_model
from timm.models.resnet import BasicBlock, ResNet
from torch import Tensor, nn

from fer_core.data.dataset import Batch, Labels, ShardDataset, ordered_batches
from fer_core.data.label_correlation import conditional_votes, label_correlation
from fer_core.data.samplers import expression_weights, sampled_batches
from fer_core.data.shards import Shard, encode_crop
from fer_core.evaluate.confidence import confidence_by_outcome
from fer_core.evaluate.metrics import (
    AU_THRESHOLD,
    accuracy,
    ccc,
    macro_f1,
    mean_class_accuracy,
    nan_mean,
    per_unit_auc,
    per_unit_f1,
)
from fer_core.evaluate.svm_features import fit_svm
from fer_core.evaluate.thresholds import best_f1_threshold
from fer_core.labels import ACTION_UNITS, EXPRESSIONS, Expression
from fer_core.models.head import Features, HeadedNet
from fer_core.models.heads import Labels as Answers
from fer_core.models.heads import create_network
from fer_core.models.multitask import MultitaskNet, Outputs, normalise
from fer_core.train.networks import load_trained, recipe_head, set_mode
from fer_core.train.objective import Objective, Setting
from fer_core.train.optimizers import learning_rate, parameter_groups
from fer_core.train.parts import optimizer_of, sam_radius
from fer_core.train.recipe import Recipe
from fer_core.train.resolution import resized
from fer_core.train.sam import SAM, frozen_running_statistics
from fer_core.types import Floats

_FOLDS = 5
#: The labels of FER2013 in the merged table of FER2013 and FER+.
_FER2013 = {
    "angry": Expression.ANGER,
    "disgust": Expression.DISGUST,
    "fear": Expression.FEAR,
    "happy": Expression.HAPPINESS,
    "sad": Expression.SADNESS,
    "surprise": Expression.SURPRISE,
    "neutral": Expression.NEUTRAL,
}


@register_model  # type: ignore[untyped-decorator]
def resnet10_narrow(pretrained: bool = False, **options: Any) -> nn.Module:
    """ResNet with one block a stage and half the usual width: 1.2 million weights."""
    asked = {name: value for name, value in options.items() if name in ("num_classes", "in_chans", "global_pool")}
    network: nn.Module = ResNet(BasicBlock, (1, 1, 1, 1), channels=(32, 64, 128, 256), **asked)
    return network


# ---- data


def rows_of(shard: Shard, rows: npt.NDArray[np.intp]) -> Shard:
    """Some images of a shard."""
    arrays = {f.name: getattr(shard, f.name) for f in fields(shard)}
    cut = {name: value[rows] for name, value in arrays.items() if isinstance(value, np.ndarray)}
    return replace(shard, jpegs=[shard.jpegs[r] for r in rows], **cut)


def with_fer2013_labels(shard: Shard, table: Path) -> Shard:
    """FER+ images under their label of FER2013, one class each; ambiguous ones (duplicates) are left out."""
    with table.open(newline="", encoding="utf-8") as file:
        found = {row["path"]: row["fer2013_label"] for row in csv.DictReader(file) if row["fer2013_ambiguous"] == "0"}
    labels = [found.get(path, "") for path in shard.path.tolist()]
    kept = rows_of(shard, np.flatnonzero([label in _FER2013 for label in labels]))
    classes = [EXPRESSIONS.index(_FER2013[label]) for label in labels if label in _FER2013]
    return replace(kept, votes=np.eye(len(EXPRESSIONS), dtype=np.float32)[classes])


def without_contempt(shard: Shard) -> Shard:
    """The images whose majority sees something else."""
    return rows_of(shard, np.flatnonzero(shard.votes.argmax(axis=1) != EXPRESSIONS.index(Expression.CONTEMPT)))


def shuffled_rows(shard: Shard, split: str) -> npt.NDArray[np.intp]:
    """The images of a split in an order that is always the same."""
    return np.random.default_rng(0).permutation(np.flatnonzero(shard.split == split))


def shrunk(shard: Shard, size_px: int) -> Shard:
    """The same images at a size that is quicker to read."""
    small = (cv2.resize(shard.image(n), (size_px, size_px), interpolation=cv2.INTER_AREA) for n in range(len(shard)))
    return replace(shard, jpegs=[encode_crop(image) for image in small], geometry=shard.geometry.scaled(size_px))


# ---- images


@torch.inference_mode()
def measure_images(checkpoint: Path, shard: Shard, size_px: int) -> dict[str, float]:
    """Figures of a trained network on the test split."""
    network = load_trained(checkpoint)[0]
    found = [
        (network(resized(batch, torch.device("cpu"), size_px)), batch)
        for batch in ordered_batches(ShardDataset([shard], "test", None, 0), 128)
    ]
    return figures(*(torch.cat(c).numpy() for c in zip(*(_columns(o, b) for o, b in found), strict=True)))


def _columns(out: Outputs, batch: Batch) -> tuple[Tensor, ...]:
    answers = (out.expression_logits.softmax(dim=1), out.va, out.au_logits.sigmoid())
    return *answers, batch.votes, batch.va, batch.au


def figures(
    probs: Floats,
    va_pred: Floats,
    au_pred: Floats,
    votes: Floats,
    va: Floats,
    au: Floats,
    thresholds: Floats | None = None,
) -> dict[str, float]:
    """All that the tables show; NaN where a label is missing. ``thresholds`` (N, A) or (A,) are of the units."""
    voted, rated = np.isfinite(votes).all(axis=1), np.isfinite(va).all(axis=1)
    target, predicted = votes[voted].argmax(axis=1), probs[voted].argmax(axis=1)
    confidence = confidence_by_outcome(probs[voted], target)
    called = (au_pred >= (AU_THRESHOLD if thresholds is None else thresholds)).astype(np.float32)
    return {
        "images": float(len(votes)),
        "accuracy": accuracy(target, predicted),
        "macro_f1": macro_f1(target, predicted, len(EXPRESSIONS)),
        "mean_class_accuracy": mean_class_accuracy(target, predicted, len(EXPRESSIONS)),
        "confidence_correct_mean": confidence.correct.mean,
        "confidence_wrong_mean": confidence.wrong.mean,
        "confidence_correct_median": confidence.correct.median,
        "confidence_wrong_median": confidence.wrong.median,
        "ccc_valence": ccc(va_pred[rated, 0], va[rated, 0]),
        "ccc_arousal": ccc(va_pred[rated, 1], va[rated, 1]),
        "au_f1": nan_mean(per_unit_f1(called, au)),
        "au_f1_half": nan_mean(per_unit_f1(au_pred, au)),
        "au_auc": nan_mean(per_unit_auc(au_pred, au)),
    }


# ---- stored features


@dataclass(frozen=True, slots=True)
class Stored:
    """What a frozen backbone saw in N images, with their labels."""

    features: Floats
    """(N, F)"""
    votes: Floats
    va: Floats
    au: Floats
    subject: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.features)

    def rows(self, rows: npt.NDArray[np.intp]) -> Stored:
        """Some of the images."""
        return Stored(*(getattr(self, f.name)[rows] for f in fields(self)))

    def batch(self, rows: list[int] | slice = slice(None)) -> Batch:
        """Features in place of images."""
        columns = (torch.from_numpy(a[rows]).float() for a in (self.features, self.votes, self.va, self.au))
        return Batch(*columns, torch.ones(len(self.features[rows]), 1))


@torch.inference_mode()
def stored(backbone: nn.Module, shard: Shard, size_px: int, cache: Path) -> Stored:
    """Features of all images of a shard, computed once."""
    if not cache.is_file():
        data = ShardDataset([replace(shard, split=np.full(len(shard), "all"))], "all", None, 0)
        images = (resized(batch, torch.device("cpu"), size_px) for batch in ordered_batches(data, 64))
        seen = [backbone(normalise(image)) for image in images]
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.savez(cache, features=torch.cat(seen).numpy())
    with np.load(cache) as file:
        features = file["features"]
    if len(features) != len(shard):
        raise SystemExit(f"{cache} is of other images; delete it")
    return Stored(features, shard.votes, shard.va, shard.au, shard.subject)


class NoBackbone(nn.Module):
    """Stands where a recipe has its backbone; never called, as features are stored."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features


class OnFeatures(nn.Module):
    """A recipe's head on stored features (B, F), with a trained layer before it that losses on features can shape.

    Args:
        recipe: names the head.
        labels: of the training images.
        width: F.
        hidden: width of the trained layer; 0 gives the head the features themselves.
    """

    def __init__(self, recipe: Recipe, labels: Labels, width: int, hidden: int) -> None:
        super().__init__()
        self.layer = nn.Sequential(nn.Linear(width, hidden), nn.ReLU()) if hidden else nn.Identity()
        graph = label_correlation(labels.votes, labels.va), conditional_votes(labels.votes)
        answers = Answers(EXPRESSIONS, len(ACTION_UNITS), *graph)
        self.network = create_network(NoBackbone(hidden or width), recipe_head(recipe), answers)

    def forward(self, features: Tensor) -> Outputs:
        """Answers for features (B, F)."""
        seen = self.layer(features)
        assert isinstance(self.network, HeadedNet | MultitaskNet)
        return (
            self.network.answers(Features(seen)) if isinstance(self.network, HeadedNet) else self.network.answers(seen)
        )


def fit(recipe: Recipe, data: Stored, hidden: int) -> OnFeatures:
    """The loop of :func:`fer_core.train.trainer.train` without images, averaging and checkpoints."""
    torch.manual_seed(recipe.seed)
    labels = Labels(data.votes, data.va, data.au)
    network = OnFeatures(recipe, labels, data.features.shape[1], hidden)
    objective = Objective(recipe, Setting(labels, hidden_features(network, data)))
    optimizer = optimizer_of(recipe, parameter_groups([network, objective], recipe.weight_decay))
    sam = SAM(optimizer, sam_radius(recipe))
    steps = len(data) // recipe.batch_size
    for epoch in range(recipe.epochs):
        stage, first = recipe.stage_of(epoch)
        for n, rows in enumerate(_epoch(recipe, data, epoch)):
            network.train()
            set_mode(network.network, stage)
            step = (epoch - first) * steps + n
            rate = learning_rate(step, stage.epochs * steps, recipe.learning_rate * stage.rate, recipe.warmup_share)
            for group in optimizer.param_groups:
                group["lr"] = rate
            batch = data.batch(rows)
            outputs = network(batch.image_rgb)
            objective(outputs, batch)["total"].backward()
            if sam.rho:
                sam.ascend()
                with frozen_running_statistics(network):
                    objective(network(batch.image_rgb), batch)["total"].backward()
                sam.restore()
            nn.utils.clip_grad_norm_(network.parameters(), recipe.gradient_clip)
            optimizer.step()
            optimizer.zero_grad()
            objective.update(outputs, batch)
    return network.eval()


@torch.no_grad()
def hidden_features(network: OnFeatures, data: Stored) -> int:
    """F of ``Outputs.features``."""
    seen = network.eval()(data.batch(slice(2)).image_rgb).features
    return 0 if seen is None else int(seen.shape[1])


def _epoch(recipe: Recipe, data: Stored, epoch: int) -> list[list[int]]:
    """Rows of each batch: everything once, or all expressions equally often."""
    if recipe.sampler["name"] == "expression":
        return sampled_batches(expression_weights(data.votes), recipe.batch_size, epoch, recipe.seed)
    order = np.random.default_rng((recipe.seed, epoch)).permutation(len(data))
    full = len(order) // recipe.batch_size * recipe.batch_size
    batches: list[list[int]] = order[:full].reshape(-1, recipe.batch_size).tolist()
    return batches


@torch.inference_mode()
def answers(network: OnFeatures, data: Stored) -> tuple[Floats, ...]:
    """Probabilities of expressions (N, E), valence-arousal (N, 2), probabilities of units (N, A)."""
    batch = data.batch()
    return tuple(column.numpy() for column in _columns(network(batch.image_rgb), batch)[:3])


def by_subject(recipe: Recipe, data: Stored, hidden: int) -> dict[str, float]:
    """Figures of all images, each seen by a network that was trained on other people.

    Of five groups of people one is tested and one chooses the thresholds of the units; three train.
    """
    groups = np.zeros(len(data), int)
    splitter = GroupKFold(_FOLDS, shuffle=True, random_state=recipe.seed)
    for n, (_, rows) in enumerate(splitter.split(data.features, groups=data.subject)):
        groups[rows] = n
    columns = [np.full((len(data), width), np.nan, np.float32) for width in (len(EXPRESSIONS), 2, len(ACTION_UNITS))]
    limits = np.full((len(data), len(ACTION_UNITS)), AU_THRESHOLD)
    for n in range(_FOLDS):
        tested, choosing = groups == n, groups == (n + 1) % _FOLDS
        network = fit(recipe, data.rows(np.flatnonzero(~tested & ~choosing)), hidden)
        validation = data.rows(np.flatnonzero(choosing))
        probs = answers(network, validation)[2]
        chosen = [best_f1_threshold(probs[:, u], validation.au[:, u]) for u in range(len(ACTION_UNITS))]
        limits[tested] = np.nan_to_num(chosen, nan=AU_THRESHOLD)
        for column, found in zip(columns, answers(network, data.rows(np.flatnonzero(tested))), strict=True):
            column[tested] = found
    return figures(*columns, data.votes, data.va, data.au, limits)


@torch.inference_mode()
def measure_svm(network: OnFeatures, train: Stored, test: Stored) -> dict[str, float]:
    """Mean class accuracy of a support vector machine on what the classifier reads."""
    seen = [network(data.batch().image_rgb).features.numpy() for data in (train, test)]
    target, known = (data.votes.argmax(axis=1) for data in (test, train))
    predicted = fit_svm(seen[0], known).predict(seen[1])
    return {"svm_mean_class_accuracy": mean_class_accuracy(target, predicted, len(EXPRESSIONS))}


def measure_features(network: OnFeatures, data: Stored) -> dict[str, float]:
    """Figures on some images."""
    return figures(*answers(network, data), data.votes, data.va, data.au)
