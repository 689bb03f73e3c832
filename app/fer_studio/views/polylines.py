"""Lines through arrays of points, without a Python object for each of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtGui import QPainterPath, QPolygonF
from shiboken6 import VoidPtr

Doubles = npt.NDArray[np.float64]
Reals = npt.NDArray[np.float32] | Doubles


def add_line(path: QPainterPath, x: Reals, y: Reals) -> None:
    """Adds a line through points (N,), interrupted where one of them is NaN."""
    points = np.stack([x, y], axis=1, dtype=np.float64)
    gaps = np.flatnonzero(~np.isfinite(points).all(axis=1))
    begin = 0
    for end in (*gaps.tolist(), len(points)):
        if end - begin > 1:
            path.addPolygon(_polygon_of(points[begin:end]))
        begin = end + 1


def _polygon_of(points: Doubles) -> QPolygonF:
    """Points (N, 2), at least one."""
    polygon = QPolygonF()
    polygon.resize(len(points))
    first: Any = polygon.data()  # an address, whatever the stubs say
    memory: Any = VoidPtr(first, points.nbytes, True)  # type: ignore[call-arg]  # the stubs know one argument
    np.frombuffer(memory, np.float64)[:] = points.ravel()
    return polygon
