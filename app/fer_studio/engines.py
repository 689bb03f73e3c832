"""The network, loaded once for the whole window."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fer_core.infer.engine import Engine


class SharedEngine:
    """Call it, from any thread but the window's, to get the network; the first call loads it."""

    def __init__(self, model: Path | None = None, device: str = "auto") -> None:
        self._lock = threading.Lock()
        self._wanted = (model, device)
        self._loaded: tuple[tuple[Path | None, str], Engine] | None = None

    def choose(self, model: Path | None, device: str) -> None:
        """What the next call gives: model file (None: the shipped one) and device."""
        self._wanted = (model, device)

    def __call__(self) -> Engine:
        """The network.

        Raises:
            FileNotFoundError, ModelError: the model cannot be used.
            ValueError: this machine does not have the device.
        """
        from fer_core.infer.engine import Engine

        with self._lock:
            if self._loaded is None or self._loaded[0] != self._wanted:
                wanted = self._wanted
                self._loaded = (wanted, Engine(*wanted))
            return self._loaded[1]
