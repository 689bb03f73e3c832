"""For each recognition paper the experiment of its claim, scaled down until it runs. Run by hand:

    python tests/benchmarks/reproduction.py --data SHARDS --runs DIR [--only mixaugment ...] [--seeds 1 2 3]

All variants of an experiment have the same data, backbone, image size, epochs and batch size; they differ in what
their recipe adds. Each is trained with every seed and measured on the test split, once, at the end of training. A run
that is done is not repeated, one that was stopped goes on. Figures are written to assets/reports/reproduction.md from
what is in DIR: a variant without figures stands there as not run.
"""

from __future__ import annotations

import argparse
import json
import statistics
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fer_core.data.dataset import ShardDataset, ordered_batches
from fer_core.data.prepare import load_shards
from fer_core.data.shards import Shard
from fer_core.evaluate.confidence import confidence_by_outcome
from fer_core.evaluate.metrics import accuracy, ccc, macro_f1, mean_class_accuracy, nan_mean, per_unit_f1
from fer_core.labels import EXPRESSIONS, Expression
from fer_core.train.networks import load_trained
from fer_core.train.recipe import Recipe, load_recipe
from fer_core.train.resolution import resized
from fer_core.train.trainer import train

REPORT = Path(__file__).resolve().parents[2] / "assets" / "reports" / "reproduction.md"
RESULT = "figures.json"


