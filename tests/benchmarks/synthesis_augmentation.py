"""Whether synthesised affect helps a network that has few real faces to learn from. Run by hand:

    python tests/benchmarks/synthesis_augmentation.py DATA MODELS SHARDS WORK [--meshes FILE]

DATA holds the unpacked data sets, MODELS the open face model, SHARDS what fer-core prepare made of ckplus128 and
diffusionfer. Images, features and figures.json grow in WORK. Draws assets/reports/synthesis-augmentation.png;
synthesis-augmentation.md beside it says what was found.

Source: Kollias et al. (2020), section 6.2.8 (table 9: convolutions frozen, small data set, person-independent) and
figure 20 (amount of synthetic data against gain).
"""

from __future__ import annotations

import argparse
import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from matplotlib.figure import Figure
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fer_core.augment.affect3d.making.gallery import Gallery, read_gallery
from fer_core.augment.affect3d.making.open_model import OpenModel
from fer_core.augment.affect3d.making.units import unit_log_ratios, unit_shapes
from fer_core.augment.affect3d.model import affect_model, write_model
from fer_core.augment.synthesize import synthesize
from fer_core.augment.synthesize_log import Existing
from fer_core.augment.synthesize_targets import SIX, LabelledTarget, labelled_expression, labelled_point
from fer_core.data.dataset import ShardDataset, ordered_batches
from fer_core.data.prepare import MANIFEST, prepare
from fer_core.data.shards import Shard
from fer_core.data.splits import read_split
from fer_core.data.transforms import Augmentation
from fer_core.evaluate.metrics import ccc, mean_class_accuracy
from fer_core.labels import EXPRESSIONS, Expression
from fer_core.models.backbones import create_backbone
from fer_core.train.networks import load_trained
from fer_core.train.recipe import Stage, load_recipe
from fer_core.train.resolution import resized
from fer_core.train.trainer import train
from fer_core.types import ImageU8

REPORT = Path(__file__).resolve().parents[2] / "assets" / "reports" / "synthesis-augmentation"
SIZE_PX = 64
#: Augmented views of each real image, for the ordinary augmentation that synthesis is compared with.
VIEWS = 2
CKPLUS_TARGETS = [labelled_expression(name, strength) for name in SIX for strength in (0.5, 0.8, 1.1)]
DIFFUSION_TARGETS = [
    labelled_point(round(r * np.cos(a), 3), round(r * np.sin(a), 3))
    for r in (0.35, 0.7)
    for a in np.arange(6) * np.pi / 3 + np.pi / 12
]
NEUTRAL_PHOTOGRAPHS = 60
SEEDS = 8
#: Real training sets: people of CK+, images of DiffusionFER.
PEOPLE = (10, 40)
IMAGES = (50, 200)
#: Shares of the synthetic images that can be made of a real training set.
SHARES = (0.0, 0.125, 0.25, 0.5, 1.0)
#: Of the fine-tuned network.
STEPS = 60
#: Strength of the penalty, chosen on training images that a run leaves out.
PENALTIES = (1e-2, 1e-1, 1.0)


# ---- images


def make_images(options: argparse.Namespace) -> None:
    """Synthesise from training people, with movements that no test person of CK+ had a part in, and align."""
    data = options.work / "data"
    model = options.work / "synthesis-without-test-people.npz"
    if not model.exists():
        gallery = without_test_people(read_gallery(options.data, options.meshes))
        shipped = affect_model()
        shapes = unit_shapes(gallery, OpenModel(options.models / "ict_facekit.npz")).astype(np.float32)
        ratios = unit_log_ratios(gallery, shipped.triangles, shipped.uv)
        write_model(model, replace(shipped, unit_shapes_cm=shapes, unit_log_ratios=ratios))
    batches: list[tuple[str, list[Path], list[LabelledTarget]]] = [
        ("ckplus_synthetic", ckplus_photographs(options.data), CKPLUS_TARGETS),
        ("diffusionfer_synthetic", diffusion_photographs(options), DIFFUSION_TARGETS),
    ]
    for name, photographs, targets in batches:
        done = synthesize(photographs, targets, data / name, existing=Existing.RESUME, model=model)
        print(name, done.images, "images,", done.kept, "kept,", len(done.skipped), "skipped", flush=True)
    prepare(data, options.work / "shards", 1, datasets=[f"csv:{name}" for name, _, _ in batches])


