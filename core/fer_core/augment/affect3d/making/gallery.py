"""The gallery: dense meshes of the faces of three data sets, in correspondence by construction.

Source: Kollias et al. (2020), section 3; their 4DFAB is not public. Ours: CK+ (neutral and peak of the same person),
webmorph (neutral and smiling pairs) and DiffusionFER (expression and valence-arousal, annotated by people).
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from fer_core.faces.pose import align_canonical
from fer_core.faces.still import StillFaceFinder
from fer_core.types import Floats, ImageU8

#: People of the London set are numbered; this many of the even ones stay out of the gallery, to measure on.
HELD_OUT = 50


@dataclass(frozen=True, slots=True)
class Pair:
    """A neutral and an expressive photograph of one person."""

    neutral: tuple[int, ...]
    """Rows of the gallery; several neutral pictures are averaged."""
    peak: int
    subject: str
    expression: str
    units: dict[int, float]
    """Action units that a coder saw (1) or looked for and did not see (0)."""


@dataclass(frozen=True, slots=True)
class Gallery:
    """Meshes with their pictures."""

    root: Path
    paths: tuple[str, ...]
    """Relative to the root."""
    landmarks_px: Floats
    """(N, 468, 3)"""

    def image(self, row: int) -> ImageU8:
        """(H, W, 3) RGB."""
        return read_rgb(self.root / self.paths[row])

    def canonical_cm(self, row: int) -> npt.NDArray[np.float64]:
        """(468, 3): pose and scale removed."""
        return align_canonical(self.landmarks_px[row]).to_canonical_cm(self.landmarks_px[row])

    def pairs(self) -> list[Pair]:
        """Pairs of CK+ and of those people of the London set that are not held out."""
        return [*self._ckplus_pairs(), *self._london_pairs()]

    def _ckplus_pairs(self) -> Iterator[Pair]:
        row_of = {path: row for row, path in enumerate(self.paths)}
        neutral, peaks = defaultdict(list), []
        with (self.root / "ckplus128/ckplus128_au_labels.csv").open(newline="") as file:
            for line in csv.DictReader(file):
                row = row_of.get("ckplus128/" + line["path"])
                if row is None:
                    continue
                if line["emotion"] == "neutral":
                    neutral[line["subject"]].append(row)
                else:
                    peaks.append((row, line))
        for row, line in peaks:
            units = {int(k[2:]): float(line[k]) for k in line if k.startswith("AU") and k[2:].isdigit()}
            if neutral[line["subject"]]:
                yield Pair(tuple(neutral[line["subject"]]), row, line["subject"], line["emotion"], units)

    def _london_pairs(self) -> Iterator[Pair]:
        row_of = {path: row for row, path in enumerate(self.paths)}
        held_out = set(held_out_people(self.root))
        for path, row in row_of.items():
            name = Path(path).name
            if not path.startswith("webmorph/smiling_front/") or name[:3] in held_out:
                continue
            before = row_of.get(f"webmorph/neutral_front/{name[:3]}_03.jpg")
            if before is not None:
                yield Pair((before,), row, f"london{name[:3]}", "happiness", {})


def read_rgb(path: Path) -> ImageU8:
    """A picture (H, W, 3)."""
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise FileNotFoundError(f"{path}: missing or no picture; unpack the data set again")
    rgb: ImageU8 = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    return rgb


def held_out_people(root: Path) -> list[str]:
    """Numbers of the London people on whom synthesis is measured: every second one, in order."""
    people = sorted(p.name[:3] for p in (root / "webmorph/neutral_front").glob("*.jpg"))
    return people[::2][:HELD_OUT]


def stated_groups(root: Path) -> dict[str, str]:
    """What the London set states of each person: number to group, as it is written there."""
    with (root / "webmorph/london_info.csv").open(newline="") as file:
        return {line["face_id"]: line["face_eth"] for line in csv.DictReader(file)}


def read_gallery(root: Path, cache: Path | None = None) -> Gallery:
    """Fit a mesh to every picture of the colour and pair sets (some minutes), or read the meshes from a cache."""
    if cache is not None and cache.exists():
        with np.load(cache) as arrays:
            return Gallery(root, tuple(str(p) for p in arrays["path"]), arrays["mesh"].astype(np.float32))
    finder = StillFaceFinder()
    paths, meshes = [], []
    for pattern in ("webmorph/**/*.jpg", "ckplus128/assets/**/*.png", "diffusionfer/**/*.jpg"):
        for path in sorted(root.glob(pattern)):
            landmarks = finder.find(read_rgb(path)).landmarks_px
            if landmarks is not None:
                paths.append(str(path.relative_to(root)))
                meshes.append(landmarks)
    finder.close()
    gallery = Gallery(root, tuple(paths), np.stack(meshes))
    if cache is not None:
        np.savez_compressed(cache, path=np.array(paths), mesh=gallery.landmarks_px)
    return gallery
