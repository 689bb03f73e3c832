"""How the C library hands out memory, where that can be said.

Pictures of a megabyte come and go thirty times a second in six threads. Left alone, glibc keeps a heap for each thread
and lets them grow around what stays: megabytes a minute in the live view. With two heaps, and pictures given back to
the system at once, memory stays where it is.
"""

from __future__ import annotations

import ctypes
import sys

_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_HEAPS = 2
_PICTURE_BYTES = 256 * 1024


def keep_memory_together() -> None:
    """To be called before threads are started. Only glibc knows these settings; elsewhere nothing happens."""
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, _HEAPS)
        mallopt(_M_MMAP_THRESHOLD, _PICTURE_BYTES)
