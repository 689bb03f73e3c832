"""Holds the recording that is reviewed, and lets it grow with its file."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from fer_studio.recording_file import FileChunk, recording_for
from fer_studio.review.recording_loader import RecordingLoader
from fer_studio.review.successive_threads import SuccessiveThreads
from fer_studio.session import Recording


class Follower(QObject):
    """One file at a time."""

    begun = Signal(object)
    """A new :class:`~fer_studio.session.Recording`; again when its file was replaced."""
    grown = Signal(bool)
    """It holds all that is written now; true when no more is to be expected."""
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.recording: Recording | None = None
        self._loaders: SuccessiveThreads[RecordingLoader] = SuccessiveThreads(self)

    def open(self, path: Path) -> None:
        """Another file, which need not exist yet."""
        self.close()
        loader = RecordingLoader(path, self)
        loader.chunk_ready.connect(self._on_chunk_ready)
        loader.caught_up.connect(self._on_caught_up)
        loader.failed.connect(self._on_failed)
        self._loaders.start(loader)

    def close(self) -> None:
        """Lets go of the file without waiting."""
        self._loaders.retire()
        self.recording = None

    def shutdown(self) -> bool:
        """Closes, and waits for all threads; False when one did not end in time."""
        self.close()
        return self._loaders.shutdown()

    @Slot(object)
    def _on_chunk_ready(self, chunk: FileChunk) -> None:
        loader = self._loaders.current
        if loader is None or self.sender() is not loader:
            return
        fresh = self.recording is None or chunk.restarted
        recording = recording_for(chunk.header) if fresh or self.recording is None else self.recording
        recording.extend(chunk.rows)
        loader.taken()
        self.recording = recording
        if fresh:
            self.begun.emit(recording)

    @Slot(bool)
    def _on_caught_up(self, ended: bool) -> None:
        if self.sender() is self._loaders.current:
            self.grown.emit(ended)

    @Slot(str)
    def _on_failed(self, problem: str) -> None:
        if self.sender() is self._loaders.current:
            self.failed.emit(problem)
