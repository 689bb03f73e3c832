"""From research archives to aligned shards and a manifest: everything that training reads.

The crops cost minutes, the labels seconds. A shard that already holds the same images, unchanged since and in the same
geometry, keeps its crops, and only its labels are made anew.
"""

from __future__ import annotations

import importlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from fer_core.data.archive import Archive, DataError
from fer_core.data.blendshapes import BlendshapeTable, load_blendshapes
from fer_core.data.circumplex import CircumplexReconciliation
from fer_core.data.crops import aligned_crops
from fer_core.data.named_au import NAMED_BLENDSHAPES, named_units
from fer_core.data.readers.ckplus import NAME as CKPLUS
from fer_core.data.readers.diffusionfer import NAME as DIFFUSIONFER
from fer_core.data.readers.ferplus import NAME as FERPLUS
from fer_core.data.readers.registry import find_dataset
from fer_core.data.sample import Sample
from fer_core.data.shards import Shard, build_shard, encode_crop
from fer_core.data.votes import load_affectnet_c25
from fer_core.faces.align import DEFAULT_GEOMETRY, CropGeometry
from fer_core.labels import ACTION_UNITS, EXPRESSIONS
from fer_core.types import Floats

#: What the shipped model learns from. FER+ gets labels made from the other two.
DEFAULT_DATASETS = (FERPLUS, CKPLUS, DIFFUSIONFER)
#: With these, FER+ has labels made for it.
_VOTED = {FERPLUS, DIFFUSIONFER}
C25_FOLDER = "affectnetc25"
BLENDSHAPES = "blendshapes.csv.gz"
#: What FER+ gets its labels from, and what a file of them holds.
SUPPLEMENTS = {
    C25_FOLDER: "expression, valence and arousal of 1,600 AffectNet images by 25 raters (AffectNetC25), six tables "
    "such as valence_set1_C25.csv; needed for valence and arousal",
    BLENDSHAPES: "scores of MediaPipe's face landmarker, a row an image: dataset,path,pitch_deg,yaw_deg,roll_deg and "
    "the 52 ARKit blendshapes 0..1; without it FER+ has no labels of action units",
}
#: A unit that a model labelled counts this much against one that a FACS coder labelled.
WEAK_AU_WEIGHT = 0.3
MANIFEST = "manifest.json"


def read_labelled(
    root: Path, *, datasets: Sequence[str] = DEFAULT_DATASETS, weak_au: bool = True
) -> tuple[dict[str, list[Sample]], dict[str, Any]]:
    """All samples with all labels that can be had for them, and what the manifest says of the labels.

    Where FER+ and DiffusionFER are among the data sets, FER+ gets valence-arousal from its votes
    (:mod:`fer_core.data.circumplex`) and weak action units from blendshape scores: as the coders of CK+ saw them where
    that is there too (:mod:`fer_core.data.weak_au`), else by the names of the blendshapes
    (:mod:`fer_core.data.named_au`); none where the table of scores is not there. The others have the labels that their
    readers find.

    Args:
        root: folder of the archives.
        datasets: names of the registry (:mod:`fer_core.data.readers.registry`).
        weak_au: whether to make the weak action units; with CK+ they need scikit-learn.

    Raises:
        DataError: when a data set is unknown, or a file or column is missing.
    """
    samples: dict[str, list[Sample]] = {}
    about: dict[str, Any] = {"dropped": {}}
    for name, info in {name: find_dataset(name) for name in datasets}.items():
        samples[name], about["dropped"][name] = info.samples(root)
    if samples.keys() >= _VOTED:
        _make_labels(root, samples, about, weak_au=weak_au)
    return samples, about


def _make_labels(root: Path, samples: dict[str, list[Sample]], about: dict[str, Any], *, weak_au: bool) -> None:
    """Gives FER+ valence-arousal and weak action units, and tells ``about`` how."""
    fit = [s for s in samples[DIFFUSIONFER] if s.split == "train"]
    reconciliation = CircumplexReconciliation.fit(
        load_affectnet_c25(root / C25_FOLDER),
        np.stack([s.votes for s in fit]).astype(np.float64),
        np.stack([s.va for s in fit]).astype(np.float64),
    )
    va = reconciliation.apply(np.stack([s.votes for s in samples[FERPLUS]]).astype(np.float64))
    samples[FERPLUS] = [replace(s, va=pair.astype(np.float32)) for s, pair in zip(samples[FERPLUS], va, strict=True)]
    if weak_au and not (root / BLENDSHAPES).is_file():
        about["weak_au"] = {"missing": BLENDSHAPES, "units_kept": [], "images": 0}
    elif weak_au:
        samples[FERPLUS], about["weak_au"] = _add_weak_au(root, samples[FERPLUS], samples.get(CKPLUS))
    about["circumplex"] = reconciliation.to_dict()
    about["va_class_means"] = {name: _class_means(samples[name]) for name in (FERPLUS, DIFFUSIONFER)}


