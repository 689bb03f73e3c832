"""A mean and the directions in which samples vary: the form of shape (eq. 1) and of texture (eq. 3).

Source: Kollias et al., "Deep neural network augmentation: generating faces for affect analysis" (2020), section 3.4:
``S(p) = mean + U p``. Needs numpy alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

#: Share of the variance that the paper keeps.
EXPLAINED = 0.995


@dataclass(frozen=True, slots=True)
class LinearModel:
    """Mean and components of N points with C values each: coordinates, colours or features."""

    mean: Doubles
    """(N, C)"""
    components: Doubles
    """(K, N, C); orthonormal over all values where they are principal components."""
    variances: Doubles
    """(K,), of a parameter over people."""
    explained: float
    """Share of the whole variance of the samples; NaN where a file does not say."""

    def instance(self, parameters: npt.ArrayLike) -> Doubles:
        """(N, C): the sample with parameters (k,), k <= K; the rest are 0."""
        used = np.asarray(parameters, np.float64)
        return np.asarray(self.mean + np.tensordot(used, self.components[: len(used)], axes=1))

    def parameters(self, sample: npt.ArrayLike) -> Doubles:
        """(K,): least-squares parameters of a sample (N, C), that is in the axes and place of the mean."""
        basis = self.components.reshape(len(self.components), -1)
        rest = (np.asarray(sample, np.float64) - self.mean).ravel()
        return np.asarray(np.linalg.lstsq(basis.T, rest, rcond=None)[0])

    def at(self, points: npt.ArrayLike) -> LinearModel:
        """The same model of some of the points (n,), in their order."""
        chosen = np.asarray(points)
        return LinearModel(self.mean[chosen], self.components[:, chosen], self.variances, self.explained)

    def first(self, count: int) -> LinearModel:
        """The same model with the first components only."""
        kept = min(count, len(self.variances))
        share = self.explained * float(self.variances[:kept].sum() / self.variances.sum())
        return LinearModel(self.mean, self.components[:kept], self.variances[:kept], share)


def principal_components(samples: Doubles, explained: float = EXPLAINED) -> LinearModel:
    """Mean and as many principal components of samples (M, N, C) as explain a share of the variance.

    Raises:
        ValueError: when there are fewer than two samples, or the share is not in (0, 1].
    """
    if samples.ndim != 3 or len(samples) < 2:
        raise ValueError(f"samples are {samples.shape}; needed are at least two, (M, N, C)")
    if not 0 < explained <= 1:
        raise ValueError(f"explained is {explained:g}; it must lie in (0, 1]")
    mean = samples.mean(axis=0)
    flat = (samples - mean).reshape(len(samples), -1)
    _, singular, directions = np.linalg.svd(flat, full_matrices=False)
    variances = singular**2 / (len(samples) - 1)
    share = np.cumsum(variances) / variances.sum()
    count = min(int(np.searchsorted(share, explained - 1e-12)) + 1, len(samples) - 1)
    return LinearModel(mean, directions[:count].reshape(count, *mean.shape), variances[:count], float(share[count - 1]))
