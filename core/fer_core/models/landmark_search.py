"""Where the 68 landmarks of iBUG lie on a mesh that does not say so: Basel and LSFM deliver no list.

The canonical face mesh, whose landmarks are known, is laid onto the mean of the model by iterative closest points (Besl
& McKay 1992) with a similarity and trimming; the vertices next to its landmarks are taken. On ICT-FaceKit, which has a
list, the 51 inner points come to lie 0.3 cm from it in the median, 0.7 at most, the jaw line 1 cm: a start for a fit,
no annotation. Needs scipy.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from fer_core.faces.canonical import canonical_mesh
from fer_core.faces.similarity import Doubles, Similarity, fit_similarity
from fer_core.models.morphable import MorphableModel
from fer_core.record.ibug68 import ibug68_from_mesh

_Nearest = Callable[[Doubles], tuple[Doubles, npt.NDArray[np.intp]]]

_NOSE_TIP = 4
#: Points of the canonical face farther than this quantile count as lying off the model: hair, ears, open mouths.
_TRIM = 0.8
_ROUNDS = 40
#: Size of the canonical face relative to the width of the model, which may be a mask or a whole head.
_SIZES = (0.55, 0.7, 0.85, 1.0)


def find_landmarks(model: MorphableModel) -> npt.NDArray[np.int32]:
    """(68,): vertices of the model next to the points of iBUG 68, for a model in this project's axes.

    Raises:
        ImportError: when scipy is missing.
    """
    from scipy.spatial import cKDTree

    mean = model.shape.mean
    tree = cKDTree(mean)
    canonical = canonical_mesh().vertices_cm.astype(np.float64)
    width = float(np.ptp(mean[:, 0]) / np.ptp(canonical[:, 0]))
    # The tip of the nose is what sticks out most, near the middle.
    near_middle = np.abs(mean[:, 0] - np.median(mean[:, 0])) < 0.1 * np.ptp(mean[:, 0])
    tip = mean[np.where(near_middle, mean[:, 2], np.inf).argmin()]
    tried = [_closest(canonical, mean, tree.query, size * width, tip) for size in _SIZES]
    found = min(tried, key=lambda pair: pair[1])[0]
    places = ibug68_from_mesh(found.apply(canonical).astype(np.float32))
    return np.asarray(tree.query(places)[1], np.int32)


def _closest(
    canonical: Doubles, mean: Doubles, nearest: _Nearest, scale: float, tip: Doubles
) -> tuple[Similarity, float]:
    """The similarity from one start, and the trimmed mean distance relative to its size."""
    placed = Similarity(np.eye(3), scale, tip - scale * canonical[_NOSE_TIP])
    error = float("inf")
    for _ in range(_ROUNDS):
        distance, index = nearest(placed.apply(canonical))
        kept = distance <= np.quantile(distance, _TRIM)
        new = float(distance[kept].mean()) / placed.scale
        if new > error * (1 - 1e-4):
            break
        error = new
        placed = fit_similarity(canonical[kept], mean[index[kept]])
    return placed, error
