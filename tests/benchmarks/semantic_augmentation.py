"""Semantic augmentation on the long tail of FER2013: none, balanced, ours; ResNet and DAN. Run by hand:

    python tests/benchmarks/semantic_augmentation.py --data SHARDS --fer2013 CSV --runs DIR [--look CHECKPOINT]

Trains a VAE-GAN on the training images, then every classifier with every seed, and measures on the test split, once, at
the end of training. All classifiers have the same images, epochs and batch size; they differ in sampler and mixing.
What is done is not repeated, what was stopped goes on; ``--minutes`` ends before the next run. The defaults are near
the sizes of the paper; ``--scale small`` is for a processor without a GPU. Writes
assets/reports/semantic-augmentation.md from what is in DIR: what was not run stands there as not run. ``--look`` names
a classifier's checkpoint, whose features the distances are measured in; it must not have been trained on the validation
images.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from reproduction_training import rows_of, shrunk, shuffled_rows, with_fer2013_labels

from fer_core.augment.semantic.measuring import look_of, measure
from fer_core.augment.semantic.recipe import load_vae_gan_recipe
from fer_core.augment.semantic.sampling import STRENGTH, load_augmenter
from fer_core.augment.semantic.training import train_vae_gan
from fer_core.data.dataset import ShardDataset, ordered_batches
from fer_core.data.prepare import load_shards
from fer_core.data.shards import Shard
from fer_core.evaluate.metrics import accuracy, mean_class_accuracy
from fer_core.evaluate.ranking import mean_average_precision, one_against_rest
from fer_core.files import replacing
from fer_core.labels import EXPRESSIONS
from fer_core.train.networks import load_trained
from fer_core.train.recipe import Recipe, Stage, load_recipe
from fer_core.train.resolution import resized
from fer_core.train.trainer import train

REPORT = Path(__file__).resolve().parents[2] / "assets" / "reports" / "semantic-augmentation.md"
RESULT, GENERATOR = "figures.json", "generator.json"
CLASSIFIERS = ("semantic_resnet34", "semantic_dan")
AUGMENTATIONS = ("none", "balanced", "ours")
FIGURES = ("accuracy", "map", "mean_class_accuracy")
#: Table I of the paper, RAF-DB: accuracy, mAP.
PAPER = {
    ("semantic_resnet34", "none"): "70.21 / 55.87",
    ("semantic_resnet34", "balanced"): "73.22 / 64.12",
    ("semantic_resnet34", "ours"): "74.43 / 67.37",
    ("semantic_dan", "none"): "88.32 / 81.98",
    ("semantic_dan", "balanced"): "88.64 / 80.95",
    ("semantic_dan", "ours"): "89.24 / 82.05",
}


@dataclass(frozen=True, slots=True)
class Scale:
    """What all runs share."""

    vae_gan: str
    vae_gan_epochs: int
    backbones: dict[str, str]
    """By recipe."""
    size_px: int
    epochs: int
    original_epochs: int
    """The last of ``epochs``."""
    batch_size: int
    learning_rate: float
    images: int
    """Most training images."""
    valid_images: int


#: Forty epochs as in the paper; at the size of FER2013's pictures.
FULL = Scale(
    "vae_gan", 100, {"semantic_resnet34": "resnet34", "semantic_dan": "resnet18"}, 48, 40, 5, 64, 1e-3, 10**6, 10**6
)
#: ``resnet10_narrow``: :mod:`reproduction_training`.
SMALL = Scale(
    "vae_gan_small",
    20,
    {"semantic_resnet34": "resnet10_narrow", "semantic_dan": "resnet10_narrow"},
    32,
    12,
    2,
    64,
    2e-3,
    4000,
    400,
)


def chosen(data: Path, fer2013: Path, scale: Scale) -> Shard:
    """FER2013 in the splits of the challenge: so many training and validation images, and all for the test."""
    shard = with_fer2013_labels(next(s for s in load_shards(data) if s.dataset == "ferplus"), fer2013)
    parts = [shuffled_rows(shard, "train")[: scale.images], shuffled_rows(shard, "valid")[: scale.valid_images]]
    return shrunk(rows_of(shard, np.concatenate([*parts, np.flatnonzero(shard.split == "test")])), scale.size_px)


def classifier(name: str, augmentation: str, scale: Scale, seed: int, vae_gan: Path) -> Recipe:
    """The recipe of one run."""
    recipe = load_recipe(name)
    if augmentation == "ours":
        mixing = {**recipe.mixing, "file": str(vae_gan), "original_epochs": scale.original_epochs}
    else:
        mixing = {"name": "none"}
    return replace(
        recipe,
        backbone=scale.backbones[name],
        stages=(Stage(scale.epochs, scale.size_px),),
        batch_size=scale.batch_size,
        learning_rate=scale.learning_rate,
        seed=seed,
        sampler={"name": "shuffle"} if augmentation == "none" else recipe.sampler,
        mixing=mixing,
    )


@torch.inference_mode()
def measured(checkpoint: Path, shard: Shard, size_px: int) -> dict[str, float]:
    """Figures on the test split."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = load_trained(checkpoint)[0].to(device)
    probs, targets = [], []
    for batch in ordered_batches(ShardDataset([shard], "test", None, 0), 128):
        probs.append(network(resized(batch, device, size_px)).expression_logits.softmax(dim=1).cpu().numpy())
        targets.append(batch.votes.argmax(dim=1).numpy())
    prob, target = np.concatenate(probs), np.concatenate(targets)
    predicted = prob.argmax(axis=1)
    return {
        "accuracy": accuracy(target, predicted),
        "map": mean_average_precision(prob, one_against_rest(target, len(EXPRESSIONS))),
        "mean_class_accuracy": mean_class_accuracy(target, predicted, len(EXPRESSIONS)),
    }


