"""The thread that renders: newest wish in, newest picture out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, QThread, Signal

from fer_core.types import Floats, ImageU8
from fer_studio.synthesis.fitted import FittedPhoto
from fer_studio.workers.mailbox import Mailbox

_POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class RenderOrder:
    """A picture that is wanted."""

    photo: FittedPhoto
    weights: Floats
    """(U,): strength of each movement."""
    number: int
    """Rises with every wish."""
    asked_s: float
    """``time.perf_counter()`` of the wish."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A picture that was wanted."""

    order: RenderOrder
    level: int
    """Index into the levels of the photograph."""
    image_rgb_u8: ImageU8
    """(H, W, 3)"""
    took_s: float
    preview: bool
    """Whether it was wanted at once, and not after everything stood still."""


ChooseLevel = Callable[[FittedPhoto], int]


class RenderThread(QThread):
    """Renders until :meth:`stop`.

    Args:
        name: of the thread.
        choose_level: at which size; asked in this thread.
        preview: whether its pictures are wanted at once.
        parent: as usual.
    """

    rendered = Signal()
    """:attr:`outbox` holds a picture."""
    failed = Signal(str)

    def __init__(self, name: str, choose_level: ChooseLevel, *, preview: bool, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.inbox: Mailbox[RenderOrder] = Mailbox()
        self.outbox: Mailbox[Rendered] = Mailbox()
        self._choose_level = choose_level
        self._preview = preview
        self._stop = threading.Event()

    def stop(self) -> None:
        """Asks it to end; returns at once. Then ``wait()``."""
        self._stop.set()
        self.inbox.wake()

    def run(self) -> None:
        """In its own thread."""
        while not self._stop.is_set():
            order = self.inbox.wait(_POLL_S)
            if order is None:
                continue
            level = self._choose_level(order.photo)
            start_s = time.perf_counter()
            try:
                fit = order.photo.levels[level].fit
                image = order.photo.synthesiser.render_weights(fit, order.weights)
            except Exception as error:  # told to the person; the next wish may succeed
                self.failed.emit(f"{type(error).__name__}: {error}")
                continue
            self.outbox.put(Rendered(order, level, image, time.perf_counter() - start_s, self._preview))
            self.rendered.emit()
