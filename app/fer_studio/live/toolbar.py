"""The controls of the live view. They only say what the person wants; the workspace does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QSignalBlocker, Qt, Signal, Slot
from PySide6.QtGui import QAction, QBrush, QColor, QIcon, QKeySequence, QPainter, QPixmap, QPolygonF
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QMenu,
    QSizePolicy,
    QSlider,
    QToolButton,
    QWidget,
)

from fer_studio.live.camera_choice import CameraChoice
from fer_studio.live.controller import LiveState
from fer_studio.settings import Preferences
from fer_studio.terms import explain

#: Sizes that cameras commonly offer; the camera takes the nearest it can.
RESOLUTIONS = ((0, 0), (640, 480), (1280, 720), (1920, 1080))
_SLIDER_STEPS_PER_S = 20
_SLIDER_MAX_S = 2.0
_ICON_PX = 32
_NEUTRAL, _HOLD_STILL, _STOP_RECORDING = "Neutral 3 s", "Hold still {:.0%}", "Stop recording"


@dataclass(frozen=True, slots=True)
class _Spec:
    """An action with its words."""

    text: str
    tooltip: str
    keys: str
    checkable: bool = False


class LiveToolbar(QWidget):
    """One row: camera, start, pause, record, neutral, smoothing, what is shown."""

    refresh_requested = Signal()
    camera_chosen = Signal()
    resolution_chosen = Signal()
    start_stop_requested = Signal()
    pause_toggled = Signal(bool)
    record_toggled = Signal(bool)
    neutral_requested = Signal()
    neutral_reset_requested = Signal()
    smoothing_changed = Signal(float)
    view_changed = Signal()
    """Mirror, boxes, mesh, axes, timeline or the order of the bars."""

    def __init__(self, preferences: Preferences, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._choices: list[CameraChoice] = []
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(6, 4, 6, 4)
        self._make_camera(preferences)
        self._make_run_buttons()
        self._make_neutral_buttons()
        self._make_smoothing(preferences)
        self._row.addStretch(1)
        self._make_view_menu(preferences)
        self.show_state(LiveState.STOPPED, ready=False, recording=False, face=False, baseline=False)

    # --- what the person chose

    @property
    def choice(self) -> CameraChoice | None:
        """The camera."""
        index = self._cameras.currentIndex()
        return self._choices[index] if 0 <= index < len(self._choices) else None

    @property
    def resolution(self) -> tuple[int, int]:
        """Width and height in pixels; zeros leave it to the camera."""
        return RESOLUTIONS[max(0, self._resolutions.currentIndex())]

    def view_options(self) -> dict[str, bool]:
        """By the names of :class:`~fer_studio.settings.Preferences`."""
        return {name: action.isChecked() for name, action in self._view_actions.items()}

    # --- what the window shows

    def show_cameras(self, found: Sequence[CameraChoice], selected: int) -> None:
        """Replaces the list."""
        with QSignalBlocker(self._cameras):
            self._choices = list(found)
            self._cameras.clear()
            self._cameras.addItems([choice.name for choice in found])
            self._cameras.setCurrentIndex(selected)

    def show_state(self, state: LiveState, *, ready: bool, recording: bool, face: bool, baseline: bool) -> None:
        """Enables what can be done now. ``ready``: the network is loaded; ``face``: one is selected."""
        live = state in (LiveState.RUNNING, LiveState.PAUSED)
        stopped = state is LiveState.STOPPED
        self.start.setText("Start" if stopped else "Stop")
        self.start.setIcon(_icon("start" if stopped else "stop"))
        self.start.setEnabled(bool(self._choices) or not stopped)
        self._pause.setEnabled(live)
        self._pause.setChecked(state is LiveState.PAUSED)
        self.record.setEnabled((live and ready) or recording)
        self.record.setChecked(recording)
        self.record.setText(_STOP_RECORDING if recording else "Record")
        self.neutral.setEnabled(state is LiveState.RUNNING and ready and face)
        self._reset.setEnabled(baseline)

    def show_calibration(self, progress: float | None) -> None:
        """How far collecting the neutral face is, 0..1."""
        text = _NEUTRAL if progress is None else _HOLD_STILL.format(progress)
        if self.neutral.text() != text:
            self.neutral.setText(text)

    # --- building

    def _make_camera(self, preferences: Preferences) -> None:
        self._cameras = QComboBox()
        self._cameras.setAccessibleName("camera")
        self._cameras.setToolTip("Camera")
        self._cameras.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._cameras.setMinimumContentsLength(14)
        self._cameras.setMaximumWidth(22 * self.fontMetrics().averageCharWidth() + 60)
        self._cameras.setPlaceholderText("looking for cameras ...")
        self._cameras.activated.connect(self._on_camera_activated)
        refresh = self._action(_Spec("Refresh", "Look for cameras again", "Ctrl+F5"), "refresh")
        refresh.triggered.connect(self.refresh_requested)
        self._resolutions = QComboBox()
        self._resolutions.setAccessibleName("resolution")
        self._resolutions.setToolTip("Size of the pictures; the camera takes the nearest that it can")
        for width_px, height_px in RESOLUTIONS:
            self._resolutions.addItem(f"{width_px} x {height_px}" if width_px else "Camera's size")
        wanted = (preferences.width_px, preferences.height_px)
        self._resolutions.setCurrentIndex(RESOLUTIONS.index(wanted) if wanted in RESOLUTIONS else 0)
        self._resolutions.activated.connect(self._on_resolution_activated)
        self._row.addWidget(self._cameras)
        self._row.addWidget(self._button(refresh, words=False))
        self._row.addWidget(self._resolutions)

    def _make_run_buttons(self) -> None:
        self.start = self._action(_Spec("Start", "Open or close the camera", "F5"), "start")
        self.start.triggered.connect(self.start_stop_requested)
        self._pause = self._action(_Spec("Pause", "Measure nothing for a while", "P", checkable=True), "pause")
        self._pause.triggered.connect(self.pause_toggled)
        self.record = self._action(
            _Spec("Record", "Write video and values together into a new folder", "Ctrl+R", checkable=True), "record"
        )
        self.record.triggered.connect(self.record_toggled)
        for action, words in (
            (self.start, ("Start", "Stop")),
            (self._pause, ("Pause",)),
            (self.record, ("Record", _STOP_RECORDING)),
        ):
            self._row.addWidget(_with_room(self._button(action), words))

    def _make_neutral_buttons(self) -> None:
        tooltip = "Look at the camera with a resting face for three seconds. " + explain("baseline")
        self.neutral = self._action(_Spec(_NEUTRAL, tooltip, "Ctrl+N"), "neutral")
        self.neutral.triggered.connect(self.neutral_requested)
        self._reset = self._action(_Spec("Reset", "Show raw values again", "Ctrl+Shift+N"), "reset")
        self._reset.triggered.connect(self.neutral_reset_requested)
        self._row.addWidget(_with_room(self._button(self.neutral), (_NEUTRAL, _HOLD_STILL.format(1.0))))
        self._row.addWidget(self._button(self._reset))

    def _make_smoothing(self, preferences: Preferences) -> None:
        self._smoothing = QSlider(Qt.Orientation.Horizontal)
        self._smoothing.setRange(0, round(_SLIDER_MAX_S * _SLIDER_STEPS_PER_S))
        self._smoothing.setFixedWidth(90)
        self._smoothing.setAccessibleName("smoothing in seconds")
        tooltip = explain("smoothing") + " Only what is shown: records stay as measured."
        self._smoothing.setToolTip(tooltip)
        self._smoothing_text = QLabel()
        self._smoothing_text.setToolTip(tooltip)
        self._smoothing_text.setMinimumWidth(self.fontMetrics().horizontalAdvance("Smooth 0.00 s "))
        self._smoothing.setValue(round(preferences.smooth_s * _SLIDER_STEPS_PER_S))
        self._smoothing.valueChanged.connect(self._on_smoothing)
        self._show_smoothing()
        self._row.addSpacing(8)
        self._row.addWidget(self._smoothing_text)
        self._row.addWidget(self._smoothing)

    def _make_view_menu(self, preferences: Preferences) -> None:
        menu = QMenu(self)
        self._view_actions: dict[str, QAction] = {}
        for name, spec in {
            "mirror": _Spec("Mirror", explain("mirror"), "F", checkable=True),
            "show_boxes": _Spec("Boxes", "Box, id and apparent expression of every face", "B", checkable=True),
            "show_mesh": _Spec("Mesh", explain("mesh"), "K", checkable=True),
            "show_axes": _Spec("Pose axes", explain("pose axes"), "A", checkable=True),
            "show_timeline": _Spec("Timeline", "The course of what was measured", "T", checkable=True),
            "sorted_bars": _Spec("Sort expressions by value", "Highest bar on top", "O", checkable=True),
        }.items():
            action = self._action(spec)
            action.setChecked(getattr(preferences, name))
            action.toggled.connect(self.view_changed)
            menu.addAction(action)
            self._view_actions[name] = action
        button = QToolButton()
        button.setText("Show")
        button.setToolTip("What is drawn over the picture, and how")
        button.setAccessibleName("show")
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setMenu(menu)
        self._row.addWidget(button)

    def set_view_options(self, preferences: Preferences) -> None:
        """After they were changed in the settings."""
        for name, action in self._view_actions.items():
            with QSignalBlocker(action):
                action.setChecked(getattr(preferences, name))

    def _action(self, spec: _Spec, icon: str = "") -> QAction:
        action = QAction(spec.text, self)
        action.setCheckable(spec.checkable)
        action.setShortcut(QKeySequence(spec.keys))
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.setToolTip(f"{spec.tooltip} ({action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)})")
        if icon:
            action.setIcon(_icon(icon))
        return action

    def _button(self, action: QAction, *, words: bool = True) -> QToolButton:
        button = QToolButton()
        button.setDefaultAction(action)
        button.setAccessibleName(action.text())
        style = Qt.ToolButtonStyle.ToolButtonTextBesideIcon if words else Qt.ToolButtonStyle.ToolButtonIconOnly
        button.setToolButtonStyle(style)
        return button

    def keyboard_actions(self) -> list[QAction]:
        """To be added to the workspace, so that the keys work wherever the focus is in it."""
        return self.findChildren(QAction)

    # --- slots

    @Slot(int)
    def _on_camera_activated(self, index: int) -> None:
        del index
        self.camera_chosen.emit()

    @Slot(int)
    def _on_resolution_activated(self, index: int) -> None:
        del index
        self.resolution_chosen.emit()

    @Slot(int)
    def _on_smoothing(self, value: int) -> None:
        self._show_smoothing()
        self.smoothing_changed.emit(value / _SLIDER_STEPS_PER_S)

    def _show_smoothing(self) -> None:
        seconds = self._smoothing.value() / _SLIDER_STEPS_PER_S
        self._smoothing_text.setText(f"Smooth {seconds:.2f} s" if seconds else "Smooth off")


def _with_room(button: QToolButton, texts: Sequence[str]) -> QToolButton:
    """The button, as wide as the longest of its texts asks for: what stands beside it must not move."""
    now, widths_px = button.text(), []
    for text in texts:
        button.setText(text)
        widths_px.append(button.sizeHint().width())
    button.setText(now)
    button.setMinimumWidth(max(widths_px))
    return button


def _icon(name: str) -> QIcon:
    """Drawn here in a grey that is seen on dark and on light; red is for recording alone."""
    pixmap = QPixmap(_ICON_PX, _ICON_PX)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QBrush(QColor("#d55e00" if name == "record" else "#7f8a96")))
    match name:
        case "start":
            painter.drawPolygon(QPolygonF([QPointF(8, 4), QPointF(28, 16), QPointF(8, 28)]))
        case "stop":
            painter.drawRect(6, 6, 20, 20)
        case "pause":
            painter.drawRect(6, 5, 7, 22)
            painter.drawRect(19, 5, 7, 22)
        case "record":
            painter.drawEllipse(5, 5, 22, 22)
        case _:
            pen = painter.pen()
            pen.setStyle(Qt.PenStyle.SolidLine)
            pen.setColor(QColor("#7f8a96"))
            pen.setWidth(4)
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            _draw_outline(painter, name)
    painter.end()
    return QIcon(pixmap)


def _draw_outline(painter: QPainter, name: str) -> None:
    if name == "neutral":  # a resting face
        painter.drawEllipse(4, 4, 24, 24)
        painter.drawLine(11, 20, 21, 20)
        painter.drawPoint(12, 13)
        painter.drawPoint(20, 13)
    else:  # a turning arrow: refresh and reset
        painter.drawArc(6, 6, 20, 20, 60 * 16, 290 * 16)
        painter.drawPolyline(QPolygonF([QPointF(14, 2), QPointF(21, 7), QPointF(15, 13)]))
