"""Loads frames for the player in a thread of its own; of several requests the latest wins."""

from __future__ import annotations

import threading
from pathlib import Path

from PySide6.QtCore import QObject, QThread, Signal

from fer_core.media.errors import MediaError
from fer_studio.review.frame_reader import FrameReader, open_reader


class FrameLoader(QThread):
    """One open medium. Its owner starts it once and stops it once.

    Signals are emitted in its thread; receive them with slots of objects of the window's thread.
    """

    opened = Signal(object, object)
    """``(MediaInfo, time_s of every frame)``"""
    frame_ready = Signal(object)
    """:class:`~fer_core.types.Frame`"""
    failed = Signal(str)
    """The medium cannot be read: what, why, and what to do."""

    def __init__(self, path: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(f"frames of {path.name}")
        self.path = path
        self._wish = threading.Condition()
        self._wanted: int | None = None
        self._stopped = False

    def request(self, index: int) -> None:
        """Asks for a frame; a request that is still waiting is forgotten."""
        with self._wish:
            self._wanted = index
            self._wish.notify()

    def stop(self) -> None:
        """Asks the thread to end; does not wait."""
        with self._wish:
            self._stopped = True
            self._wish.notify()

    def run(self) -> None:
        """In its own thread."""
        try:
            reader = open_reader(self.path, lambda: self._stopped)
        except (MediaError, OSError) as error:
            if not self._stopped:
                self.failed.emit(str(error))
            return
        try:
            self.opened.emit(reader.info, reader.time_s)
            self._serve(reader)
        finally:
            reader.close()

    def _serve(self, reader: FrameReader) -> None:
        while (index := self._take()) is not None:
            try:
                self.frame_ready.emit(reader.read(index))
            except (MediaError, OSError) as error:
                self.failed.emit(str(error))

    def _take(self) -> int | None:
        """The latest request, waiting for one; None at the end."""
        with self._wish:
            while self._wanted is None and not self._stopped:
                self._wish.wait()
            index, self._wanted = self._wanted, None
            return None if self._stopped else index
