"""Soft action-unit labels without one coded face: each unit from the blendshapes that are named after its movement.

:mod:`fer_core.data.weak_au` learns from FACS coders how blendshape scores tell a unit. Their faces (CK+) are for
research only. What does without them is the meaning of the names: *mouth smile* is the lip corner puller, unit 12,
*brow inner up* the inner brow raiser, unit 1. How high a score stands for a present unit the names do not say, so each
is counted from its own low to its own high percentile over the faces to be labelled. The labels tell rank and
direction, not intensity, and nobody has checked them against people.
"""

from __future__ import annotations

import numpy as np

from fer_core.data.blendshapes import SOFT_RANGE, BlendshapeTable, both_sides
from fer_core.labels import ACTION_UNITS
from fer_core.types import Floats

#: Percentiles of a score between which a label rises from 0 to 1.
LOW, HIGH = 5.0, 99.0

#: Blendshapes whose movement is the unit's. Nose sneer and cheek squint of the landmarker never fire: unit 9 has none,
#: and unit 6 takes the smile with narrowed eyes. 23 and 27 have no blendshape of their own.
NAMED_BLENDSHAPES: dict[int, tuple[str, ...]] = {
    1: ("browInnerUp",),
    2: both_sides("browOuterUp"),
    4: both_sides("browDown"),
    5: both_sides("eyeWide"),
    6: both_sides("mouthSmile", "eyeSquint"),
    7: both_sides("eyeSquint"),
    10: both_sides("mouthUpperUp"),
    12: both_sides("mouthSmile"),
    14: both_sides("mouthDimple"),
    15: both_sides("mouthFrown"),
    17: ("mouthShrugLower",),
    20: both_sides("mouthStretch"),
    24: both_sides("mouthPress"),
    25: both_sides("mouthLowerDown"),
    26: ("jawOpen",),
}


def named_units(table: BlendshapeTable) -> Floats:
    """(N, len(ACTION_UNITS)) soft presence within ``SOFT_RANGE`` of the N images; NaN for units without a blendshape.

    Raises:
        DataError: when a blendshape is not in the table.
    """
    labels = np.full((len(table.paths), len(ACTION_UNITS)), np.nan, np.float32)
    if not table.paths:
        return labels
    for unit, names in NAMED_BLENDSHAPES.items():
        scores = table.columns(names)
        low, high = np.percentile(scores, (LOW, HIGH), axis=0)
        share = (scores - low) / np.maximum(high - low, 1e-6)
        labels[:, ACTION_UNITS.index(unit)] = np.clip(share.mean(axis=1), *SOFT_RANGE)
    return labels
