"""How an input ended, and who is told on the way."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol


class End(StrEnum):
    """Of one input."""

    DONE = "done"
    UP_TO_DATE = "up to date"
    """``--resume`` found nothing left to do."""
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    """Stopped by the user; what was measured is kept."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one input."""

    input: Path
    end: End
    recording: Path | None = None
    """The file with the rows, when there is one."""
    frames: int = 0
    """Frames in the recording."""
    rows: int = 0
    measured_frames: int = 0
    """Frames that this run measured; with ``--resume`` those before the resume point count too."""
    wall_s: float = 0.0
    problem: str = ""
    """``<what>: <reason>; <remedy>`` of a failure."""
    trace: str = ""
    """Where an unexpected failure came from."""
    notes: tuple[str, ...] = ()
    """What is missing although the input is done, such as sound."""


class Listener(Protocol):
    """Is told of progress, always from the same thread."""

    def started(self, path: Path, frame_count: int | None) -> None:
        """An input is open; the count is an estimate, None when unknown."""

    def advanced(self, path: Path, frames: int) -> None:
        """So many further frames of an input are measured."""

    def finished(self, outcome: Outcome) -> None:
        """An input has ended, well or not."""


class Silent:
    """A listener that says nothing."""

    def started(self, path: Path, frame_count: int | None) -> None:
        """Nothing."""

    def advanced(self, path: Path, frames: int) -> None:
        """Nothing."""

    def finished(self, outcome: Outcome) -> None:
        """Nothing."""
