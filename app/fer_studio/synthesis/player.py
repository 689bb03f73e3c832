"""Goes through the frames of a sequence in the time that they have."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from fer_studio.review.playback import PlaybackClock


class SequencePlayer(QObject):
    """Says which frame is due. Where showing one takes longer, frames are left out and the time stays right."""

    frame_due = Signal(int)
    state_changed = Signal(bool)
    """Whether it runs."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._clock = PlaybackClock()
        self._fps = 1.0
        self._count = 0
        self._index = 0
        self._loop = False
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._on_tick)

    @property
    def running(self) -> bool:
        """Whether it plays."""
        return self._clock.running

    @property
    def index(self) -> int:
        """The present frame, 0-based."""
        return self._index

    @property
    def count(self) -> int:
        """Frames of the sequence."""
        return self._count

    @property
    def loop(self) -> bool:
        """Whether it begins again at the end."""
        return self._loop

    @loop.setter
    def loop(self, loop: bool) -> None:
        self._loop = loop
        self._clock.loop_s = self._clock.range_s if loop else None

    def set_sequence(self, count: int, fps: float, *, same_place: bool = False) -> None:
        """Another sequence; one that runs goes on running.

        Args:
            count: frames; with none it stops.
            fps: frames a second.
            same_place: go on at the same share of its time, and not from the beginning.
        """
        share = self._index / self._count if same_place and self._count else 0.0
        self._count, self._fps = count, fps
        self._clock.range_s = (0.0, count / fps)
        self.loop = self._loop
        self._timer.setInterval(max(1, round(1000 / fps)))
        self._index = min(int(share * count), max(count - 1, 0))
        self._clock.seek(self._index / fps)
        if not count:
            self.stop()

    def start(self) -> None:
        """Plays; from the beginning when it stood at the end."""
        if self._count and not self.running:
            if self._index == self._count - 1:
                self._clock.seek(0.0)
            self._clock.start()
            self._timer.start()
            self.state_changed.emit(True)
            self._on_tick()

    def stop(self) -> None:
        """Stands."""
        if self.running:
            self._clock.stop()
            self._timer.stop()
            self.state_changed.emit(False)

    def seek(self, index: int) -> None:
        """Goes to a frame, running or not."""
        self._clock.seek(index / self._fps)
        self._tell(index)

    @Slot()
    def _on_tick(self) -> None:
        self._clock.tick()
        self._tell(min(int(self._clock.position_s * self._fps), self._count - 1))
        if not self._clock.running:  # it came to the end
            self._timer.stop()
            self.state_changed.emit(False)

    def _tell(self, index: int) -> None:
        self._index = index
        self.frame_due.emit(index)
