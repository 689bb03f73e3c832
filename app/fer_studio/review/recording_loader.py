"""Reads the CSV of a recording in a thread of its own, and goes on while it grows."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from PySide6.QtCore import QObject, QThread, Signal

from fer_core.record.errors import RecordError
from fer_core.record.sidecar import read_sidecar, sidecar_path
from fer_studio.recording_file import RecordingTail

_LOOK_EVERY_S = 0.4
#: Chunks that may wait in the window; more would make a long file arrive in one stall.
_MAY_WAIT = 4


class RecordingLoader(QThread):
    """One CSV, which need not exist yet. Its owner starts it once and stops it once."""

    chunk_ready = Signal(object)
    """:class:`~fer_studio.recording_file.FileChunk`; answer each with :meth:`taken`."""
    caught_up = Signal(bool)
    """All that is written now has been read; true when the analysis has ended, so that no more is to be expected."""
    failed = Signal(str)

    def __init__(self, path: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(f"rows of {path.name}")
        self.path = path
        self._stopped = threading.Event()
        self._room = threading.Semaphore(_MAY_WAIT)

    def taken(self) -> None:
        """The window has dealt with a chunk."""
        self._room.release()

    def stop(self) -> None:
        """Asks the thread to end; does not wait."""
        self._stopped.set()
        self._room.release()

    def run(self) -> None:
        """In its own thread."""
        try:
            with RecordingTail(self.path) as tail:
                self._follow(tail)
        except RecordError as error:
            self.failed.emit(str(error))

    def _follow(self, tail: RecordingTail) -> None:
        told: bool | None = None
        while not self._stopped.is_set():
            chunk = tail.read()
            if chunk is not None:
                self._room.acquire()
                if not self._stopped.is_set():
                    self.chunk_ready.emit(chunk)
                told = None
                continue
            ended = self._has_ended()
            if told is not ended:
                self.caught_up.emit(ended)
                told = ended
            self._stopped.wait(_LOOK_EVERY_S)

    def _has_ended(self) -> bool:
        """As the JSON beside the CSV says; a CSV alone is taken to be finished."""
        try:
            return read_sidecar(sidecar_path(self.path)).ended_utc is not None
        except RecordError:
            return os.path.exists(self.path)
