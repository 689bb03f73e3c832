"""For each recognition paper the experiment of its claim, scaled down until it runs on one core. Run by hand:

    python tests/benchmarks/reproduction.py --data SHARDS --fer2013 CSV --backbone CHECKPOINT --runs DIR

All variants of an experiment have the same data, network, epochs, batch size and optimiser; they differ in what their
recipe adds. Each is trained with every seed and measured once, at the end of training. A run that is done is not
repeated, one on images that was stopped goes on. Tables are put into assets/reports/reproduction.md between their
marks, from what is in DIR; the words between the tables are written by hand.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from reproduction_claims import EXPERIMENTS, Data, Experiment, Variant
from reproduction_training import (
    Stored,
    by_subject,
    fit,
    measure_features,
    measure_images,
    measure_svm,
    rows_of,
    shrunk,
    shuffled_rows,
    stored,
    with_fer2013_labels,
    without_contempt,
)

from fer_core.data.prepare import load_shards
from fer_core.data.shards import Shard
from fer_core.evaluate.evaluation import VA_NAMES
from fer_core.evaluate.figures import save_png
from fer_core.evaluate.label_similarity import label_similarity_figure
from fer_core.labels import EXPRESSIONS, Expression
from fer_core.models.backbones import create_backbone
from fer_core.models.emotion_gcn import EmotionGcnHead
from fer_core.models.multitask import MultitaskNet
from fer_core.train.networks import load_trained
from fer_core.train.parts import untaught_tasks
from fer_core.train.recipe import Recipe, load_recipe
from fer_core.train.trainer import train

REPORT = Path(__file__).resolve().parents[2] / "assets" / "reports" / "reproduction.md"
RESULT = "figures.json"
IMAGE_PX, CKPLUS_PX = 40, 112
#: For a learning curve; more would only cost time.
VALID_IMAGES = 400


class Laboratory:
    """Data and frozen features, made when an experiment first needs them.

    Args:
        data: folder of the shards.
        fer2013: CSV with the columns path, fer2013_label, fer2013_ambiguous.
        checkpoint: of a network that knows no FER+ image but those of the training split.
        runs: folder for everything made.
    """

    def __init__(self, data: Path, fer2013: Path, checkpoint: Path, runs: Path) -> None:
        self.runs = runs
        self._checkpoint = checkpoint
        self._shards = {shard.dataset: shard for shard in load_shards(data)}
        self._fer2013 = fer2013

    def run(self, name: str, variant: Variant, seed: int) -> None:
        """Trains and measures, where that is not done yet."""
        experiment = EXPERIMENTS[name]
        out = self.runs / name / variant.folder / str(seed)
        if (out / RESULT).is_file():
            return
        recipe = scaled(variant, experiment, seed)
        if experiment.data is Data.IMAGES:
            shard = self._images(experiment.images)
            found = measure_images(train(recipe, [shard], out), shard, IMAGE_PX)
        elif experiment.data is Data.FEATURES:
            # The frozen backbone learned from the training split; heads learn from images that it never saw.
            learned = fit(recipe, self._features("valid"), experiment.hidden)
            found = measure_features(learned, self._features("test"))
            if "svm_mean_class_accuracy" in experiment.figures:
                found |= measure_svm(learned, self._features("valid"), self._features("test"))
        else:
            found = by_subject(recipe, self._subjects(), experiment.hidden)
        out.mkdir(parents=True, exist_ok=True)
        (out / RESULT).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print(name, variant.name, seed, {f: round(found[f], 3) for f in experiment.figures}, flush=True)

    def similarity(self, path: Path) -> None:
        """Draws how alike the label vectors are that Emotion-GCN learned (thesis, figure 6.4.3)."""
        experiment = EXPERIMENTS["multitask"]
        recipe = scaled(Variant("Emotion-GCN", "emotion_gcn"), experiment, seed=1)
        head = fit(recipe, self._features("valid"), experiment.hidden).network.head
        assert isinstance(head, EmotionGcnHead)
        vectors = head.learned_vectors().detach().numpy()
        names = (*EXPRESSIONS, *VA_NAMES)
        kept = [n for n, name in enumerate(names) if name != Expression.CONTEMPT]
        save_png(label_similarity_figure(vectors[kept], [names[n] for n in kept]), path)

    @cache  # noqa: B019 - one laboratory a process
    def _images(self, images: int) -> Shard:
        """FER2013: so many training images, some validation images, all test images."""
        shard = with_fer2013_labels(self._shards["ferplus"], self._fer2013)
        parts = [(shuffled_rows(shard, "train"), images), (shuffled_rows(shard, "valid"), VALID_IMAGES)]
        rows = [order[:most] for order, most in parts]
        return shrunk(rows_of(shard, np.concatenate([*rows, np.flatnonzero(shard.split == "test")])), IMAGE_PX)

    @cache  # noqa: B019
    def _features(self, split: str) -> Stored:
        """FER+ without contempt, as the given checkpoint sees it."""
        shard = without_contempt(self._shards["ferplus"])
        shard = rows_of(shard, np.flatnonzero(shard.split == split))
        network, content = load_trained(self._checkpoint)
        assert isinstance(network, MultitaskNet)
        size_px = content["recipe"]["stages"][-1]["size_px"]
        return stored(network.backbone, shard, size_px, self.runs / "features" / f"ferplus-{split}.npz")

    @cache  # noqa: B019
    def _subjects(self) -> Stored:
        """CK+, as a network sees it that was trained on ImageNet alone."""
        network = create_backbone("tf_efficientnet_lite0", imagenet=True).eval()
        return stored(network, self._shards["ckplus128"], CKPLUS_PX, self.runs / "features" / "ckplus128.npz")


def scaled(variant: Variant, experiment: Experiment, seed: int) -> Recipe:
    """A variant's recipe at the scale of its experiment; the optimiser keeps its sharpness-aware step alone."""
    recipe = load_recipe(variant.recipe, variant.changes)
    sam = {"sam_rho": recipe.optimizer["sam_rho"]} if "sam_rho" in recipe.optimizer else {}
    subjects = experiment.data is Data.SUBJECTS  # CK+ has no valence and arousal
    return replace(
        recipe,
        backbone="resnet10_narrow",
        imagenet=False,
        drop_path_rate=0.0,
        losses={name: options for name, options in recipe.losses.items() if not (subjects and name == "va_ccc")},
        stages=tuple(
            replace(stage, epochs=experiment.epochs, size_px=IMAGE_PX)
            for stage in recipe.stages
            if not (subjects and stage.train == "va")
        ),
        batch_size=experiment.batch_size,
        learning_rate=recipe.learning_rate if "learning_rate" in variant.changes else experiment.learning_rate,
        optimizer={"name": "adamw", **sam},
        ema_decay=0.99,
        early_stopping=0,
        seed=seed,
    )


