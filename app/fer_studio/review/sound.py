"""The sound of a file through Qt Multimedia, where this machine has it; silence, with the reason, where not.

Qt Multimedia is loaded when a file with sound is opened: it needs libraries of the system (PulseAudio on Linux) that a
machine without sound may lack, and the window must open there too.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QUrl, Signal, Slot

#: How far what is heard lies behind Qt's position, in seconds of the media, at each speed: Qt stretches sound so that
#: its pitch stays. Measured at the monitor of PulseAudio with Qt 6.11; at normal speed nothing is stretched.
_STRETCHING_S = {0.25: 0.03, 0.5: 0.085, 0.75: 0.09, 1.25: 0.13, 1.5: 0.125, 2.0: 0.135}


#: Qt says so often where it is, and nothing in between; on average it is half of this further.
_TOLD_EVERY_S = 0.05


class Sound(QObject):
    """Plays along with the pictures. Every method is harmless while there is no sound."""

    problem_changed = Signal(str)
    """Why there is no sound; empty when there is."""
    became_ready = Signal()
    """It is loaded, and would be heard from now on."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._player: Any = None
        self._output: Any = None
        self._ready = False
        self._start_s = 0.0
        self._told = (0.0, 0.0)
        """The position of the file that was told last, in seconds, and when, by the machine's clock."""
        self._rate = 1.0
        self._volume = 1.0
        self.problem = "this file has no sound"

    @property
    def is_playing(self) -> bool:
        """Whether :meth:`position_s` runs, so that pictures can follow it."""
        return self._ready and bool(self._player.playbackState() == self._player.PlaybackState.PlayingState)

    @property
    def position_s(self) -> float:
        """What is heard, in the time of the media."""
        if not self._ready:
            return 0.0
        told_s, at_s = self._told
        since_s = min(max(time.perf_counter() - at_s, 0.0), 2 * _TOLD_EVERY_S) if self.is_playing else _TOLD_EVERY_S / 2
        return self._start_s + told_s + (since_s - _TOLD_EVERY_S / 2) * self._rate - self._late_s

    @property
    def _late_s(self) -> float:
        return _STRETCHING_S.get(self._rate, 0.0)

    def open(self, path: Path, start_s: float = 0.0) -> None:
        """The sound of a file; what is wrong with it goes to ``problem``.

        Args:
            path: the file.
            start_s: where its time begins, from which Qt counts.
        """
        self.close()
        self._start_s, self._told = start_s, (0.0, 0.0)
        try:
            from PySide6.QtMultimedia import QAudioOutput, QMediaDevices, QMediaPlayer
        except ImportError as error:
            self._say(f"no sound: Qt Multimedia cannot be loaded ({error}); install the library that it names")
            return
        if QMediaDevices.defaultAudioOutput().isNull():
            self._say("no sound: this machine has no audio output; connect one and open the file again")
            return
        self._output = QAudioOutput(self)
        self._output.setVolume(self._volume)
        self._player = QMediaPlayer(self)
        if not self._player.isAvailable():
            self.close()
            self._say("no sound: Qt Multimedia lacks a library of the system; fer-studio doctor names it")
            return
        self._player.setAudioOutput(self._output)
        self._player.mediaStatusChanged.connect(self._on_status_changed)
        self._player.errorOccurred.connect(self._on_error)
        self._player.positionChanged.connect(self._on_position)
        self._player.setSource(QUrl.fromLocalFile(str(path.resolve())))

    def play(self, position_s: float) -> None:
        """From there on."""
        if self._ready:
            position_s += self._late_s - self._start_s
            self._told = (position_s, time.perf_counter())
            self._player.setPosition(round(position_s * 1000))
            self._player.setPlaybackRate(self._rate)
            self._player.play()

    def pause(self) -> None:
        """Silence."""
        if self._ready:
            self._player.pause()

    def set_rate(self, rate: float) -> None:
        """Speed, 1 is normal."""
        self._rate = rate
        if self._ready:
            self._told = (self._player.position() / 1000, time.perf_counter())
            self._player.setPlaybackRate(rate)

    def set_volume(self, volume: float) -> None:
        """0..1"""
        self._volume = volume
        if self._output is not None:
            self._output.setVolume(volume)

    def close(self) -> None:
        """Ends playing; idempotent."""
        self._ready = False
        if self._player is not None:
            self._player.stop()
            self._player.setSource(QUrl())
            self._player.deleteLater()
            self._output.deleteLater()
        self._player = self._output = None
        self._say("this file has no sound")

    @Slot()
    def _on_status_changed(self) -> None:
        player: Any = self._player
        if player is None or id(self.sender()) != id(player):  # a late word of the file before
            return
        status, kinds = player.mediaStatus(), player.MediaStatus
        if status in (kinds.LoadedMedia, kinds.BufferedMedia, kinds.BufferingMedia) and not self._ready:
            self._ready = bool(player.hasAudio())
            self._say("" if self._ready else "this file has no sound that can be played")
            if self._ready:
                self.became_ready.emit()

    @Slot("qlonglong")
    def _on_position(self, position_ms: int) -> None:
        if self._player is not None and id(self.sender()) == id(self._player):
            self._told = (position_ms / 1000, time.perf_counter())

    @Slot()
    def _on_error(self) -> None:
        if self._player is not None:
            self._ready = False
            self._say(f"no sound: {self._player.errorString()}")

    def _say(self, problem: str) -> None:
        self.problem = problem
        self.problem_changed.emit(problem)
