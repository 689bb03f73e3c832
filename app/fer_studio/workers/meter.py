"""Events per second over the last seconds, for the status bar."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

WINDOW_S = 2.0


class RateMeter:
    """Counts in one thread, read in another.

    Args:
        window_s: what "now" means.
        clock: seconds, monotonic; for tests.
    """

    def __init__(self, window_s: float = WINDOW_S, clock: Callable[[], float] = time.perf_counter) -> None:
        self._window_s = window_s
        self._clock = clock
        self._lock = threading.Lock()
        self._ticks_s: deque[float] = deque()
        self.count = 0
        """All events so far."""

    def tick(self) -> None:
        """One event, now."""
        now_s = self._clock()
        with self._lock:
            self.count += 1
            self._ticks_s.append(now_s)
            self._forget(now_s)

    @property
    def rate_hz(self) -> float:
        """Events per second; 0 when the last one is longer ago than the window, or there were fewer than two."""
        now_s = self._clock()
        with self._lock:
            self._forget(now_s)
            if len(self._ticks_s) < 2:
                return 0.0
            return (len(self._ticks_s) - 1) / max(self._ticks_s[-1] - self._ticks_s[0], 1e-6)

    def _forget(self, now_s: float) -> None:
        while self._ticks_s and now_s - self._ticks_s[0] > self._window_s:
            self._ticks_s.popleft()
