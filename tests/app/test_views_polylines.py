"""Lines through arrays."""

from __future__ import annotations

import numpy as np
from PySide6.QtGui import QPainterPath

from fer_studio.views.polylines import add_line

NAN = np.nan


def pieces(x: list[float], y: list[float]) -> list[list[tuple[float, float]]]:
    path = QPainterPath()
    add_line(path, np.array(x, np.float32), np.array(y, np.float32))
    found: list[list[tuple[float, float]]] = []
    for number in range(path.elementCount()):
        element = path.elementAt(number)
        if element.isMoveTo():
            found.append([])
        found[-1].append((element.x, element.y))
    return found


def test_add_line_joins_all_points_in_order() -> None:
    assert pieces([0, 1.5, 3], [4, 5, 6.25]) == [[(0, 4), (1.5, 5), (3, 6.25)]]


def test_add_line_is_interrupted_where_a_coordinate_is_missing() -> None:
    assert pieces([0, 1, 2, 3, 4, NAN, 6, 7], [0, 1, NAN, 3, 4, 5, 6, 7]) == [
        [(0, 0), (1, 1)],
        [(3, 3), (4, 4)],
        [(6, 6), (7, 7)],
    ]


def test_add_line_leaves_out_points_that_stand_alone() -> None:
    assert pieces([], []) == []
    assert pieces([1], [2]) == []
    assert pieces([0, 1, 2], [0, NAN, 2]) == []
