"""One thread after the other, of which only the newest is listened to.

Those before it were asked to end; they end in their own time, and are waited for once.
"""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar, cast

from PySide6.QtCore import QObject, QThread, Slot

_WAIT_MS = 2000


class Stoppable(Protocol):
    """What is asked of such a thread beside being one."""

    def stop(self) -> None:
        """Asks it to end; does not wait."""


T = TypeVar("T", bound=Stoppable)


class SuccessiveThreads(QObject, Generic[T]):
    """Holds the newest, and the others until they have ended."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.current: T | None = None
        """The one that is listened to."""
        self._retired: list[QThread] = []

    def start(self, thread: T) -> None:
        """Starts a thread in place of the one before."""
        self.retire()
        self.current = thread
        cast(QThread, thread).start()

    def retire(self) -> None:
        """Asks the present one to end, without waiting; nobody listens to it any more."""
        if self.current is None:
            return
        self.current.stop()
        thread, self.current = cast(QThread, self.current), None
        self._retired.append(thread)
        thread.finished.connect(self._on_finished)
        self._on_finished()  # it may have ended before

    def shutdown(self) -> bool:
        """Retires, and waits for all of them; False when one did not end in time."""
        self.retire()
        ended = [thread.wait(_WAIT_MS) for thread in self._retired]  # all of them, also after one that did not
        return all(ended)

    @Slot()
    def _on_finished(self) -> None:
        for thread in [item for item in self._retired if item.isFinished()]:
            self._retired.remove(thread)
            thread.deleteLater()