def make_generator(shard: Shard, scale: Scale, runs: Path, look: Path | None) -> Path:
    """Trains and measures the VAE-GAN where that is not done yet."""
    recipe = load_vae_gan_recipe(scale.vae_gan, {"epochs": str(scale.vae_gan_epochs)})
    made = train_vae_gan(recipe, [shard], runs / "vae_gan")
    if look and not (runs / GENERATOR).is_file():
        found = measure(load_augmenter(made).augmenter, [shard], look_of(look), STRENGTH, per_class=100)
        write_json(runs / GENERATOR, found)
    return made


def run(shard: Shard, scale: Scale, runs: Path, seeds: list[int], vae_gan: Path, until: float) -> None:
    """Trains and measures the classifiers that are not there yet, seed by seed."""
    for seed in seeds:
        for name in CLASSIFIERS:
            for augmentation in AUGMENTATIONS:
                out = runs / name / augmentation / str(seed)
                if (out / RESULT).is_file() or (augmentation == "ours" and not vae_gan.is_file()):
                    continue
                if time.monotonic() > until:
                    return
                found = measured(
                    train(classifier(name, augmentation, scale, seed, vae_gan), [shard], out), shard, scale.size_px
                )
                write_json(out / RESULT, found)
                print(name, augmentation, seed, found, flush=True)


