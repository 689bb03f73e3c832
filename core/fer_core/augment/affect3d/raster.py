"""Which triangle each pixel belongs to, and where that pixel came from."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from fer_core.types import Floats

Affine = npt.NDArray[np.float32]
_SHIFT = 4  # binary digits of a pixel in OpenCV's fixed-point coordinates
#: Powers of the place between two points (rows) of the point before them, the two and the point after (columns).
_CATMULL_ROM = 0.5 * np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]], np.float64)


def rasterise(vertices_px: Floats, triangles: npt.NDArray[np.intp], shape: tuple[int, int]) -> npt.NDArray[np.int32]:
    """Draw triangles in order, later over earlier (painter's algorithm).

    Args:
        vertices_px: (V, 2).
        triangles: (K, 3), far to near.
        shape: (h, w).

    Returns:
        (h, w): 1 + index of the triangle on top, 0 where there is none.
    """
    ids = np.zeros(shape, np.int32)
    corners = np.round(vertices_px[triangles] * (1 << _SHIFT)).astype(np.int32)
    for index, triangle in enumerate(corners, start=1):
        cv2.fillConvexPoly(ids, triangle, index, cv2.LINE_8, _SHIFT)
    return ids


def turned_towards(vertices_px: Floats, triangles: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
    """(K,): which triangles (K, 3) of vertices (V, 2) show their front: counter-clockwise as seen, y down."""
    a, b, c = (vertices_px[triangles[:, k]] for k in range(3))
    area: Floats = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    front: npt.NDArray[np.bool_] = area < 0
    return front


def triangle_affines(vertices_px: Floats, triangles: npt.NDArray[np.intp], values: Floats) -> Affine:
    """Linear maps that interpolate values over triangles.

    Args:
        vertices_px: (V, 2), where the triangles are.
        triangles: (K, 3).
        values: (K, 3, 3): a column a corner; the last row is 1.

    Returns:
        (K, 2, 3): ``value = m @ (x, y, 1)``. Triangles without area answer their first corner.
    """
    p = vertices_px[triangles].astype(np.float64)  # (K, corner, xy)
    a, b, c = p[:, 0], p[:, 1], p[:, 2]
    area: npt.NDArray[np.float64] = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (
        c[:, 0] - a[:, 0]
    )
    flat = np.abs(area) < 1e-3
    area = np.where(flat, 1.0, area)
    # Barycentric coordinate of a corner: (edge opposite to it) x (pixel - its end) / area.
    inverse = np.empty((len(p), 3, 3))
    for k, (start, end) in enumerate(((b, c), (c, a), (a, b))):
        inverse[:, k, 0] = (start[:, 1] - end[:, 1]) / area
        inverse[:, k, 1] = (end[:, 0] - start[:, 0]) / area
        inverse[:, k, 2] = (start[:, 0] * end[:, 1] - start[:, 1] * end[:, 0]) / area
    inverse[flat] = [[0, 0, 1], [0, 0, 0], [0, 0, 0]]
    maps: Affine = (values[:, :2].astype(np.float64) @ inverse).astype(np.float32)
    return maps


def smooth_contour(contour: Floats, steps: int = 5) -> Floats:
    """(N * steps, 2): a closed Catmull-Rom curve through the points (N, 2) of a contour of lips or lids."""
    t = np.arange(steps) / steps
    powers = np.stack([np.ones(steps), t, t**2, t**3], axis=1)
    around = contour[(np.arange(len(contour))[:, None] + (-1, 0, 1, 2)) % len(contour)]
    curve: Floats = (powers @ _CATMULL_ROM @ around).reshape(-1, 2).astype(np.float32)
    return curve
