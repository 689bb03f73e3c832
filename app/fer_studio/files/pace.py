"""How fast the whole queue is, and how long it will take. No Qt."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from statistics import fmean

from fer_studio.files.job import Job, JobState

#: A rate over less time says little.
_LEAST_S = 0.5


class QueuePace:
    """Counts the frames of all jobs from the first one on that is measured after :meth:`restart`.

    Args:
        now_s: a clock that never falls.
    """

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self.restart()

    def restart(self) -> None:
        """The queue rested: what was measured before does not count."""
        self._frames: dict[int, int] = {}
        self._since_s: float | None = None

    def note(self, number: int, frames: int) -> None:
        """So many frames of a job are measured."""
        if frames and self._since_s is None:
            self._since_s = self._now_s()
            self._frames[number] = 0  # they took time before the clock ran
        elif self._since_s is not None:
            self._frames[number] = frames

    @property
    def rate_hz(self) -> float:
        """Frames a second, of all jobs together; NaN before it can be known."""
        frames = sum(self._frames.values())
        elapsed_s = 0.0 if self._since_s is None else self._now_s() - self._since_s
        return frames / elapsed_s if frames and elapsed_s >= _LEAST_S else math.nan

    def left_s(self, jobs: Sequence[Job]) -> float:
        """Seconds until all of them are done; NaN while that cannot be known."""
        return frames_left(jobs) / self.rate_hz


def frames_left(jobs: Sequence[Job]) -> float:
    """Frames to measure; NaN when no length is known.

    Inputs that are not open yet are taken to be as long as the others on average.
    """
    lengths = {job.number: _length(job) for job in jobs}
    known = [length for length in lengths.values() if length is not None]
    usual = fmean(known) if known else math.nan
    left = 0.0
    for job in jobs:
        if not job.is_over:
            length = lengths[job.number]
            left += max((usual if length is None else length) - job.frames, 0.0)
    return left


def _length(job: Job) -> int | None:
    if job.state in (JobState.DONE, JobState.REUSED):
        return job.frames
    return job.frame_count or None
