"""Threads that were asked to end and are no longer listened to: they end in their own time, and are waited for once."""

from __future__ import annotations

from PySide6.QtCore import QObject, QThread, Slot

_WAIT_MS = 2000


class RetiredThreads(QObject):
    """Holds them until they have ended."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._threads: list[QThread] = []

    def add(self, thread: QThread) -> None:
        """Takes over a thread that was asked to end; does not wait."""
        self._threads.append(thread)
        thread.finished.connect(self._on_finished)
        self._on_finished()  # it may have ended before

    def wait(self) -> bool:
        """Waits for all of them; False when one did not end in time."""
        ended = [thread.wait(_WAIT_MS) for thread in self._threads]  # all of them, also after one that did not
        return all(ended)

    @Slot()
    def _on_finished(self) -> None:
        for thread in [item for item in self._threads if item.isFinished()]:
            self._threads.remove(thread)
            thread.deleteLater()
