"""How the C library hands out memory, where that can be said.

To be called before threads are started. Only glibc knows these settings; elsewhere nothing happens.
"""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD = -1
_M_TOP_PAD = -2
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8

_HEAPS = 2
_PICTURE_BYTES = 256 * 1024
_LARGEST_MMAP_THRESHOLD = 32 * 2**20
_LARGEST_INT = 2**31 - 1
_STEP_BYTES = 256 * 2**20


def keep_memory_together() -> None:
    """For a program that runs for hours: two heaps, and pictures given back to the system at once.

    Pictures of a megabyte come and go thirty times a second in six threads. Left alone, glibc keeps a heap for each
    thread and lets them grow around what stays: megabytes a minute in the live view. So memory stays where it is.
    """
    _set({_M_ARENA_MAX: _HEAPS, _M_MMAP_THRESHOLD: _PICTURE_BYTES})


def keep_freed_memory() -> None:
    """For training on a processor: what a step frees waits for the next one, which needs just as much.

    Left alone, glibc returns each large tensor to the system and gets empty pages for the next, a hundred thousand in a
    step of 64 faces; the system clearing them took a seventh of the processor's time.
    """
    _set(
        {
            _M_MMAP_THRESHOLD: _LARGEST_MMAP_THRESHOLD,
            _M_TRIM_THRESHOLD: _LARGEST_INT,
            _M_TOP_PAD: _STEP_BYTES,
        }
    )


def _set(values: dict[int, int]) -> None:
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for parameter, value in values.items():
            mallopt(parameter, value)
