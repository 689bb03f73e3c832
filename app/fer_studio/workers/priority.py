"""Threads that compute give way to the one that draws, where cores are short."""

from __future__ import annotations

import contextlib
import os
import sys
import threading

#: Niceness above the window's: a third of its share of a core. Qt's own priorities have no effect on Linux.
_NICER = 5


def give_way() -> None:
    """The calling thread runs after the window's; so do threads that it starts from now on, those of libraries too.

    Only on Linux, which keeps a niceness for each thread; elsewhere it would be that of the whole program.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            window = os.getpriority(os.PRIO_PROCESS, os.getpid())  # the first thread has the number of the process
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), window + _NICER)
