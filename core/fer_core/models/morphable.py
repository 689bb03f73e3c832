"""A linear model of the shape of faces.

Source: Kollias et al., "Deep neural network augmentation: generating faces for affect analysis" (2020), section 3.4,
eq. 1: generalised Procrustes analysis removes place, turn and size, principal components describe what remains,
``S(p) = mean + U p``. Needs numpy alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ShapeModel:
    """Mean and components of shapes of N points."""

    mean: Doubles
    """(N, 3), centre at the origin, root mean square distance of the points from it 1."""
    components: Doubles
    """(K, N, 3), orthonormal over all coordinates."""
    variances: Doubles
    """(K,), of the training shapes along each component, falling."""
    explained: float
    """Share of the whole variance."""

    def shape(self, parameters: Doubles) -> Doubles:
        """(N, 3): the shape with parameters (k,), k <= K; eq. 1."""
        used = np.asarray(parameters, np.float64)
        return np.asarray(self.mean + np.tensordot(used, self.components[: len(used)], axes=1))

    def parameters(self, shape: Doubles) -> Doubles:
        """(K,): parameters of a shape (N, 3), after a similarity has brought it to the mean."""
        return np.asarray(np.tensordot(self.components, align_similarity(shape, self.mean) - self.mean, axes=2))

    def save(self, path: Path) -> None:
        """Write as .npz."""
        np.savez_compressed(
            path, mean=self.mean, components=self.components, variances=self.variances, explained=self.explained
        )

    @classmethod
    def load(cls, path: Path) -> ShapeModel:
        """Inverse of :meth:`save`.

        Raises:
            KeyError: when an array is missing.
        """
        with np.load(path) as arrays:
            return cls(arrays["mean"], arrays["components"], arrays["variances"], float(arrays["explained"]))


def align_similarity(shape: Doubles, target: Doubles) -> Doubles:
    """Shape (N, 3) brought to a target (N, 3) by rotation, one scale and shift (Umeyama 1991), without reflection."""
    source_centre, target_centre = shape.mean(axis=0), target.mean(axis=0)
    a, b = shape - source_centre, target - target_centre
    left, singular, right = np.linalg.svd(b.T @ a)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(left) * np.linalg.det(right))])
    scale = float(singular @ sign / (a**2).sum())
    return np.asarray(scale * a @ ((left * sign) @ right).T + target_centre)


def procrustes(shapes: Doubles, rounds: int = 10, tolerance: float = 1e-8) -> tuple[Doubles, Doubles]:
    """Generalised Procrustes analysis (Gower 1975).

    Args:
        shapes: (M, N, 3).
        rounds: at most.
        tolerance: mean squared change of the mean at which to stop.

    Returns:
        The aligned shapes (M, N, 3) and their mean (N, 3), centred and of unit size.
    """
    mean = _unit(shapes[0])
    for _ in range(rounds):
        aligned = np.stack([align_similarity(shape, mean) for shape in shapes])
        new = _unit(aligned.mean(axis=0))
        change = float(((new - mean) ** 2).mean())
        mean = new
        if change < tolerance:
            break
    return np.stack([align_similarity(shape, mean) for shape in shapes]), mean


def fit_shape_model(shapes: Doubles, explained: float = 0.995) -> ShapeModel:
    """Procrustes and principal components of shapes (M, N, 3), as many as explain a share of the variance.

    Raises:
        ValueError: when there are fewer than two shapes, or the share is not in (0, 1].
    """
    if shapes.ndim != 3 or shapes.shape[0] < 2 or shapes.shape[2] != 3:
        raise ValueError(f"shapes are {shapes.shape}; needed are at least two, (M, N, 3)")
    if not 0 < explained <= 1:
        raise ValueError(f"explained is {explained:g}; it must lie in (0, 1]")
    aligned, _ = procrustes(shapes)
    mean = aligned.mean(axis=0)
    flat = (aligned - mean).reshape(len(shapes), -1)
    _, singular, directions = np.linalg.svd(flat, full_matrices=False)
    variances = singular**2 / (len(shapes) - 1)
    share = np.cumsum(variances) / variances.sum()
    count = min(int(np.searchsorted(share, explained - 1e-12)) + 1, len(shapes) - 1)
    return ShapeModel(mean, directions[:count].reshape(count, *mean.shape), variances[:count], float(share[count - 1]))


def _unit(shape: Doubles) -> Doubles:
    centred = shape - shape.mean(axis=0)
    return np.asarray(centred / np.sqrt((centred**2).sum(axis=1).mean()))
