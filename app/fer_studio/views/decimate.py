"""What of a long recording a screen can show: as many points as it has columns, whatever the length.

Peaks survive (each column keeps its lowest and highest value), and gaps stay gaps: pyqtgraph's own downsampling loses a
whole column to one missing value, and would hide a face that flickers. No Qt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fer_core.types import Floats
from fer_studio.session import NO_EXPRESSION, Codes, Doubles, Ints

#: Visible values a column from which on columns are made; below, every value is drawn.
_DENSE = 3


@dataclass(frozen=True, slots=True)
class Polyline:
    """Points to join."""

    x: Doubles
    """(n,)"""
    y: Doubles
    """(n,) finite."""
    joined: npt.NDArray[np.int32]
    """(n,) 1 where a line goes on to the next point, else 0."""


class Run(NamedTuple):
    """A stretch of one expression."""

    start_s: float
    end_s: float
    expression: int


def visible(time_s: Doubles, start_s: float, end_s: float) -> slice:
    """The rows of a span, and one on either side so that lines reach the edges."""
    first, last = np.searchsorted(time_s, (start_s, end_s), side="left")
    return slice(max(int(first) - 1, 0), min(int(last) + 1, len(time_s)))


def polyline(time_s: Doubles, values: Floats, position: Ints, start_s: float, end_s: float, columns: int) -> Polyline:
    """A curve over a span.

    Args:
        time_s: (n,) rising.
        values: (n,), NaN where nothing was measured.
        position: (n,) frame of each row; rows of frames that do not follow each other are not joined.
        start_s: of the span.
        end_s: of the span.
        columns: pixels that the span is wide, at least 1.
    """
    part = visible(time_s, start_s, end_s)
    x, y, frames = time_s[part], values[part], position[part]
    if len(x) > _DENSE * columns:
        return _envelope(x, y, frames, start_s, end_s, columns)
    measured = np.isfinite(y)
    rows = np.flatnonzero(measured)
    frames, places = frames[rows], rows
    joined = np.zeros(len(rows), np.int32)
    joined[:-1] = (np.diff(frames) == 1) & (np.diff(places) == 1)
    return Polyline(x[rows], y[rows].astype(np.float64), joined)


def _envelope(x: Doubles, y: Floats, frames: Ints, start_s: float, end_s: float, columns: int) -> Polyline:
    column, starts, ends = _columns(x, start_s, end_s, columns)
    low, high = np.fmin.reduceat(y, starts), np.fmax.reduceat(y, starts)
    measured = np.isfinite(low)
    column, starts, ends, low, high = (part[measured] for part in (column, starts, ends, low, high))
    count = len(starts)
    joined = np.ones((count, 2), np.int32)
    if count:
        # A gap that is narrower than a column cannot be seen.
        joined[:-1, 1] = (frames[starts[1:]] - frames[ends[:-1]] == 1) | (np.diff(column) == 1)
        joined[-1, 1] = 0
    times = np.repeat(x[starts], 2)
    return Polyline(times, np.stack([low, high], axis=1).astype(np.float64).ravel(), joined.ravel())


def _columns(x: Doubles, start_s: float, end_s: float, columns: int) -> tuple[Ints, Ints, Ints]:
    """Of every column of the screen that holds rows: its number, its first and its last row."""
    edges = np.searchsorted(x, np.linspace(start_s, end_s, columns, endpoint=False))
    edges[0] = 0
    last = np.append(edges[1:], len(x)) - 1
    filled = np.flatnonzero(last >= edges)
    return filled, edges[filled], last[filled]


def runs(
    time_s: Doubles,
    expression: Codes,
    frame_time_s: Doubles,
    position: Ints,
    start_s: float,
    end_s: float,
    columns: int,
) -> list[Run]:
    """Stretches of the same expression over a span, at most one a column; frames without one are left out.

    Each row holds until the next frame of the recording. Where a column stands for several rows, the expression that
    holds most of them is shown.

    Args:
        time_s: (n,) rising.
        expression: (n,) codes.
        frame_time_s: (F,) times of all frames.
        position: (n,) frame of each row.
        start_s: of the span.
        end_s: of the span.
        columns: pixels that the span is wide, at least 1.
    """
    part = visible(time_s, start_s, end_s)
    x, codes, frames = time_s[part], expression[part], position[part]
    if not len(x):
        return []
    if len(x) > _DENSE * columns:
        _, starts, ends = _columns(x, start_s, end_s, columns)
        x, codes, frames = x[starts], _dominant(codes, starts), frames[ends]
    until = _next_time_s(frame_time_s, frames)
    column_s = (end_s - start_s) / columns
    changes = np.flatnonzero((codes[1:] != codes[:-1]) | (x[1:] > until[:-1] + column_s)) + 1
    firsts = np.concatenate(([0], changes))
    lasts = np.append(firsts[1:], len(x)) - 1
    shown = codes[firsts] != NO_EXPRESSION
    firsts, lasts = firsts[shown], lasts[shown]
    columns_of_runs = (x[firsts].tolist(), until[lasts].tolist(), codes[firsts].tolist())
    return list(map(Run._make, zip(*columns_of_runs, strict=True)))


def _dominant(codes: Codes, starts: Ints) -> Codes:
    """Of each group of rows the code that most of them have."""
    kinds = range(NO_EXPRESSION, int(codes.max()) + 1)
    counts = [np.add.reduceat(codes == kind, starts, dtype=np.int32) for kind in kinds]
    dominant: Codes = (np.argmax(counts, axis=0) + NO_EXPRESSION).astype(np.int8)
    return dominant


def _next_time_s(frame_time_s: Doubles, position: Ints) -> Doubles:
    """When the frame after each of these comes; the last frame is shown for as long as the one before it."""
    last = len(frame_time_s) - 1
    last_length_s = frame_time_s[last] - frame_time_s[last - 1] if last else 0.0
    following = frame_time_s[np.minimum(position + 1, last)]
    return np.where(position < last, following, frame_time_s[last] + last_length_s)
