"""Marks, selection and cursor drawn over the plots of the timeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QBrush, QColor

from fer_studio.marks import Mark, MarkKind
from fer_studio.theme import Theme

_SELECTION_Z, _MARKS_Z, _CURSOR_Z = -10, 5, 20


def with_alpha(colour: QColor, alpha: int) -> QColor:
    """The same colour, see-through; ``alpha`` 0..255."""
    faint = QColor(colour)
    faint.setAlpha(alpha)
    return faint


class MarkItems:
    """The drawings of all marks in one view."""

    def __init__(self, view: pg.ViewBox) -> None:
        self._view = view
        self._items: list[Any] = []

    def show(self, marks: Sequence[Mark], theme: Theme, *, named: bool) -> None:
        """Draws them anew."""
        for item in self._items:
            self._view.removeItem(item)
        self._items = [self._draw(mark, theme, named) for mark in marks]
        for item in self._items:
            self._view.addItem(item, ignoreBounds=True)

    def _draw(self, mark: Mark, theme: Theme, named: bool) -> Any:
        if mark.kind is MarkKind.POINT:
            line = pg.InfiniteLine(mark.start_s, pen=pg.mkPen(theme.text, width=1))
            if named:
                _Label(line, mark.name, theme, self._view)
            line.setZValue(_MARKS_Z)
            return line
        excluded = mark.kind is MarkKind.EXCLUDED
        colour = theme.text_dim if excluded else theme.good
        brush = QBrush(with_alpha(colour, 150), Qt.BrushStyle.BDiagPattern) if excluded else with_alpha(colour, 40)
        region = pg.LinearRegionItem(
            (mark.start_s, mark.end_s), movable=False, brush=brush, pen=pg.mkPen(with_alpha(colour, 160))
        )
        region.setZValue(_SELECTION_Z)
        if named:
            _Label(region.lines[0], mark.name, theme, self._view)
        return region


class _Label(pg.InfLineLabel):  # type: ignore[misc]
    """A name at the top of a line, on the side where there is room for it."""

    def __init__(self, line: Any, name: str, theme: Theme, view: pg.ViewBox) -> None:
        self._view = view
        # "{" in a name would be read as a field of a format.
        text = name.replace("{", "{{").replace("}", "}}")
        super().__init__(line, text=text, position=0.96, color=theme.text, anchors=[(0, 0), (0, 0)])
        self.fill = pg.mkBrush(with_alpha(theme.surface, 200))

    def updatePosition(self) -> None:  # noqa: N802  pyqtgraph's name
        """At each change of the view."""
        start_s, end_s = self._view.viewRange()[0]
        left_s, right_s = self.line.value() - start_s, end_s - self.line.value()
        width_s = self.textItem.boundingRect().width() * (end_s - start_s) / max(self._view.width(), 1.0)
        side = (0, 0) if width_s <= right_s or right_s >= left_s else (1, 0)
        self.anchors = [side, side]
        super().updatePosition()


class Overlay:
    """Cursor and selection of one view."""

    def __init__(self, view: pg.ViewBox, *, movable: bool) -> None:
        self.cursor = pg.InfiniteLine(0.0)
        self.cursor.setZValue(_CURSOR_Z)
        self.region = pg.LinearRegionItem((0.0, 0.0), movable=movable)
        self.region.setZValue(_SELECTION_Z)
        self.region.hide()
        view.addItem(self.cursor, ignoreBounds=True)
        view.addItem(self.region, ignoreBounds=True)

    def set_theme(self, theme: Theme) -> None:
        """Colours."""
        self.cursor.setPen(pg.mkPen(theme.accent, width=2))
        self.region.setBrush(with_alpha(theme.accent, 45))
        self.region.setHoverBrush(with_alpha(theme.accent, 60))
        for line in self.region.lines:
            line.setPen(pg.mkPen(theme.accent))
            line.setHoverPen(pg.mkPen(theme.accent, width=3))

    def set_selection(self, span: tuple[float, float] | None) -> None:
        """Shows it, or nothing, without telling."""
        self.region.setVisible(span is not None)
        if span is not None:
            self.region.blockSignals(True)
            self.region.setRegion(span)
            self.region.blockSignals(False)