def report(runs: Path) -> str:
    """Markdown of everything measured in ``runs``."""
    about = json.loads((runs / "about.json").read_text(encoding="utf-8"))
    scale = Scale(**about["scale"])
    counts = ", ".join(f"{name} {count}" for name, count in about["train"].items())
    backbones = ", ".join(f"`{backbone}` in `{name}`" for name, backbone in scale.backbones.items())
    lines = [
        "# Semantic augmentation",
        "",
        "The experiment of Li et al., *Semantic Data Augmentation for Long-tailed Facial Expression Recognition*, on",
        "the seven classes of FER2013: classifiers without augmentation, with balanced sampling, and with balanced",
        "sampling and half of the faces replaced by faces out of a VAE-GAN.",
        "Made by `tests/benchmarks/semantic_augmentation.py`.",
        "",
        "## Scale",
        "",
        f"- Training images: {sum(about['train'].values())} ({counts}).",
        f"  Validation {about['valid']}, test {about['test']}. Images without a face in FER+, duplicates across the",
        "  splits and ambiguous labels are left out.",
        f"- VAE-GAN: recipe `{scale.vae_gan}`, {scale.vae_gan_epochs} epochs.",
        f"- Classifiers: {scale.size_px} px, {scale.epochs} epochs, with *ours* the last {scale.original_epochs} of",
        f"  them on original faces alone; batches of {scale.batch_size}, AdamW, peak rate {scale.learning_rate}.",
        f"  Backbones: {backbones}.",
        "- The paper: RAF-DB, 12,271 training images of 100 px, ResNet-34 and DAN (ResNet-18), 40 epochs. Its figures",
        "  are of other data and larger networks; what can be compared is the order of the lines, not their height.",
        "",
        "## Recognition",
        "",
        "Test split, in percent, mean and standard deviation over seeds.",
        "",
        "| classifier | augmentation | seeds | accuracy | mAP | mean class accuracy | paper: accuracy / mAP |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name in CLASSIFIERS:
        for augmentation in AUGMENTATIONS:
            found = [json.loads(p.read_text()) for p in sorted((runs / name / augmentation).glob(f"*/{RESULT}"))]
            cells = [_cell([f[figure] for f in found]) for figure in FIGURES]
            row = (f"`{name}`", augmentation, str(len(found)), *cells, PAPER[name, augmentation])
            lines.append("| " + " | ".join(row) + " |")
    return "\n".join([*lines, "", "## Generated faces", "", *_generator_lines(runs)]) + "\n"


def _generator_lines(runs: Path) -> list[str]:
    log = runs / "vae_gan" / "log.jsonl"
    if not log.is_file():
        return ["The VAE-GAN was not trained."]
    records = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    valid = {record["epoch"]: record["valid"] for record in records if "valid" in record}
    lines = [f"Epochs trained: {len(valid)}."]
    if valid:
        rebuilt = valid[max(valid)]["l1"] / 2
        lines.append(f"Reconstruction of validation faces: L1 {rebuilt:.3f} of the range of grey values.")
    if not (runs / GENERATOR).is_file():
        return [*lines, "Distance from photographs and copies were not measured."]
    found = json.loads((runs / GENERATOR).read_text(encoding="utf-8"))
    fid, seen, copies = found["fid"], found["seen_as_labelled"], found["memorising"]
    return [
        *lines,
        "",
        "Looked at through a classifier of this project: equally many training faces of each expression where there",
        f"are enough, {found['faces']['train']} in all, and {found['faces']['valid']} held-out photographs;",
        f"s = {found['strength']}.",
        "",
        "| faces | Fréchet distance to training photographs | seen as labelled, % |",
        "| --- | --- | --- |",
        f"| training photographs | 0 | {_percent(seen['train'])} |",
        f"| held-out photographs | {fid['valid']:.1f} | {_percent(seen['valid'])} |",
        f"| reconstructions | {fid['remade']:.1f} | {_percent(seen['remade'])} |",
        f"| augmented | {fid['augmented']:.1f} | {_percent(seen['augmented'])} |",
        "",
        f"Copies: the nearest training photograph is {copies['median_generated']:.2f} away from an augmented face,",
        f"{copies['median_held_out']:.2f} from a held-out photograph (medians).",
        f"{_percent(copies['share_nearer'])} % of the augmented faces are nearer than 95 % of the held-out",
        "photographs; 5 % is expected of new faces.",
    ]


def _cell(values: list[float]) -> str:
    if not values:
        return "not run"
    spread = f" ± {100 * statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{_percent(statistics.fmean(values))}{spread}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Writes figures, whole or not at all."""
    with replacing(path) as partial:
        partial.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def prepare(options: argparse.Namespace, scale: Scale) -> Shard:
    """The images, with a note of what they are; refuses a folder of runs at another scale."""
    shard = chosen(options.data, options.fer2013, scale)
    training = shard.votes[shard.split == "train"].argmax(axis=1)
    about = {
        "scale": asdict(scale),
        "train": {EXPRESSIONS[c]: int((training == c).sum()) for c in np.unique(training)},
        "valid": int((shard.split == "valid").sum()),
        "test": int((shard.split == "test").sum()),
    }
    path = options.runs / "about.json"
    if path.is_file() and json.loads(path.read_text(encoding="utf-8")) != about:
        raise SystemExit(f"{options.runs} holds runs of another scale; name another --runs, or delete it")
    write_json(path, about)
    return shard


def main() -> None:
    """Runs what was asked for, and writes the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the shards")
    parser.add_argument("--fer2013", type=Path, required=True, help="CSV: path, fer2013_label, fer2013_ambiguous")
    parser.add_argument("--runs", type=Path, required=True, help="folder for the runs")
    parser.add_argument("--look", type=Path, help="checkpoint of a classifier in whose features distances are measured")
    parser.add_argument("--report", type=Path, default=REPORT)
    parser.add_argument("--scale", choices=("full", "small"), default="full")
    parser.add_argument("--only", choices=("generator", "classifiers", "report"), help="default: all of it")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no classifier after so long")
    parser.add_argument("--images", type=int, help="most training images, instead of the scale's")
    parser.add_argument("--epochs", type=int, help="of a classifier, instead of the scale's")
    parser.add_argument("--vae-gan-epochs", type=int, help="instead of the scale's")
    options = parser.parse_args()
    until = time.monotonic() + 60 * options.minutes
    scale = FULL if options.scale == "full" else SMALL
    given = {name: getattr(options, name) for name in ("images", "epochs", "vae_gan_epochs")}
    scale = replace(scale, **{name: value for name, value in given.items() if value is not None})
    options.runs.mkdir(parents=True, exist_ok=True)
    if options.only != "report":
        shard = prepare(options, scale)
        vae_gan = options.runs / "vae_gan" / "vae_gan.pt"
        if options.only != "classifiers":
            vae_gan = make_generator(shard, scale, options.runs, options.look)
        if options.only != "generator":
            run(shard, scale, options.runs, options.seeds, vae_gan, until)
    options.report.parent.mkdir(parents=True, exist_ok=True)
    options.report.write_text(report(options.runs), encoding="utf-8")
    print(options.report)


if __name__ == "__main__":
    main()
