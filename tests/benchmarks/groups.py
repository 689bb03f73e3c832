"""What the shipped model says of groups of people. Run by hand:

    python tests/benchmarks/groups.py --root DATA --cache FOLDER [--model FILE]

DATA holds webmorph (neutral and smiling photographs, with age, gender and ethnicity as the people state them),
utkface_part1 (age, gender and race in the file name, as its makers estimated them; no affect) and blendshapes.csv.gz.
A face of UTKFace counts as smiling where the face landmarker's mean of mouthSmileLeft and mouthSmileRight is 0.5 or
more, as not smiling below 0.1: another model's word, which may itself differ between groups. Prints Markdown tables.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt
from crop_answers import answers_to

from fer_core.data.archive import Archive
from fer_core.data.blendshapes import load_blendshapes
from fer_core.data.crops import aligned_crops
from fer_core.data.readers.utkface import FOLDER as UTKFACE
from fer_core.data.readers.utkface import GENDERS, RACES, person_named, read_utkface
from fer_core.data.tables import read_table
from fer_core.evaluate.metrics import Reals
from fer_core.infer.engine import Engine
from fer_core.labels import EXPRESSIONS, Expression
from fer_core.types import Floats

WEBMORPH = "webmorph"
#: First year of each age group, and the end.
AGES = (0, 4, 13, 20, 30, 45, 60, 117)
SMILING, NOT_SMILING = 0.5, 0.1
HAPPY, NEUTRAL = EXPRESSIONS.index(Expression.HAPPINESS), EXPRESSIONS.index(Expression.NEUTRAL)


@dataclass(frozen=True, slots=True)
class Said:
    """What the model says of N images."""

    probs: Floats
    """(N, E)"""
    va: Floats
    """(N, 2)"""
    au12: Floats
    """(N,)"""
    source: npt.NDArray[np.str_]
    """(N,) how the face was found."""


def ask(engine: Engine, root: Path, dataset: str, paths: Sequence[str], cache: Path) -> Said:
    """The model's answers, kept in ``cache``."""
    file = cache / f"{dataset}.npz"
    if not file.is_file():
        with aligned_crops(root, dataset, paths, engine.card.geometry, 1) as crops:
            found, sources = zip(*crops, strict=True)
        probs, va, au = answers_to(engine, found)
        cache.mkdir(parents=True, exist_ok=True)
        au12 = au[:, engine.card.action_units.index(12)]
        np.savez(file, paths=np.array(paths), probs=probs, va=va, au12=au12, source=np.array(sources))
    with np.load(file) as kept:
        if kept["paths"].tolist() != list(paths):
            raise SystemExit(f"{file} is of other images; delete it")
        return Said(kept["probs"], kept["va"], kept["au12"], kept["source"])


def smile_scores(root: Path, dataset: str, paths: Sequence[str]) -> Reals:
    """(N,) mean of the landmarker's two smile scores, NaN where it found no face."""
    found, chosen = load_blendshapes(root / "blendshapes.csv.gz").select(dataset, paths)
    scores = np.full(len(paths), np.nan)
    scores[found] = chosen.columns(("mouthSmileLeft", "mouthSmileRight")).mean(axis=1)
    return scores


def share(hits: npt.NDArray[np.bool_]) -> str:
    """Percentage, or a dash where there is nobody."""
    return f"{hits.mean():.0%}" if hits.size else "–"


