"""Shows at once what is wished, as sharp as the machine can follow, and wholly sharp when nothing moves."""

from __future__ import annotations

import time

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from fer_core.types import Floats
from fer_studio.synthesis.fitted import FittedPhoto
from fer_studio.synthesis.render_thread import Rendered, RenderOrder, RenderThread

#: A preview may take so long: with what painting needs, more than 20 pictures a second.
PREVIEW_BUDGET_S = 0.03
#: After so long without a new wish the photograph itself is rendered.
SETTLE_MS = 180
#: Share of the newest picture in what is known of the machine's speed.
_MEMORY = 0.2
#: Before anything is known: pixels that may change, a second. Slow, so that the first picture is not late.
_FIRST_PX_PER_S = 4e6
_CLOSE_S = 1.8

#: Threads that did not end in time. Qt aborts the program when such an object is destroyed.
_STRAGGLERS: list[RenderThread] = []


class PreviewLevel:
    """The largest size that this machine renders within the budget, from how long the last ones took."""

    def __init__(self) -> None:
        self._px_per_s = _FIRST_PX_PER_S

    def learn(self, rendered: Rendered) -> None:
        """From a picture that was rendered; one in which nothing moves was only copied, and says nothing of it."""
        if not np.any(rendered.order.weights):
            return
        now = rendered.order.photo.levels[rendered.level].changing_px / max(rendered.took_s, 1e-4)
        self._px_per_s += _MEMORY * (now - self._px_per_s)

    def choose(self, photo: FittedPhoto) -> int:
        """Index of the level; the smallest where none is fast enough."""
        affordable = [k for k, level in enumerate(photo.levels) if level.changing_px <= self._affordable_px]
        return affordable[-1] if affordable else 0

    @property
    def _affordable_px(self) -> float:
        return self._px_per_s * PREVIEW_BUDGET_S


class Renderer(QObject):
    """Owns the threads. All methods belong to the window's thread and return at once."""

    shown = Signal(object)
    """:class:`Rendered`: the picture to show now."""
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._level = PreviewLevel()
        self._preview = RenderThread("preview", self._level.choose, preview=True, parent=self)
        self._whole = RenderThread("rendering", lambda photo: len(photo.levels) - 1, preview=False, parent=self)
        self._preview.rendered.connect(self._on_preview)
        self._whole.rendered.connect(self._on_whole)
        for thread in (self._preview, self._whole):
            thread.failed.connect(self.failed)
        self._settle = QTimer(self, interval=SETTLE_MS, singleShot=True)
        self._settle.timeout.connect(self._on_settled)
        self._newest: RenderOrder | None = None
        self._asked_number = self._shown_number = 0

    def ask(self, photo: FittedPhoto, weights: Floats) -> None:
        """A picture with strengths (U,) of the movements; an older wish that nobody began is forgotten."""
        self._asked_number += 1
        self._newest = RenderOrder(photo, weights, self._asked_number, time.perf_counter())
        self._settle.stop()
        if not self._preview.isRunning():
            self._preview.start()
        self._preview.inbox.put(self._newest)

    def forget(self) -> None:
        """Another photograph comes; nothing of this one is shown any more."""
        self._settle.stop()
        self._newest = None

    def stop(self) -> None:
        """Asks the threads to end; returns at once."""
        self._settle.stop()
        for thread in (self._preview, self._whole):
            thread.stop()

    def shutdown(self) -> bool:
        """Ends the threads; False when one did not end in time."""
        self.stop()
        until_s = time.monotonic() + _CLOSE_S
        ended = True
        for thread in (self._preview, self._whole):
            if not thread.wait(max(0, round(1000 * (until_s - time.monotonic())))):
                thread.setParent(None)
                _STRAGGLERS.append(thread)
                ended = False
        return ended

    @Slot()
    def _on_preview(self) -> None:
        rendered = self._preview.outbox.take()
        if rendered is None:
            return
        self._level.learn(rendered)
        self._show(rendered)
        newest = self._newest
        is_newest = newest is not None and rendered.order.number == newest.number
        if is_newest and rendered.level < len(rendered.order.photo.levels) - 1:
            self._settle.start()

    @Slot()
    def _on_whole(self) -> None:
        rendered = self._whole.outbox.take()
        if rendered is not None and self._newest is not None and rendered.order.number == self._newest.number:
            self._show(rendered)

    @Slot()
    def _on_settled(self) -> None:
        if self._newest is None:
            return
        if not self._whole.isRunning():
            self._whole.start()
        self._whole.inbox.put(self._newest)

    def _show(self, rendered: Rendered) -> None:
        newest = self._newest
        if newest is None or rendered.order.photo is not newest.photo or rendered.order.number < self._shown_number:
            return
        self._shown_number = rendered.order.number
        self.shown.emit(rendered)
