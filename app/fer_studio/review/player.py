"""Plays, scrubs and steps: decides which frame is to be seen, asks for it, and hands it on with its rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from fer_core.types import Frame, MediaInfo
from fer_studio.review.frame_loader import FrameLoader
from fer_studio.review.playback import PlaybackClock
from fer_studio.review.sound import Sound
from fer_studio.review.successive_threads import SuccessiveThreads
from fer_studio.session import Doubles

_TICK_MS = 15


class Player(QObject):
    """One medium at a time. All times are those of the media."""

    opened = Signal(object)
    """:class:`~fer_core.types.MediaInfo`"""
    frame_shown = Signal(object)
    """:class:`~fer_core.types.Frame`"""
    position_changed = Signal(float)
    """The exact time of the frame that is to be seen."""
    state_changed = Signal(bool)
    """Whether it plays."""
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.clock = PlaybackClock()
        self.sound = Sound(self)
        self.sound.became_ready.connect(self._on_sound_ready)
        self.info: MediaInfo | None = None
        self._loaders: SuccessiveThreads[FrameLoader] = SuccessiveThreads(self)
        self._time_s: Doubles = np.empty(0)
        self._index = -1
        self._first_s: float | None = None
        self._timer = QTimer(self, interval=_TICK_MS, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._on_tick)

    @property
    def time_s(self) -> Doubles:
        """(F,) times of all frames; empty until the medium is open."""
        return self._time_s

    @property
    def index(self) -> int:
        """Number of the frame that is to be seen, -1 before the first."""
        return self._index

    @property
    def position_s(self) -> float:
        """The exact time of that frame."""
        return float(self._time_s[self._index]) if self._index >= 0 else 0.0

    @property
    def playing(self) -> bool:
        """Whether it plays."""
        return self.clock.running

    def open(self, path: Path) -> None:
        """Another medium; ``opened`` or ``failed`` follows."""
        self.close()
        loader = FrameLoader(path, self)
        loader.opened.connect(self._on_opened)
        loader.frame_ready.connect(self._on_frame_ready)
        loader.failed.connect(self._on_failed)
        self._loaders.start(loader)

    def close(self) -> None:
        """Lets go of the medium without waiting."""
        self.pause()
        self.sound.close()
        self._loaders.retire()
        self.info = None
        self._time_s, self._index, self._first_s = np.empty(0), -1, None

    def shutdown(self) -> bool:
        """Closes, and waits for all threads; False when one did not end in time."""
        self.close()
        return self._loaders.shutdown()

    @Slot()
    def toggle(self) -> None:
        """Plays or pauses."""
        if self.playing:
            self.pause()
        else:
            self.play()

    @Slot()
    def play(self) -> None:
        """From here on; from the start at the end."""
        if len(self._time_s) > 1:
            self.clock.start()
            self.sound.play(self.clock.position_s)
            self._timer.start()
            self.state_changed.emit(True)

    @Slot()
    def pause(self) -> None:
        """Stands."""
        was_playing = self.playing
        self.clock.stop()
        self.sound.pause()
        self._timer.stop()
        if was_playing:
            self.state_changed.emit(False)

    def set_speed(self, speed: float) -> None:
        """0.25 to 2."""
        self.clock.speed = speed
        self.sound.set_rate(speed)

    def set_loop(self, span: tuple[float, float] | None) -> None:
        """Repeats a span; None plays on."""
        self.clock.loop_s = span

    def seek(self, time_s: float) -> None:
        """To the frame that is shown at a time. Before the medium is open the wish is kept."""
        if not len(self._time_s):
            self._first_s = time_s
            return
        self.clock.seek(time_s)
        if self.playing:
            self.sound.play(self.clock.position_s)
        self._show(self._index_at(time_s))

    def step(self, frames: int) -> None:
        """So many frames on or, when negative, back; pauses."""
        self.pause()
        if len(self._time_s):
            index = min(max(self._index + frames, 0), len(self._time_s) - 1)
            self.clock.seek(float(self._time_s[index]))
            self._show(index)

    @Slot()
    def _on_tick(self) -> None:
        jumped = self.clock.tick(self.sound)
        if jumped:
            self.sound.play(self.clock.position_s)
        index = self._index_at(self.clock.position_s)
        if index != self._index:
            self._show(index)
        if not self.clock.running:
            self.pause()
            self.state_changed.emit(False)

    @Slot(object, object)
    def _on_opened(self, info: MediaInfo, time_s: Doubles) -> None:
        loader = self._loaders.current
        if loader is None or self.sender() is not loader or not len(time_s):
            return
        self.info, self._time_s = info, time_s
        last_s = float(time_s[-1])
        length_s = last_s - float(time_s[-2]) if len(time_s) > 1 else 0.0
        self.clock.range_s = (float(time_s[0]), last_s + length_s)
        self.clock.loop_s = None
        if info.has_audio:
            self.sound.open(loader.path, info.start_s)
        self.opened.emit(info)
        self.seek(self._first_s if self._first_s is not None else float(time_s[0]))

    @Slot()
    def _on_sound_ready(self) -> None:
        if self.playing:
            self.sound.play(self.clock.position_s)

    @Slot(object)
    def _on_frame_ready(self, frame: Frame) -> None:
        if self.sender() is self._loaders.current:
            self.frame_shown.emit(frame)

    @Slot(str)
    def _on_failed(self, problem: str) -> None:
        if self.sender() is self._loaders.current:
            self.failed.emit(problem)

    def _index_at(self, time_s: float) -> int:
        return max(int(np.searchsorted(self._time_s, time_s + 1e-9, side="right")) - 1, 0)

    def _show(self, index: int) -> None:
        self._index = index
        if self._loaders.current is not None:
            self._loaders.current.request(index)
        self.position_changed.emit(float(self._time_s[index]))
