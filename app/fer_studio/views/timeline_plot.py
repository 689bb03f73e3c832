"""One plot of the timeline: a view, an axis on its left, and the axis of time below.

pyqtgraph's own PlotItem adds menus of options, which take longer to make than all the rest of a timeline.
"""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg
from PySide6.QtGui import QFontMetricsF
from PySide6.QtWidgets import QGraphicsGridLayout, QGraphicsItem

from fer_studio.theme import Theme
from fer_studio.views.timeline_items import TimeAxis, TimeViewBox

#: Of the left axis: at least, and beside its widest text.
_LEFT_AXIS_PX, _TICK_PX = 44, 12
_WIDEST = "face 1"
_MARGIN_PX = 1
#: Over what is drawn at 0, so that the grid is seen on the ribbon; the cursor is above it.
_AXIS_Z = 0.5
_FAINT = 38
"""Alpha of the grid, of 255."""


class TimePlot(pg.GraphicsWidget):  # type: ignore[misc]
    """``view`` holds the items, ``left`` and ``bottom`` are the axes."""

    def __init__(self) -> None:
        super().__init__()
        self.view = TimeViewBox()
        self.left, self.bottom = pg.AxisItem("left"), TimeAxis("bottom")
        self.left.setWidth(_LEFT_AXIS_PX)
        layout = QGraphicsGridLayout(self)
        layout.setContentsMargins(_MARGIN_PX, _MARGIN_PX, _MARGIN_PX, _MARGIN_PX)
        layout.setSpacing(0)
        for item, row, column in ((self.view, 0, 1), (self.left, 0, 0), (self.bottom, 1, 1)):
            layout.addItem(item, row, column)
        for axis in self.axes:
            axis.linkToView(self.view)
            axis.setZValue(_AXIS_Z)
            axis.setFlag(QGraphicsItem.GraphicsItemFlag.ItemNegativeZStacksBehindParent)

    @property
    def axes(self) -> tuple[Any, Any]:
        """Left and bottom."""
        return self.left, self.bottom

    def show_grid(self) -> None:
        """Faint lines at the ticks of both axes."""
        for axis in self.axes:
            axis.setGrid(_FAINT)

    def set_theme(self, theme: Theme, font: Any) -> None:
        """Colours and writing of the axes."""
        self.left.setWidth(max(_LEFT_AXIS_PX, round(QFontMetricsF(font).horizontalAdvance(_WIDEST)) + _TICK_PX))
        for axis in self.axes:
            axis.setPen(theme.line)
            axis.setTextPen(theme.text_dim)
            axis.setStyle(tickFont=font)