@dataclass(frozen=True, slots=True)
class Variant:
    """One line of a table."""

    name: str
    recipe: str
    paper: str
    """What the paper reports, as it prints it."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """One claim."""

    claim: str
    dataset: str
    figures: tuple[str, ...]
    paper_figure: str
    """Which figure of the paper stands in the last column."""
    variants: tuple[Variant, ...]
    without: tuple[Expression, ...] = ()
    """Majority classes that are left out."""


_TABLE_6 = "accuracy / F1 / mean class accuracy on RAF-DB, ResNet-50 (table 6)"
_THESIS = "mean class accuracy on AffectNet, 7 classes, DenseNet-121 (tables 4.1, 5.1, 6.4)"
_CLASSES = ("accuracy", "macro_f1", "mean_class_accuracy")
EXPERIMENTS = {
    "mixaugment": Experiment(
        "Mixup helps, MixAugment helps more, flipping on top still more",
        "ferplus",
        (*_CLASSES, "confidence_correct", "confidence_wrong"),
        _TABLE_6,
        (
            Variant("no mixing", "mix_vanilla", "83.31 / 75.25 / 73.46"),
            Variant("Mixup", "mixup", "84.06 / 75.51 / 74.38"),
            Variant("MixAugment", "mixaugment", "85.04 / 77.30 / 75.32"),
            Variant("MixAugment + flip", "mixaugment_flip", "86.06 / 78.24 / 76.28"),
        ),
        (Expression.CONTEMPT,),
    ),
    "multitask": Experiment(
        "Valence-arousal as a second task helps expression; a graph of labels helps most",
        "ferplus",
        (*_CLASSES, "ccc_valence", "ccc_arousal"),
        _THESIS,
        (
            Variant("weighted cross-entropy", "weighted_cross_entropy", "64.37"),
            Variant("+ MSE, classic", "va_mse", "64.8"),
            Variant("+ CCC, classic", "va_ccc_classic", "65.63"),
            Variant("+ eight sectors, concatenate", "sectors_eight", "65.97"),
            Variant("Emotion-GCN", "emotion_gcn", "66.46"),
        ),
        (Expression.CONTEMPT,),
    ),
    "metric": Experiment(
        "Losses that shape the feature space help expression",
        "ferplus",
        _CLASSES,
        _THESIS,
        (
            Variant("weighted cross-entropy", "weighted_cross_entropy", "64.37"),
            Variant("centre", "center_loss", "64.37"),
            Variant("centre, local", "center_local_loss", "64.77"),
            Variant("island", "island_loss", "65.11"),
            Variant("island, Euclidean, m 5", "euclidean_island_loss", "65.06"),
            Variant("local subclass, margin, k 10", "local_subclass_margin_loss", "65.29"),
            Variant("VA-based centre, local", "va_center_loss", "64.91"),
        ),
        (Expression.CONTEMPT,),
    ),
    "au": Experiment(
        "Node learning finds units no better than one layer, with sharpness-aware minimisation better",
        "ckplus128",
        ("au_f1",),
        "mean F1 of 12 units on s-Aff-Wild2 (table 2)",
        (
            Variant("fully connected", "au_fc", "47.9"),
            Variant("node learning", "au_nodes", "47.7"),
            Variant("node learning + SAM", "au_nodes_sam", "49.9"),
        ),
    ),
    "attention": Experiment(
        "Expressions that attend to units are recognised better",
        "ckplus128",
        _CLASSES,
        "macro F1 on s-Aff-Wild2 (table 4)",
        (
            Variant("without cross attention", "au_staged_no_attention", "32.2"),
            Variant("with cross attention", "au_staged", "33.3"),
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class Scale:
    """What all variants of an experiment share."""

    backbone: str
    weights: str
    size_px: int
    epochs: int
    """Of each stage."""
    batch_size: int
    learning_rate: float
    images: int
    """Most training images."""


def scaled(recipe: Recipe, scale: Scale, seed: int) -> Recipe:
    """A recipe at the scale of the experiment. Staged recipes keep their optimiser, which is part of their claim."""
    staged = any(stage.train for stage in recipe.stages)
    return replace(
        recipe,
        backbone=scale.backbone,
        imagenet=scale.backbone == "tf_efficientnet_lite0",
        weights=scale.weights,
        stages=tuple(replace(s, epochs=scale.epochs, size_px=scale.size_px) for s in recipe.stages),
        batch_size=scale.batch_size,
        learning_rate=scale.learning_rate,
        optimizer=recipe.optimizer if staged else {"name": "adamw"},
        early_stopping=0,
        seed=seed,
    )


def chosen(shard: Shard, experiment: Experiment, images: int) -> Shard:
    """The shard without the classes that are left out, and with at most so many training images."""
    majority = shard.votes.argmax(axis=1)
    keep = ~np.isin(majority, [EXPRESSIONS.index(e) for e in experiment.without])
    training = np.flatnonzero(keep & (shard.split == "train"))
    keep[np.random.default_rng(0).permutation(training)[images:]] = False
    rows = np.flatnonzero(keep)
    arrays = {f.name: getattr(shard, f.name) for f in fields(shard)}
    cut = {name: value[rows] for name, value in arrays.items() if isinstance(value, np.ndarray)}
    return replace(shard, jpegs=[shard.jpegs[r] for r in rows], **cut)


@torch.inference_mode()
def measure(checkpoint: Path, shard: Shard, size_px: int) -> dict[str, float]:
    """Figures on the test split; confidences are medians."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = load_trained(checkpoint)[0].to(device)
    columns: list[tuple[Any, ...]] = []
    for batch in ordered_batches(ShardDataset([shard], "test", None, 0), 128):
        out = network(resized(batch, device, size_px))
        answers = (out.expression_logits.softmax(dim=1), out.va, out.au_logits.sigmoid())
        columns.append(tuple(t.cpu().numpy() for t in (*answers, batch.votes, batch.va, batch.au)))
    probs, va_pred, au_pred, votes, va, au = (np.concatenate(c) for c in zip(*columns, strict=True))
    voted, rated = np.isfinite(votes).all(axis=1), np.isfinite(va).all(axis=1)
    target, predicted = votes[voted].argmax(axis=1), probs[voted].argmax(axis=1)
    confidence = confidence_by_outcome(probs[voted], target)
    return {
        "images": float(len(votes)),
        "accuracy": accuracy(target, predicted),
        "macro_f1": macro_f1(target, predicted, len(EXPRESSIONS)),
        "mean_class_accuracy": mean_class_accuracy(target, predicted, len(EXPRESSIONS)),
        "confidence_correct": confidence.correct.median,
        "confidence_wrong": confidence.wrong.median,
        "ccc_valence": ccc(va_pred[rated, 0], va[rated, 0]),
        "ccc_arousal": ccc(va_pred[rated, 1], va[rated, 1]),
        "au_f1": nan_mean(per_unit_f1(au_pred, au)),
    }


