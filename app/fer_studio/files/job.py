"""One input in the queue and what becomes of it. No Qt."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from fer_studio.outcome import End, Outcome
from fer_studio.window_words import in_the_window

NATIVE = "native"


class JobState(StrEnum):
    """Where an input stands, in the words that people read."""

    WAITING = "waiting"
    RUNNING = "analysing"
    DONE = "done"
    REUSED = "done before"
    FAILED = "failed"
    CANCELLED = "cancelled"


_ENDS = {
    End.DONE: JobState.DONE,
    End.UP_TO_DATE: JobState.REUSED,
    End.FAILED: JobState.FAILED,
    End.INTERRUPTED: JobState.CANCELLED,
}


@dataclass(slots=True)
class Job:
    """Changed by the window's thread alone."""

    number: int
    path: Path
    layout: str = NATIVE
    span_s: tuple[float, float] | None = None
    """Of the rows that are wanted; None is all."""
    excluded_s: tuple[tuple[float, float], ...] = ()
    """Parts whose rows are not wanted."""
    state: JobState = JobState.WAITING
    frames: int = 0
    frame_count: int | None = None
    """As the file states it: an estimate."""
    elapsed_s: float = 0.0
    """Since the first frame was measured."""
    recording: Path | None = None
    """The file with the rows, from the moment it is begun."""
    problem: str = ""
    notes: tuple[str, ...] = field(default=())

    @property
    def is_partial(self) -> bool:
        """Whether not all rows are wanted."""
        return self.span_s is not None or bool(self.excluded_s)

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens to it by itself."""
        return self.state not in (JobState.WAITING, JobState.RUNNING)

    @property
    def share(self) -> float:
        """Of its frames that are measured, 0..1; NaN while nobody knows how many there are."""
        if self.state in (JobState.DONE, JobState.REUSED):
            return 1.0
        return min(self.frames / self.frame_count, 1.0) if self.frame_count else math.nan

    @property
    def rate_hz(self) -> float:
        """Frames measured a second; NaN before there are any."""
        return self.frames / self.elapsed_s if self.elapsed_s > 0 and self.frames else math.nan

    @property
    def left_s(self) -> float:
        """Seconds to go at this rate; NaN while they cannot be known."""
        if self.state is not JobState.RUNNING or not self.frame_count:
            return math.nan
        return max(self.frame_count - self.frames, 0) / self.rate_hz

    def reset(self) -> None:
        """Back in the queue."""
        self.state, self.frames, self.elapsed_s, self.problem, self.notes = JobState.WAITING, 0, 0.0, "", ()

    def end(self, outcome: Outcome) -> None:
        """What became of it."""
        self.state = _ENDS[outcome.end]
        self.frames = outcome.frames or self.frames
        self.recording = outcome.recording or self.recording
        self.problem, self.notes = outcome.problem, tuple(map(in_the_window, outcome.notes))


def split_problem(job: Job) -> tuple[str, str]:
    """Reason and remedy of a failure, in words that fit a window: no path in front, no options of the command line."""
    text = job.problem
    for path in (job.path, job.recording):
        if path is not None:
            text = text.removeprefix(f"{path}: ")
    reason, _, remedy = in_the_window(text).partition("; ")
    return reason, remedy


def duration_text(seconds: float) -> str:
    """``75 -> 1:15``; empty when unknown."""
    if not math.isfinite(seconds):
        return ""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"
