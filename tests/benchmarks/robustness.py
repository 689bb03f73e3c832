"""What is left of the shipped model's figures when pictures get worse, and how steady it is on video. Run by hand:

    python tests/benchmarks/robustness.py --data SHARDS [--blendshapes TABLE] [--videos CLIP ...]

Test images of FER+ (48 pixels as they come, enlarged) and CK+ (sharp), aligned as prepared, are degraded one way at a
time. Head pose is not made but found: the table of blendshape scores says how far each FER+ face is turned away. Of the
videos: the share of frames whose expression, one face followed, differs from the frame before and is back within 0.2 s.
Writes assets/reports/robustness.md and robustness.png.
"""

from __future__ import annotations

import argparse
import csv
import gzip
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path

import cv2
import numpy as np
from crop_answers import answers_to
from matplotlib.figure import Figure

from fer_core.data.prepare import load_shards
from fer_core.data.shards import Shard
from fer_core.evaluate.metrics import Integers, Reals, accuracy, ccc, nan_mean, per_unit_auc
from fer_core.infer.engine import Engine
from fer_core.infer.pipeline import Pipeline
from fer_core.media.source import open_source
from fer_core.types import ImageU8

REPORTS = Path(__file__).resolve().parents[2] / "assets" / "reports"
FLIP_S = 0.2
#: Edges of the ranges of head turn, in degrees away from the camera.
TURNS_DEG = (0, 10, 20, 30, 45, 90)


@dataclass(frozen=True, slots=True)
class Degradation:
    """One way in which a picture gets worse."""

    name: str
    values: tuple[float, ...]
    """From mild to severe."""
    apply: Callable[[ImageU8, float, np.random.Generator], ImageU8]


def resolution(crop: ImageU8, side_px: float, _: np.random.Generator) -> ImageU8:
    small = cv2.resize(crop, (int(side_px),) * 2, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, crop.shape[1::-1], interpolation=cv2.INTER_LINEAR))


def blur(crop: ImageU8, sigma_px: float, _: np.random.Generator) -> ImageU8:
    return np.asarray(cv2.GaussianBlur(crop, (0, 0), sigma_px))


def low_light(crop: ImageU8, share: float, rng: np.random.Generator) -> ImageU8:
    """Less light, and the noise of a sensor that makes up for it."""
    noise = rng.normal(0, 4 / share**0.5, crop.shape[:2])[..., None]
    return np.clip(crop * share + noise, 0, 255).astype(np.uint8)


def jpeg(crop: ImageU8, quality: float, _: np.random.Generator) -> ImageU8:
    coded = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR))


def turned(crop: ImageU8, angle_deg: float, rng: np.random.Generator) -> ImageU8:
    """An alignment that is off by so much, either way."""
    side = crop.shape[0]
    matrix = cv2.getRotationMatrix2D((side / 2, side / 2), angle_deg * rng.choice([-1, 1]), 1.0)
    return np.asarray(cv2.warpAffine(crop, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE))


def covered(crop: ImageU8, share: float, rng: np.random.Generator) -> ImageU8:
    """A grey square over a share of the crop's area, anywhere."""
    side = round(crop.shape[0] * share**0.5)
    x, y = rng.integers(0, crop.shape[0] - side + 1, 2)
    crop = crop.copy()
    crop[y : y + side, x : x + side] = 128
    return crop


