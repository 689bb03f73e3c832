"""Says whether the machine keeps up."""

from __future__ import annotations

import time

from PySide6.QtCore import QTimer, Slot
from PySide6.QtWidgets import QLabel, QWidget

from fer_studio.synthesis.photo_view import Painted
from fer_studio.workers.meter import RateMeter

_EVERY_S = 0.25
_IDLE_MS = 2000
"""A figure of a time in which nothing moves says nothing."""
_MEMORY = 0.2
"""Share of the newest picture in the shown time."""


class PaceLabel(QLabel):
    """Pictures a second, and the time from a wish to its picture."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Speed of the preview")
        self.setToolTip("Synthesised pictures a second, and the time from a movement of the pointer to its picture")
        self._meter = RateMeter()
        self._latency_s = 0.0
        self._said_s = 0.0
        self._idle = QTimer(self, interval=_IDLE_MS, singleShot=True)
        self._idle.timeout.connect(self._on_idle)

    @Slot(object)
    def on_painted(self, painted: Painted) -> None:
        """A picture was seen."""
        self._meter.tick()
        self._idle.start()
        if not self._latency_s:
            self._latency_s = painted.latency_s
        self._latency_s += _MEMORY * (painted.latency_s - self._latency_s)
        now_s = time.monotonic()
        rate_hz = self._meter.rate_hz
        if now_s - self._said_s >= _EVERY_S and rate_hz >= 1:
            self._said_s = now_s
            self.setText(f"{rate_hz:.0f} frames/s, {1000 * self._latency_s:.0f} ms")

    @Slot()
    def _on_idle(self) -> None:
        self._latency_s = 0.0
        self.clear()
