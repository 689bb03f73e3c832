"""What ``annotate`` says: a bar on a terminal, a line for every input, and at the end what went wrong."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tqdm import tqdm

from fer_studio.console import printable, say
from fer_studio.outcome import End, Outcome

_BAR = "{desc}{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} frames, {rate_fmt}, {remaining} left"
_BAR_WITHOUT_TOTAL = "{desc}{n_fmt} frames, {rate_fmt}, {elapsed}"


class ConsoleProgress:
    """A listener that writes. One bar stands for all inputs, however many are worked on at a time.

    Frame counts of inputs that are not open yet are unknown: the bar takes them to be as long as the others on
    average, so the time left becomes exact as the last input is opened.

    Args:
        inputs: how many there are.
        bar: show the bar (on standard error).
        lines: say a line for every input that is done (on standard output).
    """

    def __init__(self, inputs: int, *, bar: bool, lines: bool) -> None:
        self._inputs = inputs
        self._lines = lines
        self._known: dict[Path, int] = {}
        """Frames of the inputs that are measured or were, as far as they are told."""
        self._open: set[Path] = set()
        self._done = 0
        self._bar = (
            tqdm(unit=" frames", bar_format=_BAR_WITHOUT_TOTAL, dynamic_ncols=True, leave=False, file=sys.stderr)
            if bar
            else None
        )

    def started(self, path: Path, frame_count: int | None) -> None:
        """An input is open."""
        self._open.add(path)
        if frame_count:
            self._known[path] = frame_count
        self._show(path)

    def advanced(self, path: Path, frames: int) -> None:
        """Moves the bar on."""
        if self._bar is not None:
            self._bar.update(frames)

    def finished(self, outcome: Outcome) -> None:
        """Says the line of an input that is done; failures wait for :func:`report_problems`."""
        self._done += 1
        self._open.discard(outcome.input)
        if outcome.measured_frames or outcome.input in self._known:
            self._known[outcome.input] = outcome.measured_frames  # the container's count was an estimate
        if self._lines and (line := summary_line(outcome)):
            self._say(printable(line))
        self._show(outcome.input)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def _say(self, line: str) -> None:
        if self._bar is None:
            say(line)
            return
        with self._bar.external_write_mode(file=sys.stdout):
            say(line)

    def _show(self, path: Path) -> None:
        if self._bar is None:
            return
        if self._known:
            told = self._known.values()
            # What ended without being measured has no part in it: it was complete already, or could not be opened.
            untold = self._inputs - self._done - len(self._open & self._known.keys())
            self._bar.total = round(sum(told) + sum(told) / len(told) * untold)
            self._bar.bar_format = _BAR
        number = f"{self._done}/{self._inputs} " if self._inputs > 1 else ""
        self._bar.set_description_str(f"{number}{printable(path.name)}: ")


def summary_line(outcome: Outcome) -> str:
    """One line for an input that is done or was done before; empty for others."""
    if outcome.end is End.UP_TO_DATE:
        return f"{outcome.input}: complete already, {outcome.frames} frames in {outcome.recording}"
    if outcome.end is not End.DONE:
        return ""
    rate_hz = outcome.measured_frames / outcome.wall_s if outcome.wall_s > 0 else 0.0
    counts = f"{outcome.frames} frames, {rate_hz:.0f} frames/s, {outcome.rows} rows"
    return "; ".join([f"{outcome.input}: {counts} in {outcome.recording}", *outcome.notes])


def report_problems(outcomes: Sequence[Outcome]) -> None:
    """Names, on standard error, every input that failed or was interrupted, with its reason and remedy."""
    failed = [o for o in outcomes if o.end is End.FAILED]
    interrupted = [o for o in outcomes if o.end is End.INTERRUPTED]
    for outcome in failed:
        if outcome.trace:
            print(outcome.trace, file=sys.stderr, end="")
    if failed:
        print(f"{len(failed)} of {len(outcomes)} inputs failed:", file=sys.stderr)
    for outcome in failed:
        print(f"  {printable(outcome.problem)}", file=sys.stderr)
    if interrupted:
        kept = [f"{o.recording} ({o.frames} frames)" for o in interrupted if o.recording]
        what = printable(f"kept: {', '.join(kept)}") if kept else "nothing was begun"
        print(
            f"stopped with {len(interrupted)} of {len(outcomes)} inputs unfinished; {what}; go on with --resume",
            file=sys.stderr,
        )
