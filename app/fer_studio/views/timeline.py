"""The course of a recording: curves, a ribbon of expressions for every face, marks, selection and a cursor.

Rows that are appended to the recording appear by themselves.
"""

from __future__ import annotations

import math
from collections.abc import Collection

from PySide6.QtCore import QEvent, QRectF, QTimer, Signal, Slot
from PySide6.QtGui import QColor, QHideEvent, QPainter, QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from fer_studio.labels import Labels
from fer_studio.session import Recording
from fer_studio.theme import theme_of
from fer_studio.views.mark_editor import MarkEditor
from fer_studio.views.timeline_header import TimelineHeader
from fer_studio.views.timeline_plots import TimelinePlots
from fer_studio.views.timeline_signals import DEFAULT_SIGNALS, signal_colour, signal_names
from fer_studio.views.timeline_text import clock_text

_REFRESH_MS = 100
_ZOOM_STEP = 1.5
_FIRST_PAINT_MS = 20


class Timeline(QWidget):
    """One recording in time.

    Left mouse button scrubs, Shift and drag selects, right button pans, the wheel zooms, Ctrl and the wheel pans.

    Args:
        labels: until there is a recording.
        follow_s: of a recording that is being made, in which nothing is selected: seconds in view up to the newest,
            where the cursor stays too. Whoever looks at an earlier part is left there, until the view touches the
            newest again.
    """

    cursor_moved = Signal(float)
    """The person moved the cursor, to a time in seconds (never emitted by setting ``cursor_s``)."""
    selection_changed = Signal(object)
    """``(start_s, end_s)`` or None."""
    face_selected = Signal(int)
    """The person chose the face whose curves are drawn (never emitted by setting ``face_id``)."""
    signals_chosen = Signal()
    """The person chose other curves (never emitted by setting ``signals``)."""
    mark_pressed = Signal()
    """The person wants to mark this moment, while it follows."""

    def __init__(self, labels: Labels, parent: QWidget | None = None, *, follow_s: float | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Timeline")
        self.marks = MarkEditor(self)
        self._follow_s = follow_s
        self._labels = labels
        self._recording: Recording | None = None
        self._shown_frames = 0
        self._last_end_s = 0.0
        self._cursor_s = 0.0
        self._selection_s: tuple[float, float] | None = None
        self._face_id: int | None = None
        self._signals: tuple[str, ...] = DEFAULT_SIGNALS
        self._painted = False
        self._redraw = QTimer(self, singleShot=True, interval=0)
        self._redraw.timeout.connect(self._draw)
        self._header = TimelineHeader(self, following=follow_s is not None)
        self._header.set_labels(labels)
        self.plots = TimelinePlots(labels)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self._header)
        layout.addWidget(self.plots, 1)
        self._connect()
        self._watch = QTimer(self, interval=_REFRESH_MS)
        self._watch.timeout.connect(self.refresh)
        self.marks.marks_changed.connect(self._on_marks_changed)
        self._apply_theme()

    def set_recording(self, recording: Recording | None) -> None:
        """Shows another recording, all of it; marks are bound by their owner (``marks.bind``)."""
        self._recording = recording
        self._shown_frames = 0
        self._labels = Labels(recording.expressions, recording.action_units) if recording else self._labels
        self.plots.set_labels(self._labels)
        self._header.set_labels(self._labels)
        known = signal_names(self._labels)
        self.signals = tuple(key for key in self._signals if key in known) or DEFAULT_SIGNALS
        self._face_id = None
        self.selection_s = None
        self.cursor_s = recording.start_s if recording else 0.0
        self._limit_view()
        self.refresh()
        self.show_newest()

    @property
    def signals(self) -> tuple[str, ...]:
        """Keys of the curves that are drawn."""
        return self._signals

    @signals.setter
    def signals(self, keys: tuple[str, ...]) -> None:
        self._signals = keys
        self._show_signals()
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
        self.plots.set_cursor(time_s)
        self._header.set_time(clock_text(time_s, 3))

    @property
    def selection_s(self) -> tuple[float, float] | None:
        """Start and end of the selection."""
        return self._selection_s

    @selection_s.setter
    def selection_s(self, span: tuple[float, float] | None) -> None:
        self._selection_s = span
        self.plots.set_selection(span)
        self._header.set_selection(span)
        self.selection_changed.emit(span)

    @property
    def plot_area(self) -> QRectF:
        """Size of both plots on the screen."""
        return QRectF(self.plots.viewport().rect())

    @property
    def plot_ground(self) -> QColor:
        """Colour behind them."""
        return theme_of(self).surface

    def render_plots(self, painter: QPainter, target: QRectF) -> None:
        """Draws what is in view, without the row of controls, as lines and not as a picture of the screen."""
        self.plots.render_plots(painter, target, self._signal_colours())

    @property
    def view_s(self) -> tuple[float, float]:
        """Start and end of what is in view."""
        return self.plots.view_s

    def show_span(self, start_s: float, end_s: float) -> None:
        """Zooms to a span."""
        self.plots.show_span(start_s, end_s)

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
    def select_from_cursor(self) -> None:
        """The selection begins at the cursor; it ends where it did when that is later, else with the recording."""
        start_s, end_s = self._cursor_s, self._selection_s[1] if self._selection_s else math.inf
        self._select(start_s, end_s if end_s > start_s else math.inf)

    @Slot()
    def select_to_cursor(self) -> None:
        """The selection ends at the cursor; it begins where it did when that is earlier, else with the recording."""
        start_s, end_s = self._selection_s[0] if self._selection_s else -math.inf, self._cursor_s
        self._select(start_s if start_s < end_s else -math.inf, end_s)

    @Slot()
    def refresh(self) -> None:
        """Draws rows that came since; called ten times a second while visible."""
        recording = self._recording
        if recording is None or len(recording) == self._shown_frames:
            if recording is None:
                self._redraw.start()
            return
        showed_newest = self._shown_frames == 0 or self.view_s[1] >= self._last_end_s - 1e-9
        self._shown_frames = len(recording)
        self._last_end_s = recording.end_s
        if self._face_id is None:
            self._face_id = next(iter(recording.faces()), None)
        self._header.set_faces(recording.faces(), self._face_id)
        self._redraw.start()
        self._limit_view()  # first: a view beyond the old limits would be cut
        if showed_newest and self._follow_s is None:
            self.show_span(min(self.view_s[0], recording.start_s), recording.end_s)
        elif showed_newest:
            start_s, end_s = self.view_s
            self._show_last(end_s - start_s)
        if self._follow_s is not None:
            self.cursor_s = recording.end_s

    @Slot()
    def show_newest(self) -> None:
        """The last ``follow_s`` seconds, and what follows on them; all of a finished recording."""
        if self._follow_s is not None:
            self._show_last(self._follow_s)
        else:
            self.show_all()

    def signal_colour(self, key: str) -> QColor:
        """Of a curve, in this theme."""
        return signal_colour(key, self._labels, dark=theme_of(self).dark)

    def _connect(self) -> None:
        plots = self.plots
        plots.scrubbed.connect(self._on_scrubbed)
        plots.selected.connect(self._select)
        plots.deselected.connect(self._on_deselected)
        # At once and not by the timer: Qt would paint the old curves in the new range, and then all of it again.
        plots.view_changed.connect(self._draw)
        plots.resized.connect(self._redraw.start)
        header = self._header
        header.face_chosen.connect(self._on_face_chosen)
        header.signal_toggled.connect(self._on_signal_toggled)
        header.zoom_in_pressed.connect(self.zoom_in)
        header.zoom_out_pressed.connect(self.zoom_out)
        header.show_all_pressed.connect(self.show_newest)
        header.zoom_selection_pressed.connect(self.zoom_to_selection)
        header.mark_pressed.connect(self.mark_pressed)

    @Slot(float)
    def _on_scrubbed(self, time_s: float) -> None:
        if self._recording is not None:
            time_s = min(max(time_s, self._recording.start_s), max(self._recording.end_s, self._recording.start_s))
        self.cursor_s = time_s
        self.cursor_moved.emit(time_s)

    @Slot(float, float)
    def _select(self, start_s: float, end_s: float) -> None:
        if self._recording is None:
            return
        start_s, end_s = max(start_s, self._recording.start_s), min(end_s, self._recording.end_s)
        if end_s > start_s and self._follow_s is None:
            self.selection_s = (start_s, end_s)

    @Slot()
    def _on_deselected(self) -> None:
        self.selection_s = None

    @Slot()
    def _on_marks_changed(self) -> None:
        self.plots.show_marks(self.marks.marks, theme_of(self))

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

    def _show_last(self, seconds: float) -> None:
        """The newest on the right, or the first seconds of all until these are over."""
        first_s, last_s = (self._recording.start_s, self._recording.end_s) if self._recording else (0.0, 0.0)
        end_s = max(last_s, first_s + seconds)
        self.show_span(end_s - seconds, end_s)

    def _limit_view(self) -> None:
        self.plots.limit_view(self._recording, self._follow_s or 0.0)

    @Slot()
    def _draw(self) -> None:
        self._redraw.stop()
        seen = self._recording.faces() if self._recording is not None else ()
        self.plots.draw(self._recording, self._face_id if self._face_id in seen else None)

    def _signal_colours(self) -> dict[str, QColor]:
        return {key: self.signal_colour(key) for key in self._signals}

    def _show_signals(self) -> None:
        colours = self._signal_colours()
        self.plots.set_signals(colours)
        self._header.set_signals(self._signals, colours, signal_names(self._labels))

    def _apply_theme(self) -> None:
        self.plots.set_theme(theme_of(self), self.font())
        self._show_signals()
        self._on_marks_changed()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Dark or light, or another font."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange) and hasattr(self, "_watch"):
            self._apply_theme()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Watches the recording while it is seen; its first painting waits until all around it is painted."""
        super().showEvent(event)
        if not self._painted:
            self._painted = True
            self.plots.setUpdatesEnabled(False)
            QTimer.singleShot(_FIRST_PAINT_MS, self, self._on_first_paint)
        self._watch.start()
        self.refresh()

    @Slot()
    def _on_first_paint(self) -> None:
        self.plots.setUpdatesEnabled(True)

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        """Rests while it is not."""
        self._watch.stop()
        super().hideEvent(event)