def prepare(
    root: Path,
    out: Path,
    processes: int,
    geometry: CropGeometry = DEFAULT_GEOMETRY,
    *,
    datasets: Sequence[str] = DEFAULT_DATASETS,
) -> dict[str, Any]:
    """Writes ``out/<dataset>.npz`` and ``out/manifest.json``; returns the manifest.

    Args:
        root: folder of the archives.
        out: made when missing.
        processes: that align faces.
        geometry: of the crops.
        datasets: names of the registry, each once; ``folder:mine`` becomes ``mine.npz``.

    Raises:
        DataError: when a data set is unknown, a file or column is missing, or an image cannot be read.
    """
    if set(datasets) >= _VOTED | {CKPLUS}:
        importlib.import_module("fer_core.data.weak_au")  # a missing package is told before anything is read
    out.mkdir(parents=True, exist_ok=True)
    samples, about = read_labelled(root, datasets=datasets)
    manifest: dict[str, Any] = {
        "geometry": geometry.to_dict(),
        "expressions": EXPRESSIONS,
        "action_units": ACTION_UNITS,
        "datasets": {},
        "labels": about,
    }
    for name, listed in samples.items():
        path = out / f"{name.rpartition(':')[2]}.npz"
        archive = find_dataset(name).archive
        states = list(map(Archive(root, archive).state, (s.path for s in listed)))
        jpegs, sources = _crops(root, archive, listed, states, geometry, processes, path)
        build_shard(name, geometry, listed, jpegs, sources, states).save(path)
        manifest["datasets"][name] = {
            "images": dict(Counter(s.split for s in listed)),
            "landmarks": dict(Counter(sources)),
            "landmark_coverage": 1 - sources.count("none") / len(sources),
            "dropped": about["dropped"][name],
            "expressions": dict(Counter(EXPRESSIONS[int(np.argmax(s.votes))] for s in listed if _is_rated(s))),
            "bytes": path.stat().st_size,
        }
    (out / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return manifest


def load_shards(folder: Path) -> list[Shard]:
    """The shards of a prepared folder.

    Raises:
        DataError: when it holds none.
    """
    paths = sorted(folder.glob("*.npz"))
    if not paths:
        raise DataError(f"{folder} holds no shards; make them with: fer-core prepare --root DATA --out {folder}")
    return [Shard.load(p) for p in paths]


def _is_rated(sample: Sample) -> bool:
    return bool(np.isfinite(sample.votes).all())


def _crops(
    root: Path,
    archive: str,
    samples: Sequence[Sample],
    states: list[str],
    geometry: CropGeometry,
    processes: int,
    path: Path,
) -> tuple[list[bytes], list[str]]:
    paths = [s.path for s in samples]
    known = _known(path)
    if known and (known.geometry, known.path.tolist(), known.state.tolist()) == (geometry, paths, states):
        return known.jpegs, known.landmark_source.tolist()
    with aligned_crops(root, archive, paths, geometry, processes) as crops:
        found = [
            (encode_crop(crop), source) for crop, source in tqdm(crops, desc=archive, total=len(paths), unit="image")
        ]
    return [jpeg for jpeg, _ in found], [source for _, source in found]


def _known(path: Path) -> Shard | None:
    try:
        return Shard.load(path)
    except DataError:  # absent, damaged, or of an older version: it is made anew
        return None


def _add_weak_au(
    root: Path, ferplus: Sequence[Sample], ckplus: Sequence[Sample] | None
) -> tuple[list[Sample], dict[str, Any]]:
    table = load_blendshapes(root / BLENDSHAPES)
    rows, weak_table = table.select(FERPLUS, [s.path for s in ferplus])
    units, about = _coded_units(table, weak_table, ckplus) if ckplus else _named_units(weak_table)
    labelled = list(ferplus)
    for row, au in zip(rows, units, strict=True):
        labelled[row] = replace(labelled[row], au=au, au_weight=WEAK_AU_WEIGHT)
    return labelled, {**about, "images": len(rows)}


def _coded_units(
    table: BlendshapeTable, wanted: BlendshapeTable, ckplus: Sequence[Sample]
) -> tuple[Floats, dict[str, Any]]:
    from fer_core.data.weak_au import WeakAuModel  # needs scikit-learn, which evaluation does without

    train = [s for s in ckplus if s.split == "train"]
    kept, fit_table = table.select(CKPLUS, [s.path for s in train])
    coded = [train[i] for i in kept]
    model = WeakAuModel.fit(fit_table, np.stack([s.au for s in coded]), [s.subject for s in coded])
    auc = {str(u): a if np.isfinite(a) else None for u, a in model.auc.items()}
    return model.predict(wanted), {"auc_on_ckplus_train_subjects": auc, "units_kept": sorted(model.regressions)}


def _named_units(wanted: BlendshapeTable) -> tuple[Floats, dict[str, Any]]:
    return named_units(wanted), {"units_kept": sorted(NAMED_BLENDSHAPES)}


def _class_means(samples: Sequence[Sample]) -> dict[str, list[float] | None]:
    """Mean valence and arousal of the images whose majority vote is each expression."""
    votes, va = np.stack([s.votes for s in samples]), np.stack([s.va for s in samples])
    majority = votes.argmax(axis=1)
    means: dict[str, list[float] | None] = {}
    for index, name in enumerate(EXPRESSIONS):
        chosen = va[majority == index]
        means[name] = [round(float(m), 3) for m in chosen.mean(axis=0)] if len(chosen) else None
    return means
