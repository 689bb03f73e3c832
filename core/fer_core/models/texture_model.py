"""Principal components of textures with holes and foreign matter: robust PCA with missing values.

Source: Kollias et al. (2020), section 3.4.1: parts of a texture are missing where the face hides itself, and are
completed by robust PCA with missing values (Shang et al. 2014) before PCA gives eq. 3. Where we deviate: instead of the
nuclear norm and an augmented Lagrangian, values that a low-rank model misses by far are left out like missing ones
(trimming), and both are filled from the model, in turns: the same alternation, one eigenproblem a turn. The rank grows
over the first turns, for a model of full rank would begin by explaining what is foreign.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fer_core.models.linear_model import Doubles, LinearModel

#: A value is foreign when it is off by more than this many standard deviations of its own column.
_TRIM = 3.5


@dataclass(frozen=True, slots=True)
class Completed:
    """Samples without holes."""

    samples: Doubles
    """(M, N, C): as given where trusted, the model's elsewhere."""
    trusted: npt.NDArray[np.bool_]
    """(M, N)"""


def robust_components(
    samples: npt.ArrayLike, known: npt.NDArray[np.bool_], count: int, rounds: int = 12, tolerance: float = 1e-4
) -> tuple[LinearModel, Completed]:
    """Mean and principal components of samples of which parts are missing or wrong.

    Args:
        samples: (M, N, C); what is not known may hold anything.
        known: (M, N).
        count: of components K, fewer than M.
        rounds: at most.
        tolerance: change of the filled values, relative to the spread of all, at which to stop.

    Returns:
        The model with ``explained`` of the variance of the completed samples, and those samples.

    Raises:
        ValueError: when the shapes differ, there are not more samples than components, or a point is known in fewer
            than two samples.
    """
    given = np.asarray(samples, np.float64)
    if given.ndim != 3 or known.shape != given.shape[:2]:
        raise ValueError(f"samples are {given.shape}, known {known.shape}; needed are (M, N, C) and (M, N)")
    if count >= len(given):
        raise ValueError(f"{count} components of {len(given)} samples: choose fewer")
    if known.sum(axis=0).min() < 2:
        raise ValueError("a point is known in fewer than two samples: leave it out, or add samples")
    holes = np.where(known[..., None], given, np.nan)
    middle = np.nanmedian(holes, axis=0)
    spread = max(float(np.nanstd(holes)), 1e-12)
    trusted = _near(given, middle, known)
    filled = np.where(trusted[..., None], given, middle)
    growing = max(1, rounds // 2)
    for turn in range(1, rounds + 1):
        again = _rebuilt(_components(filled, -(-count * min(turn, growing) // growing)), filled)
        trusted = _near(given, again, known)
        new = np.where(trusted[..., None], given, again)
        change = float(np.sqrt(((new - filled) ** 2).mean())) / spread
        filled = new
        if change < tolerance and turn >= growing:
            break
    return _components(filled, count), Completed(filled, trusted)


def _near(given: Doubles, model: Doubles, known: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """(M, N): what is known and not off by far, compared with the typical error of its point."""
    error = np.where(known, np.linalg.norm(given - model, axis=2), np.nan)
    limit = _TRIM * np.maximum(1.4826 * np.nanmedian(error, axis=0), 1e-12)
    near: npt.NDArray[np.bool_] = known & (np.nan_to_num(error, nan=np.inf) <= limit)
    return near


def _components(samples: Doubles, count: int) -> LinearModel:
    """The first components, by the eigenvectors of the samples' inner products: fewer samples than values."""
    mean = samples.mean(axis=0)
    flat = (samples - mean).reshape(len(samples), -1)
    values, vectors = np.linalg.eigh(flat @ flat.T)
    kept = np.argsort(values)[::-1][:count]
    kept = kept[values[kept] > 1e-12 * max(float(values[-1]), 1e-300)]
    directions = vectors[:, kept].T @ flat / np.sqrt(values[kept])[:, None]
    variances = values[kept] / (len(samples) - 1)
    share = float(values[kept].sum() / max(float(np.clip(values, 0, None).sum()), 1e-300))
    return LinearModel(mean, directions.reshape(len(kept), *mean.shape), variances, share)


def _rebuilt(model: LinearModel, samples: Doubles) -> Doubles:
    basis = model.components.reshape(len(model.components), -1)
    flat = (samples - model.mean).reshape(len(samples), -1)
    return np.asarray(model.mean + (flat @ basis.T @ basis).reshape(samples.shape))
