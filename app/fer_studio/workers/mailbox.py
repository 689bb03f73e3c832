"""A place for one item between two threads: the newest wins, so that a slow reader is never behind."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Holds the newest item only. For any number of threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._item: T | None = None
        self._dropped = 0
        self._woken = False

    @property
    def dropped(self) -> int:
        """Items that were replaced by a newer one before anybody took them."""
        return self._dropped

    def put(self, item: T) -> None:
        """Leaves an item; one that nobody took is dropped."""
        with self._changed:
            self._dropped += self._item is not None
            self._item = item
            self._changed.notify()

    def take(self) -> T | None:
        """The newest item, or None when there is nothing new."""
        with self._changed:
            item, self._item = self._item, None
            return item

    def wait(self, timeout_s: float) -> T | None:
        """As :meth:`take`, waiting for an item; None after the time, or when :meth:`wake` was called."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._woken, timeout_s)
            self._woken = False
            item, self._item = self._item, None
            return item

    def wake(self) -> None:
        """Ends the present :meth:`wait`, or the next one, at once."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def clear(self) -> None:
        """Throws away what lies in it, uncounted."""
        with self._changed:
            self._item = None