def run(name: str, shards: dict[str, Shard], runs: Path, scale: Scale, seeds: list[int]) -> None:
    """Trains and measures what is not there yet."""
    experiment = EXPERIMENTS[name]
    shard = chosen(shards[experiment.dataset], experiment, scale.images)
    for variant in experiment.variants:
        for seed in seeds:
            out = runs / name / variant.recipe / str(seed)
            if not (out / RESULT).is_file():
                recipe = scaled(load_recipe(variant.recipe), scale, seed)
                figures = measure(train(recipe, [shard], out), shard, scale.size_px)
                about = {"scale": {f.name: getattr(scale, f.name) for f in fields(scale)}, "figures": figures}
                (out / RESULT).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def report(runs: Path) -> str:
    """Markdown of everything measured in ``runs``."""
    lines = [
        "# Reproduction",
        "",
        "Claims of the papers at a small scale: mean and standard deviation over seeds, on the test split, in percent",
        "(CCC as it is). The papers' own figures are of other data, larger networks and longer training: what can be",
        "compared is the order of the lines, not their height. Made by `tests/benchmarks/reproduction.py`.",
    ]
    for name, experiment in EXPERIMENTS.items():
        found = {v.recipe: _results(runs / name / v.recipe) for v in experiment.variants}
        scales = {json.dumps(result["scale"], sort_keys=True) for results in found.values() for result in results}
        lines += ["", f"## {experiment.claim}", ""]
        if len(scales) > 1:
            raise SystemExit(f"{runs / name} holds runs of different scale; name another --runs, or delete them")
        for scale in scales:
            values = json.loads(scale)
            weights = ", start from given weights" if values["weights"] else ""
            lines += [
                f"{experiment.dataset}: at most {values['images']} training images of {values['size_px']} px, "
                f"{values['backbone']}{weights}, {values['epochs']} epochs a stage, batches of "
                f"{values['batch_size']}, learning rate {values['learning_rate']}"
                + (f"; without {', '.join(experiment.without)}." if experiment.without else "."),
                "",
            ]
        header = ("variant", "recipe", "seeds", *experiment.figures, f"paper: {experiment.paper_figure}")
        lines += ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
        for variant in experiment.variants:
            results = found[variant.recipe]
            cells = [_cell(f, [r["figures"][f] for r in results]) for f in experiment.figures]
            row = (variant.name, variant.recipe, str(len(results)), *cells, variant.paper)
            lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines) + "\n"


def _results(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob(f"*/{RESULT}"))]


def _cell(figure: str, values: list[float]) -> str:
    if not values:
        return "not run"
    factor, digits = (1, 3) if figure.startswith("ccc") else (100, 1)
    scaled_values = [factor * v for v in values]
    spread = f" ± {statistics.stdev(scaled_values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.fmean(scaled_values):.{digits}f}{spread}"


def main() -> None:
    """Runs what was asked for, and writes the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the shards")
    parser.add_argument("--runs", type=Path, required=True, help="folder for the runs")
    parser.add_argument("--report", type=Path, default=REPORT)
    parser.add_argument("--only", nargs="+", choices=EXPERIMENTS, default=list(EXPERIMENTS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--backbone", default="tf_efficientnet_lite0")
    parser.add_argument("--weights", default="", help="checkpoint or state dict to start the backbone from")
    parser.add_argument("--size-px", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--images", type=int, default=6000)
    options = parser.parse_args()
    scale = Scale(**{f.name: getattr(options, f.name) for f in fields(Scale)})
    shards = {shard.dataset: shard for shard in load_shards(options.data)}
    for name in options.only:
        run(name, shards, options.runs, scale, options.seeds)
    options.report.parent.mkdir(parents=True, exist_ok=True)
    options.report.write_text(report(options.runs), encoding="utf-8")
    print(options.report)


if __name__ == "__main__":
    main()
