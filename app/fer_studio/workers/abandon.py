"""Calls that may hang, made so that closing the window never waits for them.

A camera driver can take ten seconds to refuse, and libraries read from a cold disk are slow to load; neither can be
interrupted. Such a call runs in a helper thread. When it is no longer wanted the caller goes on, and what the call
returns later is thrown away.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

_POLL_S = 0.02
_PREFIX = "may hang: "


class Abandoned(Exception):  # noqa: N818  no error
    """Raised in the caller when the result was no longer wanted.

    Args:
        done: is set when the call has ended, and what it returned is thrown away.
    """

    def __init__(self, done: threading.Event) -> None:
        super().__init__()
        self.done = done


class _Call(Generic[T]):
    """One call in a thread of its own."""

    def __init__(self, function: Callable[[], T], discard: Callable[[T], object]) -> None:
        self._function = function
        self._discard = discard
        self._lock = threading.Lock()
        self._abandoned = False
        self._result: list[T] = []
        self._error: BaseException | None = None
        self.done = threading.Event()

    def run(self) -> None:
        try:
            result = self._function()
        except BaseException as error:  # handed to the caller
            self._error = error
        else:
            self._keep(result)
        finally:
            self.done.set()

    def _keep(self, result: T) -> None:
        with self._lock:
            late = self._abandoned
            if not late:
                self._result.append(result)
        if late:
            self._discard(result)

    def abandon(self) -> None:
        with self._lock:
            self._abandoned = True
            late, self._result = self._result, []
        for result in late:
            self._discard(result)

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._result[0]


def call_abandonable(
    name: str, function: Callable[[], T], should_stop: Callable[[], bool], discard: Callable[[T], object]
) -> T:
    """What ``function`` returns or raises, unless ``should_stop`` says so before.

    Args:
        name: of the helper thread.
        function: is called in the helper thread.
        should_stop: is asked some fifty times a second.
        discard: gets a result that comes too late, in the helper thread.

    Raises:
        Abandoned: it should stop.
    """
    call = _Call(function, discard)
    threading.Thread(target=call.run, name=_PREFIX + name, daemon=True).start()
    while not call.done.wait(_POLL_S):
        if should_stop():
            call.abandon()
            raise Abandoned(call.done)
    return call.result()


def any_left() -> bool:
    """Whether a call still runs that nobody waits for."""
    return any(thread.name.startswith(_PREFIX) for thread in threading.enumerate())
