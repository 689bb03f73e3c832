"""The last seconds of a few signals: the store behind history lines and trails, and the lines themselves."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainterPath

from fer_studio.views.polylines import Doubles, add_line

HISTORY_S = 10.0
#: A longer silence between two samples is a gap of the line, not a straight piece.
GAP_S = 1.0
#: Where no media time is known, a sample counts as so much later than the one before.
UNTIMED_STEP_S = 1 / 30
_MIN_SPAN_S = 1e-3


class History:
    """Samples of some signals over the last seconds, thinned to at most ``bins`` of them.

    Args:
        signals: how many values a sample has.
        span_s: how far back it reaches.
        bins: a sample replaces the one before when both fall into the same ``1 / bins`` of the span: a line needs no
            more points than pixels.
    """

    def __init__(self, signals: int, span_s: float = HISTORY_S, bins: int = 100) -> None:
        self._span_s = max(span_s, _MIN_SPAN_S)
        self._bins = bins
        # Twice the bins, so that old samples are moved out only once every `bins` samples.
        self._times_s = np.empty(2 * bins + 4)
        self._values = np.empty((2 * bins + 4, signals))
        self._end = 0
        self._revision = 0

    @property
    def revision(self) -> int:
        """Another number whenever a sample was added or forgotten; the same while the newest is only replaced."""
        return self._revision

    @property
    def span_s(self) -> float:
        """How far back it reaches; a new span forgets what was there."""
        return self._span_s

    @span_s.setter
    def span_s(self, span_s: float) -> None:
        self._span_s = max(span_s, _MIN_SPAN_S)
        self.clear()

    @property
    def last_s(self) -> float:
        """Time of the newest sample, NaN when there is none."""
        return float(self._times_s[self._end - 1]) if self._end else float("nan")

    def clear(self) -> None:
        """Forgets every sample."""
        self._end = 0
        self._revision += 1

    def append(self, time_s: float | None, values: npt.ArrayLike | None) -> None:
        """A sample (signals,), or None for a time without one.

        A time before the newest sample starts anew: the person went back in a recording.
        """
        if time_s is None:
            time_s = self.last_s + UNTIMED_STEP_S if self._end else 0.0
        if self._end and time_s < self.last_s:
            self.clear()
        if self._end and time_s - self.last_s > GAP_S:
            self._push(time_s, np.nan)
        row = np.nan if values is None else np.asarray(values, dtype=np.float64)
        if self._end > 1 and self._same_bin(time_s):
            self._times_s[self._end - 1], self._values[self._end - 1] = time_s, row
        else:
            self._push(time_s, row)

    def _same_bin(self, time_s: float) -> bool:
        """Whether a sample now may replace the newest: in its bin, and neither is where a gap begins or ends."""
        step_s = self._span_s / self._bins
        newest, before = self._values[self._end - 1], self._values[self._end - 2]
        same_kind = bool(np.isnan(newest[0]) == np.isnan(before[0]))
        return same_kind and int(time_s / step_s) == int(self.last_s / step_s)

    def _push(self, time_s: float, row: Doubles | float) -> None:
        if self._end == len(self._times_s):
            kept = self._bins + 2
            self._times_s[:kept] = self._times_s[-kept:]
            self._values[:kept] = self._values[-kept:]
            self._end = kept
        self._times_s[self._end] = time_s
        self._values[self._end] = row
        self._end += 1
        self._revision += 1

    def samples(self) -> tuple[Doubles, Doubles]:
        """Ages in seconds (N,), oldest first, 0 the newest, at most ``span_s``; values (N, signals), NaN in gaps."""
        times = self._times_s[: self._end]
        first = int(np.searchsorted(times, self.last_s - self._span_s)) if self._end else 0
        return self.last_s - times[first:], self._values[first : self._end]

    def path(self, areas: list[QRectF]) -> QPainterPath:
        """The lines of all signals, each in its area: newest at the right edge, 0 at the bottom and 1 at the top.

        One path for all of them, because a drawing call costs more than a line.
        """
        path = QPainterPath()
        ages_s, values = self.samples()
        for area, signal in zip(areas, values.T, strict=False):
            x = area.right() - ages_s / self._span_s * area.width()
            add_line(path, x, area.bottom() - np.clip(signal, 0.0, 1.0) * area.height())
        return path
