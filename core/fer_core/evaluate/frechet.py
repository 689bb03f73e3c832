"""Distance of two sets of images in the features of a network.

Source: M. Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium", NeurIPS
2017, eq. 6: ``|m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2))``. Their features are Inception's; ours are whatever is
passed, so figures of other features cannot be compared with these. The estimate is biased upwards, the more the fewer
images there are: compare sets of one size, and give the distance of two sets of photographs beside it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fer_core.evaluate.metrics import Reals


def frechet_distance(first: Reals, second: Reals) -> float:
    """Fréchet distance of the Gaussians with the moments of two sets, 0 or more; NaN when one has fewer than two rows.

    Args:
        first: features (N, F).
        second: features (M, F).

    Raises:
        ValueError: when the shapes do not fit, or a feature is not finite.
    """
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1]:
        raise ValueError(f"need features (N, F) and (M, F), got {first.shape} and {second.shape}")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("features must be finite; leave out the images without features")
    if min(len(first), len(second)) < 2:
        return float("nan")
    a, b = first.astype(np.float64), second.astype(np.float64)
    covariance_a, covariance_b = _covariance(a), _covariance(b)
    # tr((C_a C_b)^(1/2)) by a symmetric matrix with the same eigenvalues, which keeps them real.
    values, vectors = np.linalg.eigh(covariance_a)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    shared = np.sqrt(np.linalg.eigvalsh(root @ covariance_b @ root).clip(0)).sum()
    apart = a.mean(axis=0) - b.mean(axis=0)
    distance = float(apart @ apart + np.trace(covariance_a) + np.trace(covariance_b) - 2 * shared)
    return max(distance, 0.0)


def _covariance(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    apart = rows - rows.mean(axis=0)
    covariance: npt.NDArray[np.float64] = apart.T @ apart / (len(rows) - 1)
    return covariance
