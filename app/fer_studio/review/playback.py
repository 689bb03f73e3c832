"""Where playing is: a clock at any speed that follows the sound where there is some, and loops. No Qt."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

SPEEDS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)

#: Pictures may be this far from the sound before they leap to it. ITU-R BT.1359 puts the threshold at which people
#: notice at 45 ms of sound ahead and 125 ms behind.
SOUND_TOLERANCE_S = 0.04
#: Share of a smaller distance that is taken back in each tick: less than pictures advance, so that none comes twice.
_PULL = 0.05


class SoundClock(Protocol):
    """What the pictures follow."""

    @property
    def is_playing(self) -> bool:
        """Whether it runs."""

    @property
    def position_s(self) -> float:
        """Where it is."""


class PlaybackClock:
    """A position in the media that runs or stands.

    Args:
        now_s: a clock of the machine.
    """

    def __init__(self, now_s: Callable[[], float] = time.perf_counter) -> None:
        self._now_s = now_s
        self._position_s = 0.0
        self._since_s: float | None = None
        self._speed = 1.0
        self.range_s = (0.0, 0.0)
        """Start and end of the media."""
        self.loop_s: tuple[float, float] | None = None
        """Start and end of what is repeated."""

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self._since_s is not None

    @property
    def speed(self) -> float:
        """Media seconds a second."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        self.seek(self.position_s)
        self._speed = speed

    @property
    def position_s(self) -> float:
        """Now, not beyond the end."""
        position_s = self._position_s
        if self._since_s is not None:
            position_s += (self._now_s() - self._since_s) * self._speed
        return min(max(position_s, self.range_s[0]), self.range_s[1])

    def seek(self, time_s: float) -> None:
        """Goes there, running or not."""
        self._position_s = min(max(time_s, self.range_s[0]), self.range_s[1])
        if self._since_s is not None:
            self._since_s = self._now_s()

    def start(self) -> None:
        """Runs; from the start when it stood at the end."""
        if self.position_s >= self.range_s[1]:
            self.seek(self.range_s[0])
        if self.loop_s is not None and not self.loop_s[0] <= self.position_s < self.loop_s[1]:
            self.seek(self.loop_s[0])
        self._since_s = self._now_s()

    def stop(self) -> None:
        """Stands."""
        self._position_s, self._since_s = self.position_s, None

    def tick(self, sound: SoundClock | None = None) -> bool:
        """Follows the sound, loops, and stops at the end; True when it jumped, so that the sound must follow."""
        if not self.running:
            return False
        if sound is not None and sound.is_playing:
            behind_s = sound.position_s - self.position_s
            if abs(behind_s) > SOUND_TOLERANCE_S:
                self.seek(sound.position_s)
            else:
                self._position_s += _PULL * behind_s
        if self.loop_s is not None and self.position_s >= self.loop_s[1]:
            self.seek(self.loop_s[0])
            return True
        if self.position_s >= self.range_s[1]:
            self.stop()
        return False
