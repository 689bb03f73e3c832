"""From strengths of movements to the moved mesh of a person."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from fer_core.augment.affect3d.fitting import FittedFace
from fer_core.augment.affect3d.model import AffectModel
from fer_core.augment.affect3d.topology import (
    LEFT_LID_PAIRS,
    LID_CREASE_PAIRS,
    LID_EDGE_PAIRS,
    LIP_PAIRS,
    LOWER_LIP_ROWS,
    RIGHT_LID_PAIRS,
    UPPER_LIP_ROWS,
    Indices,
)
from fer_core.faces.canonical import canonical_mesh
from fer_core.types import Floats

#: The movement that closes the lids: how far they are apart differs between people, so it is scaled to the person.
LID_UNIT = "au43"
#: Lids open at most this much more than in the photograph: what lies behind them is not known.
MAX_LID_OPENING = 1.25
#: A raised brow unfolds the skin below it and hardly stretches that with lashes, shadow and make-up: greatest stretch
#: from the edge of the lid to its crease, and from there to the next points.
LID_STRETCHES = ((LID_EDGE_PAIRS, 1.15), (LID_CREASE_PAIRS, 2.0))
#: Closed lips stay apart by what the photograph shows between them, up to this: the dark line in which they meet.
SEAM_CM = 0.1
#: Rows of a lip come as near to each other as this share of their distance, so that lips grow thin but do not fold.
LIP_SQUEEZE = 0.35


def moved_mesh(fit: FittedFace, weights: Floats, model: AffectModel) -> Floats:
    """(468, 3): the face with strengths (U,) of the model's movements, in canonical centimetres.

    Lids and lips meet but never cross, closed lips keep the line between them, and lids open no further than the
    photograph can fill.
    """
    shapes = model.unit_shapes_cm
    strengths = np.asarray(weights, np.float32).copy()
    lid = list(model.unit_names).index(LID_UNIT)
    strengths[lid] *= _lid_scale(fit.mesh_cm)
    moved = fit.mesh_cm + np.tensordot(strengths, shapes, axes=1)
    for pairs in (RIGHT_LID_PAIRS, LEFT_LID_PAIRS):
        _limit_lids(moved, fit.mesh_cm, pairs)
    for pairs, stretch in LID_STRETCHES:
        _limit_stretch(moved, fit.mesh_cm, pairs, stretch)
    _limit_lips(moved, fit.mesh_cm)
    return moved.astype(np.float32)


def _opening(mesh_cm: Floats) -> float:
    lids = np.concatenate([RIGHT_LID_PAIRS, LEFT_LID_PAIRS])
    return float((mesh_cm[lids[:, 1], 1] - mesh_cm[lids[:, 0], 1]).max())


def _lid_scale(mesh_cm: Floats) -> float:
    return float(np.clip(_opening(mesh_cm) / _opening(canonical_mesh().vertices_cm), 0.3, 1.5))


def _limit_lids(moved: Floats, rest: Floats, pairs: Indices) -> None:
    upper, lower = pairs[:, 0], pairs[:, 1]
    before = np.maximum(rest[lower, 1] - rest[upper, 1], 0)
    gap = moved[lower, 1] - moved[upper, 1]
    wanted = np.clip(gap, np.minimum(before, 0.02), before * MAX_LID_OPENING)
    # The upper lid does most of the closing.
    moved[upper, 1] += 0.85 * (gap - wanted)
    moved[lower, 1] -= 0.15 * (gap - wanted)


def _limit_stretch(moved: Floats, rest: Floats, pairs: Indices, stretch: float) -> None:
    below, above = pairs[:, 0], pairs[:, 1]
    most = stretch * np.maximum(rest[below, 1] - rest[above, 1], 0)
    moved[above, 1] += np.maximum(moved[below, 1] - moved[above, 1] - most, 0)


def _limit_lips(moved: Floats, rest: Floats) -> None:
    upper, lower = LIP_PAIRS[:, 0], LIP_PAIRS[:, 1]
    least = np.minimum(rest[lower, 1] - rest[upper, 1], SEAM_CM)
    half = 0.5 * np.maximum(least - (moved[lower, 1] - moved[upper, 1]), 0.0)
    for rows, outwards in ((UPPER_LIP_ROWS, -1), (LOWER_LIP_ROWS, 1)):
        pushed = half
        moved[rows[0], 1] += outwards * pushed
        for inner, outer in pairwise(rows):
            least = LIP_SQUEEZE * np.maximum(outwards * (rest[outer, 1] - rest[inner, 1]), 0)
            pushed = np.clip(least - outwards * (moved[outer, 1] - moved[inner, 1]), 0, pushed)
            moved[outer, 1] += outwards * pushed


def to_pixels(fit: FittedFace, moved_cm: Floats) -> Floats:
    """(468, 2): a moved mesh in the photograph. The mesh as fitted goes back exactly to where it was."""
    turned = (moved_cm - fit.mesh_cm) @ fit.alignment.rotation.T * fit.alignment.scale_px_per_cm
    pixels: Floats = (fit.landmarks_px[:, :2] + turned[:, :2]).astype(np.float32)
    return pixels
