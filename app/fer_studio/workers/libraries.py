"""Reads large libraries from the disk without Python's lock.

Importing one holds the lock until the system has read and linked it: on a cold disk hundreds of milliseconds in which
the window's thread cannot draw. A library that is in the process already is imported in a fraction of that.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
import threading
from pathlib import Path

#: Package, and where in its folder the compiled module is that brings most with it.
_MODULES = (
    ("cv2", "cv2*.so"),
    ("av", "_core*.so"),
    ("mediapipe", "python/_framework_bindings*.so"),
    ("onnxruntime", "capi/onnxruntime_pybind11_state*.so"),
)
_lock = threading.Lock()
_loaded = False


def load_libraries() -> None:
    """What pictures and faces need; to be called in a background thread before the imports.

    The first caller loads, others wait for it. What is missing is left to the import, which can say so. Only Linux and
    macOS; elsewhere nothing happens.
    """
    global _loaded
    with _lock:
        if _loaded or sys.platform == "win32":
            return
        _loaded = True
        # Called as any function of C is, it runs without Python's lock; ctypes.CDLL would keep the lock.
        load = ctypes.CDLL(None).dlopen
        load.restype, load.argtypes = ctypes.c_void_p, (ctypes.c_char_p, ctypes.c_int)
        for package, pattern in _MODULES:
            for path in _find(package, pattern):
                load(os.fsencode(path), os.RTLD_NOW | os.RTLD_LOCAL)


def _find(package: str, pattern: str) -> list[Path]:
    spec = importlib.util.find_spec(package)
    folders = spec.submodule_search_locations if spec is not None else None
    return [path for folder in folders or () for path in sorted(Path(folder).glob(pattern))]
