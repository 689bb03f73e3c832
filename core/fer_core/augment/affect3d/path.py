"""A drawn path in the valence-arousal plane as one point a frame."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fer_core.augment.affect3d.errors import SynthesisError
from fer_core.types import Floats


def va_path(points: Floats, duration_s: float, fps: float) -> Floats:
    """Resample a path by its length, at rest in the beginning and at the end.

    Corners of the drawing are rounded (a quadratic B-spline through the middles of its segments), so that the speed
    never jumps.

    Args:
        points: (N, 2) valence and arousal in the order in which they were drawn, N >= 1.
        duration_s: of the whole path, > 0.
        fps: frames a second, > 0.

    Returns:
        (M, 2), M = round(duration_s * fps), at least 2; first and last are those of ``points``.

    Raises:
        SynthesisError: when there is no point, a point is outside the plane, or duration or rate are not positive.
    """
    drawn = np.asarray(points, np.float64)
    if drawn.ndim != 2 or drawn.shape[1] != 2 or len(drawn) == 0:
        raise SynthesisError(f"a path needs points (N, 2), got {drawn.shape}; draw at least one point")
    if not (np.abs(drawn) <= 1).all():
        raise SynthesisError("the path leaves the plane: valence and arousal must lie in -1..1")
    if not (duration_s > 0 and fps > 0):
        raise SynthesisError(f"duration {duration_s:g} s and rate {fps:g} Hz must both be positive")
    frames = max(2, round(duration_s * fps))
    curve = _rounded(drawn)
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    time = np.linspace(0, 1, frames)
    eased = time**3 * (10 - 15 * time + 6 * time**2)  # speed and acceleration are 0 at both ends
    resampled = np.stack([np.interp(eased * length[-1], length, curve[:, k]) for k in range(2)], axis=1)
    path: Floats = resampled.astype(np.float32)
    return path


def _rounded(points: npt.NDArray[np.float64], samples: int = 12) -> npt.NDArray[np.float64]:
    if len(points) < 3:
        return points
    middles = (points[:-1] + points[1:]) / 2
    t = np.linspace(0, 1, samples)[:, None]
    pieces = [points[:1]]
    for start, corner, end in zip(middles[:-1], points[1:-1], middles[1:], strict=True):
        pieces.append((1 - t) ** 2 * start + 2 * t * (1 - t) * corner + t**2 * end)
    return np.concatenate([*pieces, points[-1:]])
