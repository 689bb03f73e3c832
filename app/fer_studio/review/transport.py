"""The row of controls under the picture."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSlider, QToolButton, QWidget

from fer_studio.review.playback import SPEEDS
from fer_studio.views.timeline_text import clock_text

_NORMAL = SPEEDS.index(1.0)
_VOLUME_PX = 90
_LOUDEST = 100
#: Of the height of a line.
_ICON_LINES = 1.35


class TransportBar(QWidget):
    """Buttons of the given actions, speed, sound, and where playing is.

    Args:
        items: an action for a button, a word between two of them, or None for a gap.
        parent: as usual.
    """

    speed_chosen = Signal(float)
    volume_chosen = Signal(float)
    """0..1"""

    def __init__(self, items: Sequence[QAction | str | None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 4, 8, 4)
        row.setSpacing(2)
        for item in items:
            if item is None:
                row.addSpacing(14)
            elif isinstance(item, str):
                row.addWidget(QLabel(item))
            else:
                row.addWidget(self._button(item))
        self._speed = QComboBox()
        self._speed.setAccessibleName("Speed")
        self._speed.setToolTip("Speed of playing")
        for speed in SPEEDS:
            self._speed.addItem(f"{speed:g} ×", speed)
        self._speed.setCurrentIndex(_NORMAL)
        self._speed.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keys to the player
        self._speed.activated.connect(self._on_speed_activated)
        self._place = QLabel()
        self._place.setAccessibleName("Position")
        self._place.setToolTip("Time of this frame, end of the recording, number of the frame and count of frames")
        self._place.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._sound = QLabel()
        self._sound.setAccessibleName("Sound")
        self._volume = QSlider(Qt.Orientation.Horizontal)
        self._volume.setRange(0, _LOUDEST)
        self._volume.setValue(_LOUDEST)
        self._volume.setFixedWidth(_VOLUME_PX)
        self._volume.setAccessibleName("Volume")
        self._volume.setToolTip("Volume")
        self._volume.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._volume.valueChanged.connect(self._on_volume_changed)
        row.addSpacing(14)
        row.addWidget(self._speed)
        row.addStretch(1)
        row.addWidget(self._place)
        row.addSpacing(14)
        row.addWidget(self._sound)
        row.addWidget(self._volume)
        self.show_sound("this file has no sound")
        self.show_place(0, 0, 0.0, 0.0)

    def _button(self, action: QAction) -> QToolButton:
        side_px = round(_ICON_LINES * self.fontMetrics().height())
        button = QToolButton()
        button.setDefaultAction(action)
        button.setAccessibleName(action.toolTip())
        button.setAutoRaise(True)
        button.setIconSize(QSize(side_px, side_px))
        return button

    @property
    def speed(self) -> float:
        """The chosen one. Setting another takes the nearest that there is, and tells."""
        return float(self._speed.currentData())

    @speed.setter
    def speed(self, speed: float) -> None:
        nearest = min(range(len(SPEEDS)), key=lambda row: abs(SPEEDS[row] - speed))
        self.change_speed(nearest - self._speed.currentIndex())

    @property
    def volume(self) -> float:
        """0..1; setting another tells."""
        return self._volume.value() / _LOUDEST

    @volume.setter
    def volume(self, volume: float) -> None:
        self._volume.setValue(round(_LOUDEST * volume))

    @Slot(int)
    def change_speed(self, steps: int) -> None:
        """Faster or slower by so many steps."""
        index = min(max(self._speed.currentIndex() + steps, 0), len(SPEEDS) - 1)
        self._speed.setCurrentIndex(index)
        self._on_speed_activated(index)

    def show_place(self, index: int, frames: int, time_s: float, end_s: float) -> None:
        """Time and frame."""
        if frames:
            self._place.setText(f"{clock_text(time_s, 3)} / {clock_text(end_s, 3)}   {index}/{frames}")
        else:
            self._place.setText("")

    @Slot(str)
    def show_sound(self, problem: str) -> None:
        """Why there is no sound; empty when there is."""
        self._volume.setVisible(not problem)
        self._sound.setText("Sound" if not problem else "No sound")
        self._sound.setToolTip(problem)
        self._sound.setEnabled(not problem)

    @Slot(int)
    def _on_speed_activated(self, row: int) -> None:
        self.speed_chosen.emit(float(self._speed.itemData(row)))

    @Slot(int)
    def _on_volume_changed(self, percent: int) -> None:
        self.volume_chosen.emit(percent / _LOUDEST)
