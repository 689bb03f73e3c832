"""What the timeline is made of: a time axis, a plot for mouse and wheel, and the ribbon of expressions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QPainter

from fer_studio.theme import expression_colour, ink_on
from fer_studio.views.decimate import Run
from fer_studio.views.timeline_text import clock_text

#: Share of a row of the ribbon that is filled.
ROW_FILL = 0.86
_MIN_NAME_PX = 64
_MAX_NAMES = 60


class TimeAxis(pg.AxisItem):  # type: ignore[misc]
    """Minutes and seconds of the media."""

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:  # noqa: N802
        """One text a tick, as precise as their distance asks for."""
        del scale
        decimals = 0 if spacing >= 1 else 1 if spacing >= 0.1 else 2 if spacing >= 0.01 else 3
        return [clock_text(value, decimals) for value in values]


class TimeViewBox(pg.ViewBox):  # type: ignore[misc]
    """Left button moves the cursor, with Shift it selects; other buttons pan, the wheel zooms, with Ctrl it pans."""

    scrubbed = Signal(float)
    selected = Signal(float, float)
    deselected = Signal()

    def __init__(self) -> None:
        super().__init__(enableMenu=False)
        self.setMouseEnabled(x=True, y=False)

    def mouseClickEvent(self, event: Any) -> None:  # noqa: N802
        """A click."""
        if event.button() != Qt.MouseButton.LeftButton:
            return
        event.accept()
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.deselected.emit()
        else:
            self.scrubbed.emit(self._time_s(event.pos()))

    def mouseDragEvent(self, event: Any, axis: int | None = None) -> None:  # noqa: N802
        """A drag."""
        if event.button() != Qt.MouseButton.LeftButton:
            super().mouseDragEvent(event, axis)
            return
        event.accept()
        here_s = self._time_s(event.pos())
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            start_s = self._time_s(event.buttonDownPos())
            self.selected.emit(min(start_s, here_s), max(start_s, here_s))
        else:
            self.scrubbed.emit(here_s)

    def wheelEvent(self, event: Any, axis: int | None = None) -> None:  # noqa: N802
        """The wheel."""
        if not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            super().wheelEvent(event, 0)
            return
        start_s, end_s = self.viewRange()[0]
        shift_s = -(end_s - start_s) * event.delta() / 1200
        self.setXRange(start_s + shift_s, end_s + shift_s, padding=0)
        event.accept()

    def _time_s(self, place: Any) -> float:
        return float(self.mapToView(place).x())


class Ribbon(pg.GraphicsObject):  # type: ignore[misc]
    """One row a face, coloured by its apparent expression; the name stands in every stretch that has room for it."""

    def __init__(self, expressions: Sequence[str]) -> None:
        super().__init__()
        self.set_expressions(expressions)
        self._bounds = QRectF()
        self._names: list[Any] = []

    def set_expressions(self, expressions: Sequence[str]) -> None:
        """Names behind the codes of runs; rows are set anew after it."""
        self._expressions = tuple(expressions)
        self._colours = [expression_colour(name) for name in self._expressions]
        self._rows: list[list[Run]] = []

    def set_rows(self, rows: list[list[Run]], bounds: QRectF, px_per_s: float) -> None:
        """Runs of each face, the first on top; ``bounds`` is the whole recording and the count of rows."""
        if bounds != self._bounds:
            self.prepareGeometryChange()
        self._rows, self._bounds = rows, bounds
        self._place_names(px_per_s)
        self.update()

    def boundingRect(self) -> QRectF:  # noqa: N802
        """In seconds and rows."""
        return self._bounds

    def paint(self, painter: QPainter, option: object, widget: object) -> None:
        """Plain rectangles, so that exported drawings hold vectors."""
        del option, widget
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        for row, stretches in enumerate(self._rows):
            for run in stretches:
                area = QRectF(run.start_s, row + (1 - ROW_FILL) / 2, run.end_s - run.start_s, ROW_FILL)
                painter.fillRect(area, self._colours[run.expression])

    def _place_names(self, px_per_s: float) -> None:
        used, least_s = 0, _MIN_NAME_PX / max(px_per_s, 1e-9)
        view = self.getViewBox()
        start_s, end_s = view.viewRange()[0] if view is not None else (self._bounds.left(), self._bounds.right())
        for row, stretches in enumerate(self._rows):
            for run in stretches:
                if run.end_s - run.start_s < least_s:
                    continue
                left_s, right_s = max(run.start_s, start_s), min(run.end_s, end_s)
                if right_s - left_s >= least_s and used < _MAX_NAMES:
                    self._name(used).setPos((left_s + right_s) / 2, row + 0.5)
                    ink = ink_on(self._colours[run.expression])
                    self._name(used).setText(self._expressions[run.expression], ink)
                    self._name(used).show()
                    used += 1
        for item in self._names[used:]:
            item.hide()

    def _name(self, number: int) -> Any:
        while len(self._names) <= number:
            item = pg.TextItem(anchor=(0.5, 0.5))
            item.setParentItem(self)
            self._names.append(item)
        return self._names[number]
