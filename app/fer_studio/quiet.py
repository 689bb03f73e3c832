"""Keeps known noise of native libraries off the terminal, and nothing else.

MediaPipe and TensorFlow Lite write a few lines of no use to anybody straight to file descriptor 2 while their graphs
open; no setting of theirs turns these off. During that moment the descriptor is caught in a file, and every line that
is not known noise is handed on afterwards.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import threading
import warnings
from collections.abc import Iterator

_NOISE = re.compile(
    rb"INFO: Created TensorFlow Lite XNNPACK delegate"
    rb"|WARNING: All log messages before absl::InitializeLog\(\)"
    rb"|[IW]\d{4} \S+ +\d+ (inference_feedback_manager|gl_context\w*|face_landmarker_graph)\.cc:"
)
_STDERR = 2
#: Two that put the descriptor back in the order in which they took it would leave it in a file that is gone.
_one_at_a_time = threading.Lock()
_PATIENCE_S = 10.0


@contextlib.contextmanager
def quiet_native_stderr() -> Iterator[None]:
    """Drops known noise written to file descriptor 2 inside; other lines follow at the end, in order.

    Acts on the whole process: inside, nothing else should want to write to the terminal. One thread at a time.
    """
    alone = _one_at_a_time.acquire(timeout=_PATIENCE_S)
    try:
        if alone:
            yield from _caught()
        else:  # rather noise than to wait for a thread that hangs
            yield
    finally:
        if alone:
            _one_at_a_time.release()


def _caught() -> Iterator[None]:
    try:
        kept = os.dup(_STDERR)
    except OSError:  # a program without a terminal may have no descriptor 2
        yield
        return
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), _STDERR)
        try:
            yield
        finally:
            os.dup2(kept, _STDERR)
            os.close(kept)
            caught.seek(0)
            for line in caught:
                if not _NOISE.match(line):
                    os.write(_STDERR, line)


def ignore_library_warnings() -> None:
    """Hides warnings that libraries raise about each other; for the start of a program."""
    warnings.filterwarnings("ignore", message=r".*SymbolDatabase\.GetPrototype", category=UserWarning)