# ---- tables


def table(name: str, runs: Path) -> str:
    """Markdown: mean and standard deviation over the seeds that are there."""
    experiment = EXPERIMENTS[name]
    header = ("variant", "recipe", "seeds", *experiment.figures, f"paper: {experiment.paper_figure}")
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    for variant in experiment.variants:
        paths = sorted((runs / name / variant.folder).glob(f"*/{RESULT}"))
        results = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
        untaught = "valence-arousal" in untaught_tasks(load_recipe(variant.recipe))
        cells = [
            "–" if untaught and figure.startswith("ccc") else _cell(figure, [result[figure] for result in results])
            for figure in experiment.figures
        ]
        changes = "".join(f" {key}={value}" for key, value in variant.changes.items())
        lines.append(
            "| " + " | ".join((variant.name, variant.recipe + changes, str(len(results)), *cells, variant.paper)) + " |"
        )
    return "\n".join(lines)


def _cell(figure: str, values: list[float]) -> str:
    if not values:
        return "not run"
    factor, digits = (1, 3) if figure.startswith("ccc") else (100, 1)
    scaled_values = [factor * value for value in values]
    spread = f" ± {statistics.stdev(scaled_values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.fmean(scaled_values):.{digits}f}{spread}"


def with_tables(text: str, runs: Path) -> str:
    """The report with its tables renewed; an experiment that it does not know yet is added at its end."""
    for name, experiment in EXPERIMENTS.items():
        start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        if start not in text:
            text += f"\n## {experiment.claim}\n\n{start}\n{end}\n"
        block = f"{start}\n\n{table(name, runs)}\n\n{end}"
        text = re.sub(re.escape(start) + ".*?" + re.escape(end), lambda _, made=block: made, text, flags=re.DOTALL)
    return text


def main() -> None:
    """Runs what was asked for, and renews the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the shards")
    parser.add_argument("--fer2013", type=Path, required=True, help="CSV: path, fer2013_label, fer2013_ambiguous")
    parser.add_argument("--backbone", type=Path, required=True, help="checkpoint, frozen for the experiments on heads")
    parser.add_argument("--runs", type=Path, required=True, help="folder for the runs")
    parser.add_argument("--report", type=Path, default=REPORT)
    parser.add_argument("--only", nargs="*", choices=EXPERIMENTS, default=list(EXPERIMENTS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--similarity", type=Path, help="PNG of the label vectors that Emotion-GCN learned")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    laboratory = Laboratory(options.data, options.fer2013, options.backbone, options.runs)
    for seed in options.seeds:  # so that all variants have a first figure early
        for name in options.only:
            for variant in EXPERIMENTS[name].variants:
                laboratory.run(name, variant, seed)
    if options.similarity:
        laboratory.similarity(options.similarity)
    text = options.report.read_text(encoding="utf-8") if options.report.is_file() else "# Reproduction\n"
    options.report.write_text(with_tables(text, options.runs), encoding="utf-8")
    print(options.report)


if __name__ == "__main__":
    main()
