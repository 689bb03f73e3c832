"""The similarity (rotation, one scale, shift; no reflection) that brings points to points in the least squares.

Source: Umeyama, "Least-squares estimation of transformation parameters between two point patterns" (1991), eq. 40-42,
here with weights. Head pose, Procrustes analysis and the carrying over of shapes between meshes all use it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Similarity:
    """``target = scale * rotation @ source + shift``."""

    rotation: Doubles
    """(3, 3), determinant +1."""
    scale: float
    shift: Doubles
    """(3,), units of the target."""

    def apply(self, points: npt.ArrayLike) -> Doubles:
        """(..., 3): points of the source in the place of the target."""
        return np.asarray(self.scale * (self.turn(points)) + self.shift)

    def turn(self, vectors: npt.ArrayLike) -> Doubles:
        """(..., 3): directions of the source in the axes of the target, their length kept."""
        return np.asarray(np.asarray(vectors, np.float64) @ self.rotation.T)

    def undo(self, points: npt.ArrayLike) -> Doubles:
        """(..., 3): inverse of :meth:`apply`."""
        return np.asarray((np.asarray(points, np.float64) - self.shift) @ self.rotation / self.scale)


def fit_similarity(source: npt.ArrayLike, target: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> Similarity:
    """Bring a source to a target.

    Args:
        source: (N, 3).
        target: (N, 3), in the same order.
        weights: (N,), not negative; all alike if not given.

    Raises:
        ValueError: when the shapes differ, or the source has no extent.
    """
    a, b = np.asarray(source, np.float64), np.asarray(target, np.float64)
    if a.ndim != 2 or a.shape[1] != 3 or a.shape != b.shape:
        raise ValueError(f"source is {a.shape}, target {b.shape}: both must be (N, 3), point by point")
    share = np.full(len(a), 1 / len(a)) if weights is None else np.asarray(weights, np.float64) / np.sum(weights)
    source_centre, target_centre = share @ a, share @ b
    a, b = a - source_centre, b - target_centre
    variance = float(share @ (a**2).sum(axis=1))
    if not variance > 0:
        raise ValueError("the source has no extent: all its points coincide, or have no weight")
    rotation, scale = rotation_and_scale(b.T @ (share[:, None] * a), variance)
    return Similarity(rotation, scale, target_centre - scale * rotation @ source_centre)


def rotation_and_scale(covariance: Doubles, source_variance: float) -> tuple[Doubles, float]:
    """Rotation (3, 3) and scale from what a caller may have computed before.

    Args:
        covariance: (3, 3), sum of weight times target times source, both about their weighted centres.
        source_variance: weighted mean of the squared distance of the source from its centre.
    """
    left, singular, right = np.linalg.svd(covariance)
    (a, b, c), (d, e, f), (g, h, i) = (left @ right).tolist()
    if a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g) < 0:
        # The best fit would mirror: turn the weakest direction round (eq. 43).
        left[:, 2] *= -1
        singular[2] *= -1
    return left @ right, float(singular.sum()) / source_variance
