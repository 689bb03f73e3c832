"""The course of a recording: curves, a ribbon of expressions for every face, marks, selection and a cursor.

Draws only what the screen can show (:mod:`fer_studio.views.decimate`), so that the length of a recording costs little.
Rows that are appended to the recording appear by themselves.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QRectF, QTimer, Signal, Slot
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QVBoxLayout, QWidget

from fer_studio.labels import Labels
from fer_studio.session import Recording
from fer_studio.theme import Theme, theme_of
from fer_studio.views.decimate import polyline, runs
from fer_studio.views.mark_editor import MarkEditor
from fer_studio.views.timeline_header import TimelineHeader
from fer_studio.views.timeline_items import Ribbon, TimeAxis, TimeViewBox
from fer_studio.views.timeline_marks import MarkItems, Overlay
from fer_studio.views.timeline_signals import DEFAULT_SIGNALS, signal_colour, signal_names, signal_values
from fer_studio.views.timeline_text import clock_text

_REFRESH_MS = 100
_ROW_PX, _MOST_ROWS = 20, 6
_AXIS_PX = 44
_LEAST_SPAN_S = 0.05
_ZOOM_STEP = 1.5
_AS_PICTURE = pg.GraphicsObject.CacheMode.DeviceCoordinateCache
_CURVE_WIDTH_PX, _PRINT_WIDTH_PX = 1, 1.5


class Timeline(QWidget):
    """One recording in time.

    Left mouse button scrubs, Shift and drag selects, right button pans, the wheel zooms, Ctrl and the wheel pans.
    """

    cursor_moved = Signal(float)
    """The person moved the cursor, to a time in seconds (never emitted by setting ``cursor_s``)."""
    selection_changed = Signal(object)
    """``(start_s, end_s)`` or None."""
    face_selected = Signal(int)
    """The person chose the face whose curves are drawn (never emitted by setting ``face_id``)."""
    signals_chosen = Signal()
    """The person chose other curves (never emitted by setting ``signals``)."""

    def __init__(self, labels: Labels, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Timeline")
        self.marks = MarkEditor(self)
        self.follow_s: float | None = None
        """Seconds that are kept in view up to the newest data; None leaves the view alone."""
        self._labels = labels
        self._recording: Recording | None = None
        self._shown_frames = 0
        self._last_end_s = 0.0
        self._cursor_s = 0.0
        self._selection_s: tuple[float, float] | None = None
        self._face_id: int | None = None
        self._signals: tuple[str, ...] = DEFAULT_SIGNALS
        self._curves: dict[str, Any] = {}
        self._named_faces: tuple[int, ...] = ()
        self._redraw = QTimer(self, singleShot=True, interval=0)
        self._redraw.timeout.connect(self._draw)
        self._build()
        self._watch = QTimer(self, interval=_REFRESH_MS)
        self._watch.timeout.connect(self.refresh)
        self.marks.marks_changed.connect(self._on_marks_changed)
        self._apply_theme()

    def set_recording(self, recording: Recording | None) -> None:
        """Shows another recording, all of it; marks are bound by their owner (``marks.bind``)."""
        self._recording = recording
        self._shown_frames = 0
        self._labels = Labels(recording.expressions, recording.action_units) if recording else self._labels
        self._ribbon.set_expressions(self._labels.expressions)
        self._header.set_labels(self._labels)
        known = signal_names(self._labels)
        self.signals = tuple(key for key in self._signals if key in known) or DEFAULT_SIGNALS
        self._face_id = None
        self.selection_s = None
        self.cursor_s = recording.start_s if recording else 0.0
        self._limit_view()
        self.refresh()
        self.show_all()

    @property
    def signals(self) -> tuple[str, ...]:
        """Keys of the curves that are drawn."""
        return self._signals

    @signals.setter
    def signals(self, keys: tuple[str, ...]) -> None:
        self._signals = keys
        for key in [k for k in self._curves if k not in keys]:
            self._plot.removeItem(self._curves.pop(key))
        for key in keys:
            if key not in self._curves:
                self._curves[key] = pg.PlotCurveItem()
                # Single strokes: Qt needs seconds for one path of thousands of points and a pen wider than 1.
                self._curves[key].setSegmentedLineMode("on")
                self._curves[key].setCacheMode(_AS_PICTURE)
                self._plot.addItem(self._curves[key])
        self._apply_theme()
        self._header.set_signals(keys, {key: self.signal_colour(key) for key in keys}, signal_names(self._labels))
        self._redraw.start()

    def choose_signals(self, keys: Collection[str]) -> None:
        """Draws those of these curves that there are, in the usual order."""
        self.signals = tuple(key for key in signal_names(self._labels) if key in keys)

    @property
    def face_id(self) -> int | None:
        """The face whose curves are drawn."""
        return self._face_id

    @face_id.setter
    def face_id(self, face_id: int | None) -> None:
        self._face_id = face_id
        self._header.set_faces(self._recording.faces() if self._recording else (), face_id)
        self._redraw.start()

    @property
    def cursor_s(self) -> float:
        """Where the cursor stands, in the time of the media."""
        return self._cursor_s

    @cursor_s.setter
    def cursor_s(self, time_s: float) -> None:
        self._cursor_s = time_s
        for overlay in self._overlays:
            overlay.cursor.setValue(time_s)
        self._header.set_time(clock_text(time_s, 3))

    @property
    def selection_s(self) -> tuple[float, float] | None:
        """Start and end of the selection."""
        return self._selection_s

    @selection_s.setter
    def selection_s(self, span: tuple[float, float] | None) -> None:
        self._selection_s = span
        for overlay in self._overlays:
            overlay.set_selection(span)
        self._header.set_selection(span)
        self.selection_changed.emit(span)

    @property
    def plot_area(self) -> QRectF:
        """Size of both plots on the screen."""
        return QRectF(self._graphics.viewport().rect())

    @property
    def plot_ground(self) -> QColor:
        """Colour behind them."""
        return theme_of(self).surface

    def render_plots(self, painter: QPainter, target: QRectF) -> None:
        """Draws what is in view, without the row of controls, as lines and not as a picture of the screen."""
        finer = target.width() / self.plot_area.width()
        for item in self._kept:
            item.setCacheMode(pg.GraphicsObject.CacheMode.NoCache)
        for key, curve in self._curves.items():
            curve.setPen(pg.mkPen(self.signal_colour(key), width=_PRINT_WIDTH_PX * finer))
        try:
            self._graphics.scene().render(painter, target, self.plot_area)
        finally:
            for item in self._kept:
                item.setCacheMode(_AS_PICTURE)
            for key, curve in self._curves.items():
                curve.setPen(self._pen(key))

    @property
    def _kept(self) -> list[Any]:
        """What is kept as a picture because something else moves more often: the cursor, the axis of time."""
        return [*self._curves.values(), *(plot.getAxis("left") for plot in (self._plot, self._strip))]

    @property
    def view_s(self) -> tuple[float, float]:
        """Start and end of what is in view."""
        start_s, end_s = self._plot.getViewBox().viewRange()[0]
        return float(start_s), float(end_s)

    def show_span(self, start_s: float, end_s: float) -> None:
        """Zooms to a span."""
        middle_s, half_s = (start_s + end_s) / 2, max(end_s - start_s, _LEAST_SPAN_S) / 2
        self._plot.setXRange(middle_s - half_s, middle_s + half_s, padding=0)

    @Slot()
    def show_all(self) -> None:
        """Zooms to the whole recording."""
        if self._recording is not None and len(self._recording):
            self.show_span(self._recording.start_s, self._recording.end_s)
        else:
            self.show_span(0.0, 10.0)

    @Slot()
    def zoom_in(self) -> None:
        """Closer to the cursor when it is in view, else to the middle."""
        self._zoom(1 / _ZOOM_STEP)

    @Slot()
    def zoom_out(self) -> None:
        """Further away."""
        self._zoom(_ZOOM_STEP)

    @Slot()
    def zoom_to_selection(self) -> None:
        """Fills the view with the selection."""
        if self._selection_s is not None:
            self.show_span(*self._selection_s)

    @Slot()
    def refresh(self) -> None:
        """Draws rows that came since; called ten times a second while visible."""
        recording = self._recording
        if recording is None or len(recording) == self._shown_frames:
            if recording is None:
                self._redraw.start()
            return
        showed_all = self._shown_frames == 0 or self.view_s[1] >= self._last_end_s - 1e-9
        self._shown_frames = len(recording)
        self._last_end_s = recording.end_s
        if self._face_id not in recording.faces():
            self._face_id = next(iter(recording.faces()), None)
        self._header.set_faces(recording.faces(), self._face_id)
        self._redraw.start()
        self._limit_view()  # first: a view beyond the old limits would be cut
        if self.follow_s is not None:
            self.show_span(recording.end_s - self.follow_s, recording.end_s)
        elif showed_all:
            self.show_span(min(self.view_s[0], recording.start_s), recording.end_s)

    def signal_colour(self, key: str) -> QColor:
        """Of a curve, in this theme."""
        return signal_colour(key, self._labels, dark=theme_of(self).dark)

    def _pen(self, key: str) -> Any:
        return pg.mkPen(self.signal_colour(key), width=_CURVE_WIDTH_PX)

    def _build(self) -> None:
        self._header = TimelineHeader(self)
        self._header.set_labels(self._labels)
        self._graphics = pg.GraphicsLayoutWidget()
        self._graphics.setAccessibleName("Curves and expressions over time")
        self._graphics.ci.setContentsMargins(0, 0, 6, 0)
        self._graphics.ci.setSpacing(0)
        self._plot = self._graphics.addPlot(
            row=0, col=0, viewBox=TimeViewBox(), axisItems={"bottom": TimeAxis("bottom")}
        )
        self._strip = self._graphics.addPlot(
            row=1, col=0, viewBox=TimeViewBox(), axisItems={"bottom": TimeAxis("bottom")}
        )
        for plot in (self._plot, self._strip):
            plot.hideButtons()
            plot.setMenuEnabled(False)
            plot.getAxis("left").setWidth(_AXIS_PX)
            plot.getAxis("left").setCacheMode(_AS_PICTURE)
        self._plot.getAxis("bottom").setStyle(showValues=False)
        self._plot.getAxis("bottom").setHeight(4)
        self._plot.setYRange(-1.02, 1.02, padding=0)
        self._plot.showGrid(x=True, y=True, alpha=0.15)
        self._strip.getViewBox().invertY(True)
        self._strip.setXLink(self._plot)
        self._ribbon = Ribbon(self._labels.expressions)
        self._strip.addItem(self._ribbon)
        self._overlays = (Overlay(self._plot, movable=True), Overlay(self._strip, movable=False))
        self._mark_items = (MarkItems(self._plot), MarkItems(self._strip))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self._header)
        layout.addWidget(self._graphics, 1)
        self._connect()
        self._size_rows(1)

    def _connect(self) -> None:
        for plot in (self._plot, self._strip):
            box = plot.getViewBox()
            box.scrubbed.connect(self._on_scrubbed)
            box.selected.connect(self._on_selected)
            box.deselected.connect(self._on_deselected)
        # At once and not by the timer: Qt would paint the old curves in the new range, and then all of it again.
        self._plot.getViewBox().sigXRangeChanged.connect(self._draw)
        self._plot.getViewBox().sigResized.connect(self._redraw.start)
        self._overlays[0].region.sigRegionChanged.connect(self._on_region_dragged)
        header = self._header
        header.face_chosen.connect(self._on_face_chosen)
        header.signal_toggled.connect(self._on_signal_toggled)
        header.zoom_in_pressed.connect(self.zoom_in)
        header.zoom_out_pressed.connect(self.zoom_out)
        header.show_all_pressed.connect(self.show_all)
        header.zoom_selection_pressed.connect(self.zoom_to_selection)

    @Slot(float)
    def _on_scrubbed(self, time_s: float) -> None:
        if self._recording is not None:
            time_s = min(max(time_s, self._recording.start_s), max(self._recording.end_s, self._recording.start_s))
        self.cursor_s = time_s
        self.cursor_moved.emit(time_s)

    @Slot(float, float)
    def _on_selected(self, start_s: float, end_s: float) -> None:
        if self._recording is not None:
            start_s = max(start_s, self._recording.start_s)
            end_s = min(end_s, self._recording.end_s)
        if end_s > start_s:
            self.selection_s = (start_s, end_s)

    @Slot()
    def _on_deselected(self) -> None:
        self.selection_s = None

    @Slot()
    def _on_region_dragged(self) -> None:
        start_s, end_s = self._overlays[0].region.getRegion()
        self._on_selected(float(start_s), float(end_s))

    @Slot()
    def _on_marks_changed(self) -> None:
        theme = theme_of(self)
        for items, named in zip(self._mark_items, (True, False), strict=True):
            items.show(self.marks.marks, theme, named=named)

    @Slot(int)
    def _on_face_chosen(self, face_id: int) -> None:
        self.face_id = face_id
        self.face_selected.emit(face_id)

    @Slot(str)
    def _on_signal_toggled(self, key: str) -> None:
        self.choose_signals(set(self._signals) ^ {key})
        self.signals_chosen.emit()

    def _zoom(self, factor: float) -> None:
        start_s, end_s = self.view_s
        centre_s = self._cursor_s if start_s <= self._cursor_s <= end_s else (start_s + end_s) / 2
        self.show_span(centre_s - (centre_s - start_s) * factor, centre_s + (end_s - centre_s) * factor)

    def _limit_view(self) -> None:
        recording, box = self._recording, self._plot.getViewBox()
        if recording is None or not len(recording):
            box.setLimits(xMin=None, xMax=None, minXRange=None)
            return
        room_s = max(recording.duration_s * 0.02, _LEAST_SPAN_S)
        follow_s = self.follow_s or 0.0
        box.setLimits(
            xMin=min(recording.start_s, recording.end_s - follow_s) - room_s,
            xMax=recording.end_s + room_s,
            minXRange=_LEAST_SPAN_S,
        )

    @Slot()
    def _draw(self) -> None:
        self._redraw.stop()
        recording, box = self._recording, self._plot.getViewBox()
        columns = max(round(box.width() * self.devicePixelRatioF()), 1)
        if recording is None or not len(recording):
            for curve in self._curves.values():
                curve.setData([], [])
            self._ribbon.set_rows([], QRectF(), 1.0)
            self._name_rows(())
            return
        start_s, end_s = self.view_s
        if self._face_id is not None:
            series = recording.series(self._face_id)
            for key, curve in self._curves.items():
                line = polyline(
                    series.time_s, signal_values(key, series, self._labels), series.position, start_s, end_s, columns
                )
                curve.setData(line.x, line.y, connect=line.joined, skipFiniteCheck=True)
        else:
            for curve in self._curves.values():
                curve.setData([], [])
        self._draw_ribbon(recording, start_s, end_s, columns)
        # Moves the items now. Left to the paint event, as pyqtgraph does, it would make Qt paint all of it twice.
        self._graphics.scene().prepareForPaint()

    def _draw_ribbon(self, recording: Recording, start_s: float, end_s: float, columns: int) -> None:
        faces = recording.faces()
        rows = []
        for face_id in faces:
            series = recording.series(face_id)
            rows.append(
                runs(series.time_s, series.expression, recording.time_s, series.position, start_s, end_s, columns)
            )
        bounds = QRectF(recording.start_s, 0, recording.duration_s, max(len(faces), 1))
        self._ribbon.set_rows(rows, bounds, self._plot.getViewBox().width() / max(end_s - start_s, 1e-9))
        if faces != self._named_faces:
            self._name_rows(faces)

    def _name_rows(self, faces: tuple[int, ...]) -> None:
        self._named_faces = faces
        self._strip.getAxis("left").setTicks([[(row + 0.5, f"face {face}") for row, face in enumerate(faces)]])
        self._strip.setYRange(0, max(len(faces), 1), padding=0)
        self._size_rows(len(faces))

    def _size_rows(self, faces: int) -> None:
        rows = min(max(faces, 1), _MOST_ROWS)
        height_px = rows * max(_ROW_PX, self.fontMetrics().height() + 4) + self.fontMetrics().height() + 12
        self._strip.setFixedHeight(height_px)

    def _apply_theme(self) -> None:
        theme: Theme = theme_of(self)
        self._graphics.setBackground(theme.surface)
        for plot in (self._plot, self._strip):
            for name in ("left", "bottom"):
                axis = plot.getAxis(name)
                axis.setPen(theme.line)
                axis.setTextPen(theme.text_dim)
                axis.setStyle(tickFont=self.font())
        for key, curve in self._curves.items():
            curve.setPen(self._pen(key))
        for overlay in self._overlays:
            overlay.set_theme(theme)
        self._header.set_signals(
            self._signals, {key: self.signal_colour(key) for key in self._signals}, signal_names(self._labels)
        )
        self._on_marks_changed()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Dark or light, or another font."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange) and hasattr(self, "_watch"):
            self._apply_theme()

    def showEvent(self, event: Any) -> None:  # noqa: N802
        """Watches the recording while it is seen."""
        super().showEvent(event)
        self._watch.start()
        self.refresh()

    def hideEvent(self, event: Any) -> None:  # noqa: N802
        """Rests while it is not."""
        self._watch.stop()
        super().hideEvent(event)
