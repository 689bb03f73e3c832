"""How a job in the background and the window talk to each other. No Qt."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

#: Progress is told at most so often; a person sees no more.
_TELL_EVERY_S = 0.05


def _say_nothing(share: float, text: str) -> None:
    del share, text


class Control:
    """How a job talks to the window: it asks whether to stop, and says how far it is. Used in the job's thread."""

    def __init__(self, tell: Callable[[float, str], None] = _say_nothing) -> None:
        self._stop = threading.Event()
        self._tell = tell
        self._told_s = 0.0

    def should_stop(self) -> bool:
        """Whether the job shall end as soon as it can."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Asks it to; from any thread."""
        self._stop.set()

    def progress(self, share: float, text: str = "") -> None:
        """How much is done, 0..1; NaN when that cannot be known. Most calls are dropped: call it often."""
        now_s = time.monotonic()
        if now_s - self._told_s >= _TELL_EVERY_S:
            self._told_s = now_s
            self._tell(share, text)


class Cancelled(Exception):  # noqa: N818  no error
    """Raised by a job that ended because it was asked to."""
