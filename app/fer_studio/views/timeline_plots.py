"""What a timeline draws: curves above, a ribbon of expressions for every face below, one axis of time.

Draws only what the screen can show (:mod:`fer_studio.views.decimate`), so that the length of a recording costs little.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QPainter
from PySide6.QtWidgets import QWidget

from fer_studio.labels import Labels
from fer_studio.marks import Mark
from fer_studio.session import Recording
from fer_studio.theme import Theme
from fer_studio.views.decimate import polyline, runs
from fer_studio.views.timeline_items import Ribbon
from fer_studio.views.timeline_marks import MarkItems, Overlay
from fer_studio.views.timeline_plot import TimePlot
from fer_studio.views.timeline_signals import signal_values

_ROW_PX, _MOST_ROWS = 20, 6
_LEAST_SPAN_S = 0.05
_AS_PICTURE = pg.GraphicsObject.CacheMode.DeviceCoordinateCache
_CURVE_WIDTH_PX, _PRINT_WIDTH_PX = 1, 1.5


class TimelinePlots(pg.GraphicsLayoutWidget):  # type: ignore[misc]
    """Draws what it is told; what the mouse asks for comes as signals."""

    scrubbed = Signal(float)
    """To a time in seconds, maybe outside of the recording."""
    selected = Signal(float, float)
    """From and to, maybe outside of the recording."""
    deselected = Signal()
    view_changed = Signal()
    """Another span is in view: to be drawn before Qt paints."""
    resized = Signal()

    def __init__(self, labels: Labels, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Curves and expressions over time")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # its keys are those of the whole workspace
        self._labels = labels
        self._named_faces: tuple[int, ...] = ()
        self.curves: dict[str, Any] = {}
        self.upper, self.strip = TimePlot(), TimePlot()
        self.ribbon = Ribbon(labels.expressions)
        self._lay_out()
        self.overlays = (Overlay(self.upper.view, movable=True), Overlay(self.strip.view, movable=False))
        self._mark_items = (MarkItems(self.upper.view), MarkItems(self.strip.view))
        self._connect()

    # --- what is in view

    @property
    def view_s(self) -> tuple[float, float]:
        """Start and end of it."""
        start_s, end_s = self.upper.view.viewRange()[0]
        return float(start_s), float(end_s)

    def show_span(self, start_s: float, end_s: float) -> None:
        """Zooms to it."""
        middle_s, half_s = (start_s + end_s) / 2, max(end_s - start_s, _LEAST_SPAN_S) / 2
        self.upper.view.setXRange(middle_s - half_s, middle_s + half_s, padding=0)

    def limit_view(self, recording: Recording | None, follow_s: float) -> None:
        """To the recording, a little more, and at least to the seconds that are followed."""
        view = self.upper.view
        if recording is None or not len(recording):
            view.setLimits(xMin=None, xMax=None, minXRange=None)
            return
        room_s = max(recording.duration_s * 0.02, _LEAST_SPAN_S)
        end_s = max(recording.end_s, recording.start_s + follow_s)
        view.setLimits(xMin=recording.start_s - room_s, xMax=end_s + room_s, minXRange=_LEAST_SPAN_S)

    # --- what is drawn

    def set_labels(self, labels: Labels) -> None:
        """Of another recording."""
        self._labels = labels
        self.ribbon.set_expressions(labels.expressions)

    def set_signals(self, colours: dict[str, QColor]) -> None:
        """The curves by their keys; they are empty until :meth:`draw`."""
        for key in [k for k in self.curves if k not in colours]:
            self.upper.view.removeItem(self.curves.pop(key))
        for key in colours:
            if key not in self.curves:
                self.curves[key] = pg.PlotCurveItem()
                # Single strokes: Qt needs seconds for one path of thousands of points and a pen wider than 1.
                self.curves[key].setSegmentedLineMode("on")
                self.curves[key].setCacheMode(_AS_PICTURE)
                self.upper.view.addItem(self.curves[key])
        self._pen_curves(colours, _CURVE_WIDTH_PX)

    def draw(self, recording: Recording | None, face_id: int | None) -> None:
        """Curves of one face and the ribbons of all, as far as they are in view."""
        columns = max(round(self.upper.view.width() * self.devicePixelRatioF()), 1)
        if recording is None or not len(recording):
            self._draw_curves(None, None, columns)
            self.ribbon.set_rows([], QRectF(), 1.0)
            self._name_rows(())
            return
        self._draw_curves(recording, face_id, columns)
        self._draw_ribbon(recording, columns)
        # Moves the items now. Left to the paint event, as pyqtgraph does, it would make Qt paint all of it twice.
        self.scene().prepareForPaint()

    def set_cursor(self, time_s: float) -> None:
        """Where it stands."""
        for overlay in self.overlays:
            overlay.cursor.setValue(time_s)

    def set_selection(self, span: tuple[float, float] | None) -> None:
        """Start and end in seconds, or nothing."""
        for overlay in self.overlays:
            overlay.set_selection(span)

    def show_marks(self, marks: Sequence[Mark], theme: Theme) -> None:
        """Draws them anew, their names above alone."""
        for items, named in zip(self._mark_items, (True, False), strict=True):
            items.show(marks, theme, named=named)

    def set_theme(self, theme: Theme, font: QFont) -> None:
        """Colours, but those of curves and marks, and the writing at the axes."""
        self.setBackground(theme.surface)
        for plot in (self.upper, self.strip):
            plot.set_theme(theme, font)
        for overlay in self.overlays:
            overlay.set_theme(theme)
        self._size_rows(len(self._named_faces))

    def render_plots(self, painter: QPainter, target: QRectF, colours: dict[str, QColor]) -> None:
        """Draws what is in view as lines and not as a picture of the screen."""
        area = QRectF(self.viewport().rect())
        kept = [*self.curves.values(), self.upper.left, self.strip.left]
        for item in kept:
            item.setCacheMode(pg.GraphicsObject.CacheMode.NoCache)
        self._pen_curves(colours, _PRINT_WIDTH_PX * target.width() / area.width())
        try:
            self.scene().render(painter, target, area)
        finally:
            for item in kept:
                item.setCacheMode(_AS_PICTURE)
            self._pen_curves(colours, _CURVE_WIDTH_PX)

    def _pen_curves(self, colours: dict[str, QColor], width_px: float) -> None:
        for key, curve in self.curves.items():
            curve.setPen(pg.mkPen(colours[key], width=width_px))

    def _draw_curves(self, recording: Recording | None, face_id: int | None, columns: int) -> None:
        if recording is None or face_id is None:
            for curve in self.curves.values():
                curve.setData([], [])
            return
        series = recording.series(face_id)
        for key, curve in self.curves.items():
            line = polyline(
                series.time_s, signal_values(key, series, self._labels), series.position, *self.view_s, columns
            )
            curve.setData(line.x, line.y, connect=line.joined, skipFiniteCheck=True)

    def _draw_ribbon(self, recording: Recording, columns: int) -> None:
        start_s, end_s = self.view_s
        faces = recording.faces()
        rows = []
        for face_id in faces:
            series = recording.series(face_id)
            codes = series.corrected_expression
            rows.append(runs(series.time_s, codes, recording.time_s, series.position, start_s, end_s, columns))
        bounds = QRectF(recording.start_s, 0, recording.duration_s, max(len(faces), 1))
        self.ribbon.set_rows(rows, bounds, self.upper.view.width() / max(end_s - start_s, 1e-9))
        if faces != self._named_faces:
            self._name_rows(faces)

    def _name_rows(self, faces: tuple[int, ...]) -> None:
        self._named_faces = faces
        self.strip.left.setTicks([[(row + 0.5, f"face {face}") for row, face in enumerate(faces)]])
        self.strip.view.setYRange(0, max(len(faces), 1), padding=0)
        self._size_rows(len(faces))

    def _size_rows(self, faces: int) -> None:
        rows = min(max(faces, 1), _MOST_ROWS)
        height_px = rows * max(_ROW_PX, self.fontMetrics().height() + 4) + self.fontMetrics().height() + 12
        self.strip.setFixedHeight(height_px)

    # --- building

    def _lay_out(self) -> None:
        self.ci.setContentsMargins(0, 0, 6, 0)
        self.ci.setSpacing(0)
        self.addItem(self.upper, 0, 0)
        self.addItem(self.strip, 1, 0)
        # Kept as pictures, as the curves are: the cursor and the axis of time move more often.
        self.upper.left.setCacheMode(_AS_PICTURE)
        self.strip.left.setCacheMode(_AS_PICTURE)
        self.upper.bottom.setStyle(showValues=False)
        self.upper.bottom.setHeight(4)
        self.upper.view.setYRange(-1.02, 1.02, padding=0)
        self.upper.show_grid()
        self.strip.view.invertY(True)
        self.strip.view.setXLink(self.upper.view)
        self.strip.view.addItem(self.ribbon)
        self._size_rows(1)

    def _connect(self) -> None:
        for plot in (self.upper, self.strip):
            plot.view.scrubbed.connect(self.scrubbed)
            plot.view.selected.connect(self.selected)
            plot.view.deselected.connect(self.deselected)
        self.overlays[0].region.sigRegionChanged.connect(self._on_region_dragged)
        self.upper.view.sigXRangeChanged.connect(self._on_range_changed)
        self.upper.view.sigResized.connect(self._on_resized)

    def _on_region_dragged(self) -> None:
        start_s, end_s = self.overlays[0].region.getRegion()
        self.selected.emit(float(start_s), float(end_s))

    def _on_range_changed(self) -> None:
        self.view_changed.emit()

    def _on_resized(self) -> None:
        self.resized.emit()
