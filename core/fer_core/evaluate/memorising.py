"""Whether a generator repeats the images that it was trained on.

For each generated image the distance to the nearest training image, in the features of a network, against the same
distance of held-out photographs: a generator that copies is nearer to the training images than new photographs are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fer_core.evaluate.metrics import Reals

#: Held-out images nearer than this share of them mark what counts as a copy.
COPY_SHARE = 0.05
_ROWS = 256


@dataclass(frozen=True, slots=True)
class Memorising:
    """Of generated and held-out images; NaN without any."""

    median_generated: float
    """Distance to the nearest training image."""
    median_held_out: float
    share_nearer: float
    """Share of the generated images nearer to a training image than all but ``COPY_SHARE`` of the held-out ones; about
    ``COPY_SHARE`` when they are as new as photographs, 1 when all are copies."""


def nearest(features: Reals, gallery: Reals) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.intp]]:
    """Euclidean distance (N,) of each row (N, F) to the nearest of the gallery (M, F), and which it is (N,).

    Raises:
        ValueError: when the shapes do not fit, or the gallery is empty.
    """
    if features.ndim != 2 or gallery.ndim != 2 or features.shape[1] != gallery.shape[1] or not len(gallery):
        raise ValueError(
            f"need features (N, F) and a gallery (M, F), M at least 1, got {features.shape}, {gallery.shape}"
        )
    wide = gallery.astype(np.float64)
    lengths = np.square(wide).sum(axis=1)
    distance, place = np.empty(len(features)), np.empty(len(features), np.intp)
    for first in range(0, len(features), _ROWS):
        rows = features[first : first + _ROWS].astype(np.float64)
        found = (lengths - 2 * rows @ wide.T).argmin(axis=1)  # the rows' own lengths change no order
        place[first : first + _ROWS] = found
        distance[first : first + _ROWS] = np.linalg.norm(rows - wide[found], axis=1)  # exact where it is 0
    return distance, place


def memorising(generated: Reals, training: Reals, held_out: Reals) -> Memorising:
    """The check, from features (N, F), (M, F) and (K, F).

    Raises:
        ValueError: when the shapes do not fit, or there is no training image.
    """
    made, new = nearest(generated, training)[0], nearest(held_out, training)[0]
    if not len(made) or not len(new):
        medians = [float(np.median(d)) if len(d) else float("nan") for d in (made, new)]
        return Memorising(medians[0], medians[1], float("nan"))
    limit = np.quantile(new, COPY_SHARE)
    return Memorising(float(np.median(made)), float(np.median(new)), float((made < limit).mean()))
