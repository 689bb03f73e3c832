"""Presentation times that always rise, and that equal the file's own wherever those rise."""

from __future__ import annotations

import math
from fractions import Fraction

#: A step back of at least this much is a new timeline (joined recordings), a smaller one is jitter.
RESTART_S = 1.0


class PresentationClock:
    """Turns the time stamps of consecutive frames into strictly rising seconds.

    A frame with a rising stamp gets ``float(pts * time_base)``, unchanged. The others:

    - no stamp: one frame duration after the previous frame;
    - equal to or just below the previous stamp (a repeated frame, jitter): between the previous time and the next
      tick of the time base, so that it can never reach the stamp of a later frame;
    - :data:`RESTART_S` or more below the previous stamp: the timeline starts again. The frame comes one frame
      duration after the previous one, and the stamps that follow keep their distances from it.
    """

    def __init__(self, time_base: Fraction, frame_duration_s: float) -> None:
        self._numerator, self._denominator = time_base.numerator, time_base.denominator
        self._frame_duration_s = frame_duration_s
        self._offset_s = 0.0
        self._last_s: float | None = None
        self._last_stamp_s = -math.inf

    def place(self, pts: int | None) -> float:
        """Time in seconds of the next frame, whose stamp is ``pts`` in ticks of the time base."""
        # Division of integers is correctly rounded, as float(Fraction) is, and much cheaper.
        stamp_s = None if pts is None else pts * self._numerator / self._denominator + self._offset_s
        time_s = self._rising(stamp_s)
        self._last_s = time_s
        return time_s

    def _rising(self, stamp_s: float | None) -> float:
        if self._last_s is None:
            self._last_stamp_s = stamp_s if stamp_s is not None else 0.0
            return self._last_stamp_s
        if stamp_s is not None and stamp_s > self._last_s:
            self._last_stamp_s = stamp_s
            return stamp_s
        one_later_s = self._last_s + self._frame_duration_s
        if stamp_s is None:
            self._last_stamp_s = one_later_s
            return one_later_s
        if self._last_s - stamp_s >= RESTART_S:
            self._offset_s += one_later_s - stamp_s
            self._last_stamp_s = one_later_s
            return one_later_s
        next_tick_s = self._last_stamp_s + self._numerator / self._denominator
        return max((self._last_s + next_tick_s) / 2, math.nextafter(self._last_s, math.inf))