def glasses(crop: ImageU8, opacity: float, _: np.random.Generator) -> ImageU8:
    """Dark lenses over both eyes, where the alignment puts them."""
    side, worn = crop.shape[0], crop.copy()
    for x in (0.326, 0.674):
        cv2.ellipse(worn, (round(x * side), round(0.35 * side)), (side // 7, side // 9), 0, 0, 360, (20, 20, 20), -1)
    cv2.line(worn, (round(0.4 * side), round(0.33 * side)), (round(0.6 * side), round(0.33 * side)), (20, 20, 20), 3)
    return np.asarray(cv2.addWeighted(worn, opacity, crop, 1 - opacity, 0))


def masked(crop: ImageU8, share: float, _: np.random.Generator) -> ImageU8:
    """A grey hand or mask from the chin up over a share of the crop's height."""
    crop = crop.copy()
    crop[round(crop.shape[0] * (1 - share)) :] = 128
    return crop


DEGRADATIONS = (
    Degradation("resolution of the crop, px", (112, 56, 40, 28, 20, 14), resolution),
    Degradation("blur, standard deviation, px of 112", (1, 2, 3, 5), blur),
    Degradation("light, share", (0.5, 0.25, 0.12, 0.06), low_light),
    Degradation("JPEG quality", (50, 25, 12, 6), jpeg),
    Degradation("turned, degrees", (5, 10, 20, 30), turned),
    Degradation("covered, share of the area", (0.05, 0.1, 0.2, 0.3), covered),
    Degradation("dark glasses, opacity", (0.3, 0.6, 1.0), glasses),
    Degradation("covered from below, share", (0.15, 0.25, 0.4), masked),
)


@dataclass(frozen=True, slots=True)
class Answers:
    """What the model says of a shard's test images, N of them, beside the labels."""

    probs: Reals
    va: Reals
    au: Reals
    votes: Reals
    va_true: Reals
    au_true: Reals

    def rows(self, keep: Integers) -> dict[str, float]:
        """Figures of some images; NaN where they have no such labels."""
        votes, va, va_true = self.votes[keep], self.va[keep], self.va_true[keep]
        voted, placed = np.isfinite(votes).all(axis=1), np.isfinite(va_true).all(axis=1)
        hit = accuracy(votes[voted].argmax(axis=1), self.probs[keep][voted].argmax(axis=1))
        return {
            "accuracy": hit if voted.any() else np.nan,
            "valence CCC": ccc(va[placed, 0], va_true[placed, 0]) if placed.any() else np.nan,
            "arousal CCC": ccc(va[placed, 1], va_true[placed, 1]) if placed.any() else np.nan,
            "AU AUC": nan_mean(per_unit_auc(self.au[keep], self.au_true[keep])),
        }


def answers(engine: Engine, shard: Shard, degrade: Callable[[ImageU8], ImageU8]) -> Answers:
    """Of a shard's test images, each degraded."""
    rows = np.flatnonzero(shard.split == "test")
    probs, va, au = answers_to(engine, (degrade(shard.image(row)) for row in rows))
    return Answers(probs, va, au, shard.votes[rows], shard.va[rows], shard.au[rows])


def turns_deg(table: Path, shard: Shard) -> Reals:
    """How far the head of each test image is turned sideways, NaN where no mesh was found."""
    with gzip.open(table, "rt", encoding="utf-8", newline="") as file:
        found = {row["path"]: abs(float(row["yaw_deg"])) for row in csv.DictReader(file) if row["dataset"] == "ferplus"}
    return np.array([found.get(path, np.nan) for path in shard.path[shard.split == "test"].tolist()])


def flips(times_s: list[float], labels: list[int]) -> int:
    """Frames that show another label than before, which is back within ``FLIP_S``."""
    runs = [(label, len(list(group))) for label, group in groupby(labels)]
    starts = np.cumsum([0, *(length for _, length in runs)])
    return sum(
        runs[k][1]
        for k in range(1, len(runs) - 1)
        if runs[k - 1][0] == runs[k + 1][0] and times_s[starts[k + 1]] - times_s[starts[k]] <= FLIP_S
    )


def steadiness(engine: Engine, clip: Path) -> tuple[int, int]:
    """Frames in which the face that is seen most was read, and how many of their labels flip back."""
    seen: dict[int, list[tuple[float, int]]] = {}
    with Pipeline(engine) as pipeline, open_source(clip) as source:
        for result in pipeline.run(source.frames()):
            for face in result.faces:
                if face.affect is not None:
                    label = int(face.affect.expression_probs.argmax())
                    seen.setdefault(face.face.face_id, []).append((result.time_s, label))
    longest = max(seen.values(), key=len, default=[])
    return len(longest), flips([time_s for time_s, _ in longest], [label for _, label in longest])


Table = dict[str, list[tuple[float, dict[str, float]]]]


def curves(table: Table, clean: dict[str, float]) -> Figure:
    """One small plot for each degradation."""
    figure = Figure(figsize=(15, 6.5), layout="constrained")
    for axes, (name, rows) in zip(figure.subplots(2, 4).flat, table.items(), strict=True):
        for metric, value in clean.items():
            axes.plot(
                ["as is", *(f"{v:g}" for v, _ in rows)], [value, *(r[metric] for _, r in rows)], "o-", label=metric
            )
        axes.set(title=name, ylim=(0, 1))
        axes.grid(alpha=0.3)
    figure.axes[0].legend(loc="lower left", fontsize=8)
    return figure


def measure(engine: Engine, faces: Shard, units: Shard) -> Table:
    """Figures of every degradation."""
    table: Table = {}
    for degradation in DEGRADATIONS:
        for value in degradation.values:
            rng = np.random.default_rng(0)

            def degrade(crop: ImageU8, d: Degradation = degradation, v: float = value) -> ImageU8:
                return d.apply(crop, v, rng)  # noqa: B023  the one generator of this value, used before the next

            found = {
                **whole(answers(engine, faces, degrade)),
                "AU AUC": whole(answers(engine, units, degrade))["AU AUC"],
            }
            table.setdefault(degradation.name, []).append((value, found))
            print(degradation.name, value, {name: round(x, 3) for name, x in found.items()}, flush=True)
    return table


def whole(said: Answers) -> dict[str, float]:
    """Figures of all images."""
    return said.rows(np.arange(len(said.probs)))


def pose_lines(clean: Answers, turned_deg: Reals) -> list[str]:
    """Figures of FER+ test by how far the head is turned."""
    lines = [
        "",
        "Heads as they are turned in FER+ test (sideways, as a face mesh measures it):",
        "",
        "| turned, degrees | faces | accuracy | valence CCC | arousal CCC |",
        "|---|---|---|---|---|",
    ]
    ranges = [(f"{a} to {b}", (turned_deg >= a) & (turned_deg < b)) for a, b in pairwise(TURNS_DEG)]
    for name, chosen in [*ranges, ("no mesh found", np.isnan(turned_deg))]:
        found = clean.rows(np.flatnonzero(chosen))
        shown = " | ".join(f"{found[m]:.3f}" for m in ("accuracy", "valence CCC", "arousal CCC"))
        lines.append(f"| {name} | {chosen.sum()} | {shown} |")
    return lines


def video_lines(engine: Engine, clips: list[Path]) -> list[str]:
    """How steady the label is."""
    lines = ["", f"Labels that differ from the frame before and are back within {FLIP_S:g} s, one face followed:", ""]
    lines += ["| clip | frames with that face | flip back |", "|---|---|---|"]
    for clip in clips:
        frames, back = steadiness(engine, clip)
        lines.append(f"| {clip.name} | {frames} | {back} ({back / frames if frames else float('nan'):.1%}) |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of fer-core prepare")
    parser.add_argument("--model", type=Path, help="default: the shipped one")
    parser.add_argument("--blendshapes", type=Path, help="blendshapes.csv.gz, for head pose")
    parser.add_argument("--videos", type=Path, nargs="*", default=[])
    options = parser.parse_args()
    engine = Engine(options.model, "cpu")
    shards = {shard.dataset: shard for shard in load_shards(options.data)}
    faces, units = shards["ferplus"], shards["ckplus128"]
    as_is = answers(engine, faces, lambda crop: crop)
    clean = {**whole(as_is), "AU AUC": whole(answers(engine, units, lambda crop: crop))["AU AUC"]}
    table = measure(engine, faces, units)
    curves(table, clean).savefig(REPORTS / "robustness.png", dpi=90)

    lines = [
        "# When pictures get worse",
        "",
        "`python tests/benchmarks/robustness.py --data SHARDS --blendshapes TABLE --videos CLIP ...`",
        "",
        f"{engine.card.name} {engine.card.version}. Accuracy and valence-arousal: FER+ test; action units: CK+ test",
        "people. One degradation at a time, on the aligned crop of 112 pixels, which the network sees at its own size.",
        "Colour or grey makes no difference: the network sees luminance only.",
        "",
        "![Curves](robustness.png)",
        "",
        f"| | | {' | '.join(clean)} |",
        "|---|---|" + "---|" * len(clean),
        f"| as is | | {' | '.join(f'{v:.3f}' for v in clean.values())} |",
    ]
    for name, rows in table.items():
        lines += [f"| {name} | {v:g} | {' | '.join(f'{x:.3f}' for x in found.values())} |" for v, found in rows]
    if options.blendshapes:
        lines += pose_lines(as_is, turns_deg(options.blendshapes, faces))
    if options.videos:
        lines += video_lines(engine, options.videos)
    text = "\n".join(lines) + "\n"
    (REPORTS / "robustness.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
