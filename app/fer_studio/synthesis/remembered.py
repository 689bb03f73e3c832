"""What the workspace remembers from one start to the next."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import numpy as np
from PySide6.QtCore import QSettings

from fer_core.types import Floats
from fer_studio.synthesis.asked import MAX_INTENSITY

FRAME_RATES_HZ = (10, 12, 15, 24, 25, 30, 50, 60)
DURATION_S = (0.5, 60.0)
_GROUP = "synthesis/"
_MOST_POINTS = 5000


class Remembered:
    """Numbers are within their ranges whatever the file holds."""

    def __init__(self, store: QSettings) -> None:
        self._store = store

    @property
    def duration_s(self) -> float:
        """Of a path."""
        return self._number("duration_s", 4.0, *DURATION_S)

    @property
    def frame_rate_hz(self) -> int:
        """Frames a second of playing and of what is written."""
        wanted = self._number("frame_rate_hz", 25, FRAME_RATES_HZ[0], FRAME_RATES_HZ[-1])
        return min(FRAME_RATES_HZ, key=lambda rate: abs(rate - wanted))

    @property
    def intensity(self) -> float:
        """Factor of all movements."""
        return self._number("intensity", 1.0, 0.0, MAX_INTENSITY)

    @property
    def loop(self) -> bool:
        """Whether playing begins again at the end."""
        return bool(self._store.value(_GROUP + "loop", True, type=bool))

    @property
    def photograph(self) -> Path | None:
        """The file that was opened last, if it is still there."""
        path = self._path("photograph")
        return path if path is not None and os.path.isfile(path) else None

    @property
    def export_folder(self) -> Path | None:
        """Where something was written last, if it is still there."""
        path = self._path("export_folder")
        return path if path is not None and os.path.isdir(path) else None

    @property
    def path(self) -> Floats | None:
        """The drawn path (N, 2)."""
        try:
            points = np.array(json.loads(str(self._store.value(_GROUP + "path", "[]"))), np.float32)
        except (ValueError, TypeError):
            return None
        fits = points.ndim == 2 and points.shape[1] == 2 and 2 <= len(points) <= _MOST_POINTS
        return points if fits and bool((np.abs(points) <= 1).all()) else None

    def remember_path(self, path: Floats | None) -> None:
        """The drawn path; None when there is none."""
        points = [] if path is None else np.round(path.astype(float), 3).tolist()
        self._store.setValue(_GROUP + "path", json.dumps(points))

    def remember(self, **values: float | bool | Path) -> None:
        """Any of the others, by name."""
        for name, value in values.items():
            self._store.setValue(_GROUP + name, str(value) if isinstance(value, Path) else value)

    def _number(self, name: str, usual: float, least: float, most: float) -> float:
        try:
            number = float(str(self._store.value(_GROUP + name, usual)))
        except ValueError:
            return usual
        return min(max(number, least), most) if math.isfinite(number) else usual

    def _path(self, name: str) -> Path | None:
        text = str(self._store.value(_GROUP + name, "") or "")
        return Path(text) if text else None