def without_test_people(gallery: Gallery) -> Gallery:
    """The gallery without the people of CK+ on whom is measured."""
    test = read_split("ckplus_test_subjects")
    keep = [k for k, p in enumerate(gallery.paths) if not ("ckplus128" in p and Path(p).name.split("_")[0] in test)]
    return replace(gallery, paths=tuple(gallery.paths[k] for k in keep), landmarks_px=gallery.landmarks_px[keep])


def ckplus_photographs(data: Path) -> list[Path]:
    """The first neutral image of each training person."""
    first: dict[str, Path] = {}
    test = read_split("ckplus_test_subjects")
    with (data / "ckplus128" / "ckplus128_au_labels.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["emotion"] == "neutral" and row["subject"] not in test:
                first.setdefault(row["subject"], data / "ckplus128" / row["path"])
    return list(first.values())


def diffusion_photographs(options: argparse.Namespace) -> list[Path]:
    """Neutral faces of the training split, in an order that says nothing."""
    shard = Shard.load(options.shards / "diffusionfer.npz")
    neutral = np.flatnonzero(
        (shard.split == "train")
        & (shard.votes.argmax(axis=1) == EXPRESSIONS.index(Expression.NEUTRAL))
        & (np.abs(shard.va) <= 0.2).all(axis=1)
    )
    chosen = np.random.default_rng(0).permutation(neutral)[:NEUTRAL_PHOTOGRAPHS]
    return [options.data / "diffusionfer" / str(shard.path[row]) for row in chosen]


# ---- features


def features_of(options: argparse.Namespace, shard: Shard, rows: np.ndarray, views: int = 0) -> np.ndarray:
    """(N, D), or (N, views, D) of augmented views: what an ImageNet network, frozen, answers to the crops of rows."""
    path = options.work / f"features-{shard.dataset.rpartition(':')[2]}-{views}.npy"
    if path.exists():
        stored: np.ndarray = np.load(path)
        return stored
    network, augment = create_backbone("tf_efficientnet_lite0", True).eval(), Augmentation()
    found = []
    for part in np.array_split(rows, max(1, len(rows) // 32)):
        crops = [shard.image(row) for row in part]
        if views:
            seeds = [(row, v) for row in part for v in range(views)]
            crops = [augment.apply(shard.image(row), np.random.default_rng((row, v))) for row, v in seeds]
        found.append(_pass(network, crops))
    made = np.concatenate(found)
    made = made.reshape(len(rows), views, -1) if views else made
    np.save(path, made)
    return made


def _pass(network: torch.nn.Module, crops: list[ImageU8]) -> np.ndarray:
    small = [cv2.resize(crop, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_AREA) for crop in crops]
    batch = torch.from_numpy(np.stack(small)).movedim(-1, 1).float()
    normalised = (batch / 255 - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor(
        [0.229, 0.224, 0.225]
    )[:, None, None]
    with torch.no_grad():
        answer = network(normalised)
    features: np.ndarray = (answer.mean(dim=(2, 3)) if answer.ndim == 4 else answer).numpy()
    return features


# ---- the experiment


class Task:
    """A data set with its synthetic faces, as features. Rows of real images are those of the shard."""

    def __init__(self, options: argparse.Namespace, real: Shard, synthetic: Shard, target: str) -> None:
        train = np.flatnonzero(real.split == "train")
        test = np.flatnonzero(real.split == "test")
        self.real, self.synthetic, self.target = real, synthetic, target
        raw = features_of(options, real, np.arange(len(real)))
        # Few dimensions, found on the training split without labels, so that hundreds of heads can be fitted.
        reduce = make_pipeline(StandardScaler(), PCA(128, random_state=0)).fit(raw[train])
        scale = float(reduce.transform(raw[train]).std())
        self.x = reduce.transform(raw) / scale
        self.x_synthetic = reduce.transform(features_of(options, synthetic, np.arange(len(synthetic)))) / scale
        raw_views = features_of(options, real, train, VIEWS)
        self.x_views = np.zeros((len(real), VIEWS, self.x.shape[1]))
        """Of training images only."""
        for view in range(VIEWS):
            self.x_views[train, view] = reduce.transform(raw_views[:, view]) / scale
        self.train, self.test = train, test

    def labels(self, shard: Shard) -> np.ndarray:
        """Class numbers (N,) or valence and arousal (N, 2)."""
        return shard.votes.argmax(axis=1) if self.target == "expression" else shard.va

    def score(self, x: np.ndarray, y: np.ndarray, rows: np.ndarray, penalty: float) -> float:
        """Mean accuracy of the classes, or mean CCC of valence and arousal, of a head fitted to x and y, on rows."""
        truth = self.labels(self.real)[rows]
        if self.target == "expression":
            head: Any = LogisticRegression(C=penalty, max_iter=100, class_weight="balanced")
            guess = head.fit(x, y).predict(self.x[rows])
            return mean_class_accuracy(truth, guess, len(EXPRESSIONS))
        head = Ridge(alpha=1 / penalty)
        guess = head.fit(x, y).predict(self.x[rows])
        return float(np.mean([ccc(guess[:, k], truth[:, k]) for k in range(2)]))


def small_set(task: Task, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rows of real images, and of synthetic images made of these people alone."""
    source = np.array([s.split("_")[0] if task.target == "expression" else s for s in task.synthetic.subject])
    if task.target == "expression":
        people = rng.permutation(np.unique(task.real.subject[task.train]))[:size]
        return (
            task.train[np.isin(task.real.subject[task.train], people)],
            np.flatnonzero(np.isin(source, people)),
        )
    stems = np.array([Path(p).stem for p in task.real.path])
    neutral = task.train[np.isin(stems[task.train], source)]
    others = np.setdiff1d(task.train, neutral)
    share = min(len(neutral), round(0.3 * size))
    rows = np.concatenate([rng.permutation(neutral)[:share], rng.permutation(others)[: size - share]])
    return rows, np.flatnonzero(np.isin(source, stems[rows]))


def run(task: Task, size: int, seed: int) -> dict[str, float]:
    """Test figures of one small set: real alone, with ordinary augmentation, with shares of its synthetic images."""
    rng = np.random.default_rng((seed, size))
    rows, made = small_set(task, size, rng)
    made = rng.permutation(made)
    held_back = np.setdiff1d(task.train, rows)
    y, y_made = task.labels(task.real), task.labels(task.synthetic)
    x_views = task.x_views[rows].reshape(len(rows) * VIEWS, -1)
    x_real, y_real = task.x[rows], y[rows]
    sets = {"ordinary": (np.concatenate([x_real, x_views]), np.concatenate([y_real, np.repeat(y_real, VIEWS, axis=0)]))}
    for share in SHARES:
        some = made[: round(share * len(made))]
        sets[f"{share:g}"] = (
            np.concatenate([x_real, task.x_synthetic[some]]),
            np.concatenate([y_real, y_made[some]]),
        )
    sets["both"] = (
        np.concatenate([sets["ordinary"][0], task.x_synthetic[made]]),
        np.concatenate([sets["ordinary"][1], y_made[made]]),
    )
    neutral = EXPRESSIONS.index(Expression.NEUTRAL)
    alone = rows[y[rows] == neutral] if task.target == "expression" else rows[:0]
    sets["synthetic alone"] = (
        np.concatenate([task.x[alone], task.x_synthetic[made]]),
        np.concatenate([y[alone], y_made[made]]),
    )
    figures: dict[str, float] = {"real": len(rows), "synthetic": len(made)}
    for name, (x, labels) in sets.items():
        best = max(PENALTIES, key=lambda penalty: task.score(x, labels, held_back, penalty))
        figures[name] = task.score(x, labels, task.test, best)
    return figures


def ckplus_shards(options: argparse.Namespace) -> tuple[Shard, Shard]:
    """CK+ without contempt, which is not synthesised, and what was made of it."""
    real = Shard.load(options.shards / "ckplus128.npz")
    kept = np.flatnonzero(real.votes.argmax(axis=1) != EXPRESSIONS.index(Expression.CONTEMPT))
    return real.select(kept), Shard.load(options.work / "shards" / "ckplus_synthetic.npz")


def tasks(options: argparse.Namespace) -> dict[str, tuple[Task, tuple[int, ...]]]:
    """Both data sets, with the sizes of their small sets."""
    diffusion = Shard.load(options.shards / "diffusionfer.npz")
    made = Shard.load(options.work / "shards" / "diffusionfer_synthetic.npz")
    return {
        "ckplus128": (Task(options, *ckplus_shards(options), "expression"), PEOPLE),
        "diffusionfer": (Task(options, diffusion, made, "valence-arousal"), IMAGES),
    }


# ---- the whole network, by the shipped recipe


def fine_tune(options: argparse.Namespace, seed: int, *, with_synthetic: bool) -> float:
    """Test figure of the recipe ``synthetic`` on the fewest people of CK+; as many steps with as without."""
    out = options.work / f"recipe-{seed}-{'with' if with_synthetic else 'without'}"
    task = ckplus_shards(options)
    people = np.random.default_rng((seed, PEOPLE[0])).permutation(np.unique(task[0].subject[task[0].split == "train"]))
    chosen = np.isin(task[0].subject, people[: PEOPLE[0]])
    held_back = np.flatnonzero((task[0].split == "train") & ~chosen)
    split = np.where(chosen, "train", "")
    split[np.random.default_rng(seed).permutation(held_back)[:16]] = "valid"  # the loop looks at some each epoch
    real = replace(task[0], split=split)
    source = np.array([subject.split("_")[0] for subject in task[1].subject])
    made = replace(task[1].select(np.flatnonzero(np.isin(source, people[: PEOPLE[0]]))), dataset="csv:synthetic")
    count = int(chosen.sum()) + (len(made) if with_synthetic else 0)
    recipe = load_recipe("synthetic")
    recipe = replace(
        recipe,
        seed=seed,
        stages=(Stage(max(1, round(STEPS / (count // recipe.batch_size))), SIZE_PX),),
        at_most={"csv:synthetic": 2000 if with_synthetic else 0},
        ema_decay=0.9,
        checkpoint_every=10**6,
    )
    network, _ = load_trained(train(recipe, [real, made], out))
    test = replace(task[0], split=np.where(task[0].split == "test", "test", ""))
    guess = []
    with torch.no_grad():
        for batch in ordered_batches(ShardDataset([test], "test", None, 0), 64):
            outputs = network.eval()(resized(batch, torch.device("cpu"), SIZE_PX))
            guess.append(outputs.expression_logits.argmax(dim=1).numpy())
    truth = task[0].votes[task[0].split == "test"].argmax(axis=1)
    return mean_class_accuracy(truth, np.concatenate(guess), len(EXPRESSIONS))


# ---- report


def draw(results: dict[str, dict[str, list[dict[str, float]]]]) -> Figure:
    """Amount of synthetic images against gain over the real images alone."""
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    titles = {
        "ckplus128": ("CK+: seven expressions", "people", "gain in mean class accuracy"),
        "diffusionfer": ("DiffusionFER: valence and arousal", "images", "gain in mean CCC"),
    }
    for axes, (name, by_size) in zip(figure.subplots(1, 2), results.items(), strict=True):
        title, unit, what = titles[name]
        for size, runs in by_size.items():
            amounts = [np.mean([share * r["synthetic"] for r in runs]) for share in SHARES]
            gains = np.array([[r[f"{share:g}"] - r["0"] for share in SHARES] for r in runs])
            spread = gains.std(axis=0, ddof=1) / np.sqrt(len(runs))
            label = f"{size} {unit}, {np.mean([r['real'] for r in runs]):.0f} real images"
            axes.errorbar(amounts, gains.mean(axis=0), yerr=spread, marker="o", capsize=3, label=label)
        axes.axhline(0, color="0.7", linewidth=0.8)
        axes.set(title=title, xlabel="synthetic images added", ylabel=what)
        axes.legend(frameon=False, fontsize=8)
    return figure


def main() -> None:
    """Make, measure, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "models", "shards", "work"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--meshes", type=Path, help="meshes of the gallery, as make_synthesis_assets.py --cache keeps")
    parser.add_argument("--fine-tune", type=int, default=3, metavar="SEEDS", help="runs of the recipe synthetic")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if not (options.work / "shards" / MANIFEST).exists():
        make_images(options)
    results: dict[str, dict[str, list[dict[str, float]]]] = {}
    for name, (task, sizes) in tasks(options).items():
        results[name] = {str(size): [run(task, size, seed) for seed in range(SEEDS)] for size in sizes}
        for size, runs in results[name].items():
            means = {key: round(float(np.mean([r[key] for r in runs])), 3) for key in runs[0]}
            print(name, size, means, flush=True)
    tuned = {
        name: [fine_tune(options, seed, with_synthetic=name == "with") for seed in range(options.fine_tune)]
        for name in ("without", "with")
    }
    print("recipe synthetic", tuned)
    figures = json.dumps({**results, "recipe": tuned}, indent=1)
    (options.work / "figures.json").write_text(figures + "\n", encoding="utf-8")
    draw(results).savefig(REPORT.with_suffix(".png"), dpi=90)


if __name__ == "__main__":
    main()
