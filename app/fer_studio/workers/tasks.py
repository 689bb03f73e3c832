"""One-shot jobs in the background: a function in, its result or error back in the window's thread.

Every job has a thread of its own, and all of them one owner, a :class:`Tasks`, which can stop them and wait.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QThread, Signal, Slot

from fer_studio.workers.control import Cancelled, Control
from fer_studio.workers.priority import give_way

DEFAULT_WAIT_S = 2.0

Work = Callable[[Control], Any]


class Task(QThread):
    """One job. Its signals are received in the window's thread. Made by :meth:`Tasks.start`."""

    progressed = Signal(float, str)
    succeeded = Signal(object)
    failed = Signal(object)
    """The exception."""
    cancelled = Signal()

    def __init__(self, name: str, work: Work, parent: QObject) -> None:
        super().__init__(parent)
        self.name = name
        self._work = work
        self.control = Control(self.progressed.emit)
        self.setObjectName(f"task {name}")

    def run(self) -> None:
        """In its own thread."""
        give_way()
        try:
            result = self._work(self.control)
        except Cancelled:
            self.cancelled.emit()
        except Exception as error:  # handed to the window
            self.failed.emit(error)
        else:
            self.succeeded.emit(result)

    @Slot()
    def cancel(self) -> None:
        """Asks the job to end."""
        self.control.stop()


class Tasks(QObject):
    """The owner of all jobs of one part of the window."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._running: list[Task] = []

    def make(self, name: str, work: Work) -> Task:
        """A job to connect signals of (to slots of objects that live in the window's thread) and then :meth:`start`."""
        return Task(name, work, self)

    def start(self, task: Task) -> None:
        """Starts it."""
        self._running.append(task)
        task.finished.connect(self._on_finished)
        task.start(QThread.Priority.LowPriority)

    @property
    def running(self) -> tuple[Task, ...]:
        """Jobs that have not ended."""
        return tuple(self._running)

    def shutdown(self, wait_s: float = DEFAULT_WAIT_S) -> bool:
        """Asks all jobs to end and waits for them; False when one did not in time."""
        until_s = time.monotonic() + wait_s
        for task in self._running:
            task.cancel()
        ended = [task.wait(max(0, round(1000 * (until_s - time.monotonic())))) for task in self._running]
        return all(ended)

    @Slot()
    def _on_finished(self) -> None:
        for task in [t for t in self._running if t.isFinished()]:
            self._running.remove(task)
            task.deleteLater()
