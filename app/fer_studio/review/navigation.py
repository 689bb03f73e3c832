"""Where the next thing is that somebody may look for. No Qt."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from fer_core.record.spans import TIME_TOLERANCE_S
from fer_studio.marks import Mark
from fer_studio.session import NO_EXPRESSION, Codes, Doubles, Recording

#: A new expression counts when it lasts so long; shorter ones are flicker of the model.
LEAST_LENGTH_S = 0.2


def change_times(recording: Recording, face_id: int) -> Doubles:
    """(C,) when a face begins to show another expression, or comes or goes, for at least ``LEAST_LENGTH_S``.

    By the values that are shown: corrected by a baseline where there is one.

    Raises:
        KeyError: when the recording has no such face.
    """
    series = recording.series(face_id)
    codes: Codes = np.full(len(recording), NO_EXPRESSION, np.int8)
    codes[series.position] = series.corrected_expression
    times = recording.time_s
    if not len(codes):
        return np.empty(0)
    starts = np.concatenate(([0], np.flatnonzero(np.diff(codes)) + 1))
    lengths = np.diff(np.append(times[starts], recording.end_s))
    lasting = starts[lengths >= LEAST_LENGTH_S]
    changed = np.flatnonzero(np.diff(codes[lasting]) != 0) + 1
    found: Doubles = times[lasting[changed]]
    return found


def nearest_after(times: Iterable[float], here_s: float) -> float | None:
    """The first time after here."""
    return min((t for t in times if t > here_s + TIME_TOLERANCE_S), default=None)


def nearest_before(times: Iterable[float], here_s: float) -> float | None:
    """The last time before here."""
    return max((t for t in times if t < here_s - TIME_TOLERANCE_S), default=None)


def mark_times(marks: Iterable[Mark]) -> list[float]:
    """Starts and ends of all marks."""
    return sorted({t for mark in marks for t in (mark.start_s, mark.end_s)})
