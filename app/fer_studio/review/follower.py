"""Holds the recording that is reviewed, and lets it grow with its file."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from fer_studio.recording_file import FileChunk, recording_for
from fer_studio.review.recording_loader import RecordingLoader
from fer_studio.review.retired_threads import RetiredThreads
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
        self._loader: RecordingLoader | None = None
        self._retired = RetiredThreads(self)

    def open(self, path: Path) -> None:
        """Another file, which need not exist yet."""
        self.close()
        self._loader = RecordingLoader(path, self)
        self._loader.chunk_ready.connect(self._on_chunk_ready)
        self._loader.caught_up.connect(self._on_caught_up)
        self._loader.failed.connect(self._on_failed)
        self._loader.start()

    def close(self) -> None:
        """Lets go of the file without waiting."""
        if self._loader is not None:
            self._loader.stop()
            self._retired.add(self._loader)
        self._loader = self.recording = None

    def shutdown(self) -> bool:
        """Closes, and waits for all threads; False when one did not end in time."""
        self.close()
        return self._retired.wait()

    @Slot(object)
    def _on_chunk_ready(self, chunk: FileChunk) -> None:
        loader = self._loader
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
        if self.sender() is self._loader:
            self.grown.emit(ended)

    @Slot(str)
    def _on_failed(self, problem: str) -> None:
        if self.sender() is self._loader:
            self.failed.emit(problem)