def webmorph(engine: Engine, root: Path, cache: Path) -> None:
    """Neutral and smiling photographs of the London set by age, gender and ethnicity."""
    archive = Archive(root, WEBMORPH)
    people = {row["face_id"]: row for row in read_table(archive.read("london_info.csv"), "london_info.csv", [])}
    paths = [
        p
        for p in archive.names(".jpg")
        if PurePosixPath(p).parent.name in ("neutral_front", "smiling_front")
        and PurePosixPath(p).stem.split("_")[0] in people
    ]
    said = ask(engine, root, WEBMORPH, paths, cache)
    smiling = np.array([PurePosixPath(p).parent.name == "smiling_front" for p in paths])
    rows = [people[PurePosixPath(p).stem.split("_")[0]] for p in paths]
    happy, neutral = (said.probs.argmax(axis=1) == label for label in (HAPPY, NEUTRAL))
    wide = smile_scores(root, WEBMORPH, paths) >= SMILING
    print(f"\nwebmorph London, {len(people)} people, a neutral and a smiling photograph each\n")
    print(
        "| group | people | neutral called neutral | smiles called happiness | smiles with a score of 0.5 "
        "| of those, called happiness | distance of neutral from the origin |"
    )
    print("|---|---|---|---|---|---|---|")
    ages = [_age(row["face_age"], (18, 25, 30, 60)) for row in rows]
    groups = {"gender": [r["face_gender"] for r in rows], "ethnicity": [r["face_eth"] for r in rows], "age": ages}
    for kind, names in groups.items():
        column = np.array(names)
        for name in sorted(set(names)):
            chosen = column == name
            rest, smiles = chosen & ~smiling, chosen & smiling
            away = np.linalg.norm(said.va[rest], axis=1).mean()
            shares = " | ".join(map(share, (neutral[rest], happy[smiles], wide[smiles], happy[smiles & wide])))
            print(f"| {kind}: {name} | {rest.sum()} | {shares} | {away:.3f} |")


def _age(stated: str, edges: Sequence[int]) -> str:
    try:
        years = float(stated)
    except ValueError:
        return "not stated"
    place = int(np.searchsorted(edges, years, side="right")) - 1
    return f"{edges[place]} to {edges[place + 1] - 1}" if 0 <= place < len(edges) - 1 else "other"


def utkface(engine: Engine, root: Path, cache: Path) -> None:
    """Smiles and labels of the test half of UTKFace by age, gender and race."""
    samples, _ = read_utkface(Archive(root, UTKFACE))
    paths = sorted(s.path for s in samples if s.split == "test")
    said = ask(engine, root, UTKFACE, paths, cache)
    smile = smile_scores(root, UTKFACE, paths)
    people = [person for person in map(person_named, paths) if person]
    seen = np.flatnonzero(said.source != "none")
    print(f"\nUTKFace, the {len(paths)} images of the test half, a mesh found in {len(seen)}\n")
    names = " | ".join(EXPRESSIONS)
    print(
        f"| group | images | smiling | smiles called happiness | AU12 in smiles | others called happiness | {names} |"
    )
    print("|---" * (6 + len(EXPRESSIONS)) + "|")
    ages = np.array([_age(str(person.age), AGES) for person in people])
    groups = {
        "age": [(f"{a} to {b - 1}", ages == f"{a} to {b - 1}") for a, b in pairwise(AGES)],
        "gender": [(name, np.array([p.gender == name for p in people])) for name in GENDERS],
        "race": [(name, np.array([p.race == name for p in people])) for name in RACES],
    }
    everyone = [("", "all", np.ones(len(paths), bool))]
    for kind, name, mask in everyone + [(k, n, m) for k, listed in groups.items() for n, m in listed]:
        rows = seen[mask[seen]]
        label = said.probs[rows].argmax(axis=1)
        smiles, others = smile[rows] >= SMILING, smile[rows] < NOT_SMILING
        shares = " | ".join(share(label == n) for n in range(len(EXPRESSIONS)))
        au12 = f"{np.median(said.au12[rows][smiles]):.2f}" if smiles.any() else "–"
        happy = label == HAPPY
        title = f"{kind}: {name}" if kind else name
        print(
            f"| {title} | {len(rows)} | {share(smiles)} | {share(happy[smiles])} | {au12} | {share(happy[others])} "
            f"| {shares} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="folder of the archives")
    parser.add_argument("--cache", type=Path, required=True, help="folder for the model's answers")
    parser.add_argument("--model", type=Path, help="default: the shipped one")
    options = parser.parse_args()
    engine = Engine(options.model, "cpu")
    webmorph(engine, options.root, options.cache)
    utkface(engine, options.root, options.cache)


if __name__ == "__main__":
    main()
