"""How a person likes to watch, from one start to the next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QObject, QSettings, Slot
from PySide6.QtGui import QAction

from fer_studio.review.transport import TransportBar
from fer_studio.views.timeline import Timeline

_VOLUME, _SPEED, _SIGNALS = "review/volume", "review/speed", "review/signals"


class Habits(QObject):
    """Restores volume, speed, curves and what can be switched on; remembers what is chosen from then on.

    Args:
        settings: where it is remembered.
        transport, timeline: what it is remembered of.
        switches: actions that are on or off, each with its name.
        parent: as usual.
    """

    def __init__(
        self,
        settings: QSettings,
        transport: TransportBar,
        timeline: Timeline,
        switches: Mapping[str, QAction],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._settings = settings
        self._timeline = timeline
        self._switches = {action: f"review/{name}" for name, action in switches.items()}
        transport.volume = self._number(_VOLUME, 1.0)
        transport.speed = self._number(_SPEED, 1.0)
        if names := str(settings.value(_SIGNALS, "") or ""):
            timeline.choose_signals(names.split())
        for action, key in self._switches.items():
            action.setChecked(bool(settings.value(key, action.isChecked(), type=bool)))
            action.toggled.connect(self._on_switched)
        transport.volume_chosen.connect(self._on_volume)
        transport.speed_chosen.connect(self._on_speed)
        timeline.signals_chosen.connect(self._on_signals)

    @Slot(float)
    def _on_volume(self, volume: float) -> None:
        self._settings.setValue(_VOLUME, volume)

    @Slot(float)
    def _on_speed(self, speed: float) -> None:
        self._settings.setValue(_SPEED, speed)

    @Slot()
    def _on_signals(self) -> None:
        self._settings.setValue(_SIGNALS, " ".join(self._timeline.signals))

    @Slot(bool)
    def _on_switched(self, on: bool) -> None:
        action: Any = self.sender()
        self._settings.setValue(self._switches[action], on)

    def _number(self, key: str, usual: float) -> float:
        try:
            return float(str(self._settings.value(key, usual)))
        except ValueError:  # a file that somebody edited
            return usual
