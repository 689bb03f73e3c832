"""Classes of the valence-arousal plane and the movements that show each.

Source: Kollias et al. (2020), section 4.5.1: agglomerative clustering of the annotations (Ward linkage, Euclidean
distance), one face a class. They have 600,000 meshes and 550 classes; we have 1,280 people with human annotations, so
as many classes as leave ``MEMBERS`` to a class on average. Where we deviate: the mean face of different people who show
different expressions is nearly neutral. Here the members say *which* expressions occur in a class; among such mixtures
the class takes those in which a viewer sees the valence and arousal of its centre.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import fcluster, linkage

from fer_core.augment.affect3d.making.response import Viewer
from fer_core.augment.affect3d.model import AffectModel
from fer_core.types import Floats

#: People a class on average; fewer would show who they are rather than what they show.
MEMBERS = 20
#: How much a mixture that the members do not show counts against it, in squared units of valence and arousal.
_COMPOSITION_WEIGHT = 0.05
#: How much strong movements count against a mixture.
_EFFORT_WEIGHT = 0.012
_BEST = 8
_CODES = {1: "happiness", 2: "sadness", 3: "surprise", 4: "fear", 5: "disgust", 6: "anger"}


def read_annotations(root: Path) -> tuple[Floats, npt.NDArray[np.str_]]:
    """Valence-arousal (N, 2) and expression (N,) of DiffusionFER, as people annotated them."""
    va, names = [], []
    with (root / "diffusionfer/dataset_sheet.csv").open(newline="") as file:
        for line in csv.DictReader(file):
            va.append((float(line["valence"]), float(line["arousal"])))
            names.append(_CODES.get(int(line["expression"]), "neutral"))
    return np.array(va, np.float32), np.array(names)


def va_classes(va: Floats, members: int = MEMBERS) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Centres (C, 2) and class of each annotation (N,), by Ward clustering.

    Raises:
        ValueError: when there are fewer annotations than would fill two classes.
    """
    if len(va) < 2 * members:
        raise ValueError(f"{len(va)} annotations are too few for classes of {members}; add data or lower members")
    labels = fcluster(linkage(va, method="ward"), len(va) // members, criterion="maxclust") - 1
    centres = np.stack([va[labels == c].mean(axis=0) for c in range(labels.max() + 1)])
    return centres.astype(np.float32), labels.astype(np.intp)


def composition(centres: Floats, va: Floats, names: npt.NDArray[np.str_], expressions: tuple[str, ...]) -> Floats:
    """(C, E): shares of the expressions around each centre, without neutral, sum 1."""
    squared = ((centres[:, None] - va[None]) ** 2).sum(axis=2)
    kernel = np.exp((squared.min(axis=1, keepdims=True) - squared) / (2 * 0.12**2))
    shares = np.stack([kernel[:, names == e].sum(axis=1) for e in expressions], axis=1) + 1e-6
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float32)


def mixtures(model: AffectModel, count: int, seed: int = 3) -> tuple[Floats, Floats]:
    """Random mixtures of one or two expressions, some with drooping lids: strengths (N, U) and amounts (N, E)."""
    rng = np.random.default_rng(seed)
    expressions = len(model.expression_names)
    amounts = np.zeros((count, expressions), np.float32)
    for row in amounts:
        first, second = rng.choice(expressions, 2, replace=False)
        row[first] = rng.uniform(0.15, 1.35)
        if rng.random() < 0.4:
            row[second] = rng.uniform(0.1, 0.6)
    weights = amounts @ model.expression_weights
    droop = rng.uniform(0.1, 0.6, count) * (rng.random(count) < 0.3)
    units = list(model.unit_names)
    weights[:, units.index("au43")] += droop
    # A faint expression has its lips closed: they part later than the rest moves.
    weights[:, units.index("au25")] *= np.clip(amounts.max(axis=1), 0, 1) ** 1.5
    return weights.astype(np.float32), amounts


def class_weights(
    viewer: Viewer, model: AffectModel, centres: Floats, shares: Floats, count: int = 420
) -> tuple[Floats, Floats]:
    """Strengths (C, U) of each class, and the valence-arousal (C, 2) that a viewer sees in the chosen mixtures."""
    weights, amounts = mixtures(model, count)
    _, seen = viewer.see(model, weights)
    share = amounts / amounts.sum(axis=1, keepdims=True)
    overlap = np.minimum(share[None], shares[:, None]).sum(axis=2) / np.maximum(shares.max(axis=1)[:, None], 0.5)
    cost = (
        ((seen[None] - centres[:, None]) ** 2).sum(axis=2)
        + _COMPOSITION_WEIGHT * (1 - np.minimum(overlap, 1))
        + _EFFORT_WEIGHT * np.linalg.norm(amounts, axis=1)[None]
    )
    best = np.argsort(cost, axis=1)[:, :_BEST]
    least = np.take_along_axis(cost, best, axis=1)
    trust = np.exp((least[:, :1] - least) / 0.02)[..., None]
    total = trust.sum(axis=1)
    return (weights[best] * trust).sum(axis=1) / total, (seen[best] * trust).sum(axis=1) / total
