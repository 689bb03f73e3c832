"""Many features on a plane: principal components."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fer_core.evaluate.metrics import Reals


def principal_components(features: Reals, count: int = 2) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Coordinates (N, count) along the directions of greatest variance, and the share of the variance of each (count,).

    The sign of a direction is such that its largest loading is positive, so that a picture repeats. Without any
    variance the shares are NaN.

    Args:
        features: (N, F), without NaN.
        count: of directions, at most N and F.

    Raises:
        ValueError: for another shape, NaN, or more directions than there can be.
    """
    table = np.asarray(features, np.float64)
    if table.ndim != 2 or not 1 <= count <= min(table.shape):
        raise ValueError(
            f"features of shape {table.shape} have no {count} components; give (N, F) with N, F >= {count}"
        )
    if not np.isfinite(table).all():
        raise ValueError("features must be finite; leave out the faces without features")
    left, scale, directions = np.linalg.svd(table - table.mean(axis=0), full_matrices=False)
    largest = np.abs(directions[:count]).argmax(axis=1)
    signs = np.sign(directions[np.arange(count), largest])
    signs[signs == 0] = 1
    variance = scale**2
    shares = variance[:count] / variance.sum() if variance.sum() > 0 else np.full(count, np.nan)
    return left[:, :count] * scale[:count] * signs, shares
