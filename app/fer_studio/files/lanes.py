"""The threads that work on the queue side by side, one job each."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QObject, Signal, Slot

from fer_core.infer.engine import Engine
from fer_studio.files.placement import Reservations
from fer_studio.files.queue_thread import Order, QueueThread
from fer_studio.outcome import Outcome

_WAIT_S = 2.0


class Lanes(QObject):
    """As many threads as were ever busy at the same time. All methods belong to the window's thread.

    Args:
        engine_factory: gives the network; called in background threads.
        parent: as usual.
    """

    placed = Signal(int, object)
    """Number of the job and the path of its recording, which begins to grow."""
    begun = Signal(int, object)
    """Number, and the count of frames as the file states it or None."""
    ended = Signal(int, object)
    """Number and :class:`~fer_studio.outcome.Outcome`; its thread is free again."""

    def __init__(self, engine_factory: Callable[[], Engine], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._engine_factory = engine_factory
        self._reservations = Reservations()
        self._free: list[QueueThread] = []
        self._busy: dict[int, QueueThread] = {}

    @property
    def running(self) -> int:
        """Jobs that are worked on."""
        return len(self._busy)

    def submit(self, order: Order) -> None:
        """Begins a job."""
        thread = self._free.pop() if self._free else self._new_thread()
        self._busy[order.number] = thread
        thread.submit(order)

    def cancel(self, number: int) -> None:
        """Ends a job at its next frame; rows measured so far stay."""
        if number in self._busy:
            self._busy[number].cancel()

    def progress(self, number: int) -> tuple[int, float]:
        """Frames of a running job that are measured, and seconds since the first was begun."""
        return self._busy[number].progress

    def shutdown(self) -> bool:
        """Ends all threads and waits for them, two seconds at most; False when one did not end in time."""
        threads = [*self._free, *self._busy.values()]
        for thread in threads:
            thread.stop()
        until_s = time.monotonic() + _WAIT_S
        ended = [thread.wait(max(0, round(1000 * (until_s - time.monotonic())))) for thread in threads]
        return all(ended)

    def _new_thread(self) -> QueueThread:
        thread = QueueThread(self._engine_factory, self._reservations, self)
        thread.placed.connect(self.placed)
        thread.begun.connect(self.begun)
        thread.ended.connect(self._on_ended)
        thread.start(QueueThread.Priority.LowPriority)
        return thread

    @Slot(int, object)
    def _on_ended(self, number: int, outcome: Outcome) -> None:
        self._free.append(self._busy.pop(number))
        self.ended.emit(number, outcome)
