"""The thread that writes a live recording, so that neither a slow disk nor the encoder holds up what is seen."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QThread, Signal

from fer_core.media.errors import MediaError
from fer_core.record.errors import RecordError
from fer_core.types import Frame, FrameResult, MediaInfo
from fer_studio.workers.priority import give_way

if TYPE_CHECKING:
    from fer_core.infer.baseline import Baseline
    from fer_core.infer.engine import Engine
    from fer_studio.live.recording_files import RecordingFiles

#: Pictures that may wait for the disk: a second or two of a small picture, less of a large one.
_QUEUE_BYTES = 96 << 20
_LEAST_FRAMES, _MOST_FRAMES = 4, 64
_POLL_S = 0.05

_Item = tuple[Frame, FrameResult]


class RecordThread(QThread):
    """Writes frames until :meth:`finish`. One recording."""

    begun = Signal(object)
    """Path of the folder: the files are open."""
    saved = Signal(object)
    """:class:`~fer_studio.live.recording_files.RecordingPaths`: complete."""
    failed = Signal(str)
    """Why, and what to do; everything written before stays."""

    def __init__(
        self,
        folder: Path,
        info: MediaInfo,
        engine: Engine,
        options: Mapping[str, Any],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("record")
        self._target = (folder, info, engine, options)
        picture_bytes = max(1, 3 * info.width_px * info.height_px)
        frames = min(max(_QUEUE_BYTES // picture_bytes, _LEAST_FRAMES), _MOST_FRAMES)
        self._queue: queue.Queue[_Item | None] = queue.Queue(frames)
        self._notes: queue.SimpleQueue[Callable[[RecordingFiles], None]] = queue.SimpleQueue()
        self._over = threading.Event()

    def offer(self, frame: Frame, result: FrameResult, should_stop: Callable[[], bool]) -> None:
        """Hands over a frame; waits when the disk is behind, so that a frame once measured is never lost."""
        while not (self._over.is_set() or should_stop()):
            try:
                self._queue.put((frame, result), timeout=_POLL_S)
            except queue.Full:
                continue
            return

    def mark(self, time_s: float, name: str) -> None:
        """Notes a moment, in the time of the camera; returns at once."""
        self._notes.put(lambda files: files.mark(time_s, name))

    def keep_baseline(self, face_id: int, baseline: Baseline) -> None:
        """The neutral face that is subtracted from now on; returns at once."""
        self._notes.put(lambda files: files.keep_baseline(face_id, baseline))

    def finish(self) -> None:
        """No more frames come: write those that wait and complete the files. Returns at once."""
        self._over.set()

    def run(self) -> None:
        """In its own thread."""
        from fer_studio.live.recording_files import RecordingFiles

        give_way()
        files: RecordingFiles | None = None
        try:
            files = RecordingFiles(*self._target)
            self.begun.emit(files.paths.csv.parent)
            while (item := self._next()) is not None:
                files.write(*item)
                self._write_notes(files)
            self._write_notes(files)
            paths = files.close()
        except (RecordError, MediaError) as error:
            self._over.set()
            self.failed.emit(str(error) if files is None else _salvage(files, error))
        except Exception as error:  # of a library; what is measured goes on
            self._over.set()
            if files is not None:
                _salvage(files, error)
            self.failed.emit(f"It cannot be written ({type(error).__name__}: {error}); record again")
        else:
            self.saved.emit(paths)

    def _write_notes(self, files: RecordingFiles) -> None:
        while not self._notes.empty():
            self._notes.get()(files)

    def _next(self) -> _Item | None:
        """The next frame; None when it is over and nothing waits."""
        while True:
            try:
                return self._queue.get(timeout=_POLL_S)
            except queue.Empty:
                if self._over.is_set():
                    return None


def _salvage(files: Any, error: Exception) -> str:
    """Completes what can be completed after a failure."""
    with contextlib.suppress(RecordError, MediaError):  # the first problem is the one to tell
        files.close(complete=False)
    return str(error)
