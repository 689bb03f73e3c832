"""Play, loop, where playing is, and how long and how fine the sequence is."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QHBoxLayout, QLabel, QSlider, QToolButton, QVBoxLayout, QWidget

from fer_studio.review.elided_label import ElidedLabel
from fer_studio.review.icons import icon
from fer_studio.synthesis.remembered import DURATION_S, FRAME_RATES_HZ, Remembered
from fer_studio.theme import theme_of

_ICON_LINES = 1.35


class SynthesisTransport(QWidget):
    """It only says what the person wants."""

    play_toggled = Signal(bool)
    loop_toggled = Signal(bool)
    sought = Signal(int)
    """Frame, 0-based."""
    timing_changed = Signal()

    def __init__(self, remembered: Remembered, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.play = self._action("Play", "Space", "Play or pause the sequence")
        self.loop = self._action("Loop", "Ctrl+L", "Begin again at the end")
        self.loop.setChecked(remembered.loop)
        self.play.triggered.connect(self.play_toggled)
        self.loop.toggled.connect(self.loop_toggled)
        self._place = QSlider(Qt.Orientation.Horizontal)
        self._place.setAccessibleName("Position in the sequence")
        self._place.setToolTip("Move to see a moment of the sequence")
        self._place.valueChanged.connect(self.sought)
        self._what = ElidedLabel()
        self._what.setAccessibleName("What is played")
        self._duration = QDoubleSpinBox(minimum=DURATION_S[0], maximum=DURATION_S[1], singleStep=0.5, decimals=1)
        self._duration.setSuffix(" s")
        self._duration.setValue(remembered.duration_s)
        self._duration.setAccessibleName("Duration")
        self._duration.setToolTip("Duration of the sequence")
        self._duration.valueChanged.connect(self.timing_changed)
        self._rate = QComboBox()
        for rate_hz in FRAME_RATES_HZ:
            self._rate.addItem(f"{rate_hz} frames/s", rate_hz)
        self._rate.setCurrentIndex(FRAME_RATES_HZ.index(remembered.frame_rate_hz))
        self._rate.setAccessibleName("Frames a second")
        self._rate.setToolTip("Frames a second, in playing and in what is written")
        self._rate.currentIndexChanged.connect(self.timing_changed)
        self._lay_out()
        self.show_sequence(0, "")
        self._draw_signs()

    @property
    def duration_s(self) -> float:
        """The chosen one."""
        return round(self._duration.value(), 1)

    @property
    def frame_rate_hz(self) -> int:
        """The chosen one."""
        return int(self._rate.currentData())

    def show_sequence(self, frames: int, what: str) -> None:
        """What would be played; nothing with no frames."""
        with QSignalBlocker(self._place):
            self._place.setRange(0, max(frames - 1, 0))
        self._what.setText(what if frames else "Point, draw or choose above")
        for part in (self.play, self._place):
            part.setEnabled(frames > 0)

    def show_place(self, index: int) -> None:
        """Where playing is."""
        with QSignalBlocker(self._place):
            self._place.setValue(index)

    def show_playing(self, playing: bool) -> None:
        """Whether it plays."""
        self.play.setChecked(playing)
        self.play.setText("Pause" if playing else "Play")
        self._draw_signs()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802  Qt's name
        """Dark or light."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange and hasattr(self, "_what"):
            self._draw_signs()

    def _action(self, text: str, keys: str, tip: str) -> QAction:
        action = QAction(text, self)
        action.setCheckable(True)
        action.setShortcut(QKeySequence(keys))
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.setToolTip(f"{tip} ({action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)})")
        return action

    def _draw_signs(self) -> None:
        theme = theme_of(self)
        self.play.setIcon(icon("pause" if self.play.isChecked() else "play", theme))
        self.loop.setIcon(icon("loop", theme))

    def _lay_out(self) -> None:
        side_px = round(_ICON_LINES * self.fontMetrics().height())
        above, below = QHBoxLayout(), QHBoxLayout()
        for action in (self.play, self.loop):
            button = QToolButton()
            button.setDefaultAction(action)
            button.setIconSize(QSize(side_px, side_px))
            button.setAccessibleName(action.toolTip())
            above.addWidget(button)
        above.addWidget(self._place, 1)
        below.addWidget(self._what, 1)
        below.addWidget(QLabel("in"))
        below.addWidget(self._duration)
        below.addWidget(QLabel("at"))
        below.addWidget(self._rate)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(above)
        column.addLayout(below)
