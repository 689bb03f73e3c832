"""Gets ready what is not asked for yet, so that nothing stands still when it is.

Libraries are loaded in the background; widgets, which only the window's thread may make, one at a time in its idle
moments.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from fer_studio.workers.abandon import Abandoned, call_abandonable
from fer_studio.workers.control import Cancelled, Control
from fer_studio.workers.tasks import Tasks

_PAUSE_MS = 100


class Ahead(QObject):
    """Works once; what fails is left to whoever needs it, who can say so.

    Args:
        modules: names of modules to import, one after the other.
        steps: are called one after the other in the window's thread, with time between them for everything else.
        parent: as usual.
    """

    ended = Signal()
    """Nothing more will be done."""

    def __init__(
        self, modules: Sequence[str], steps: Sequence[Callable[[], object]], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._modules = tuple(modules)
        self._steps = list(steps)
        self._begun = False
        self._tasks = Tasks(self)
        self._pause = QTimer(self, interval=_PAUSE_MS)
        self._pause.timeout.connect(self._on_idle)

    @Slot()
    def begin(self) -> None:
        """Later calls do nothing."""
        if self._begun:
            return
        self._begun = True
        task = self._tasks.make("loading ahead", self._load)
        task.succeeded.connect(self._on_loaded)
        task.failed.connect(self._on_failed)
        self._tasks.start(task)

    def shutdown(self) -> bool:
        """Does nothing more; False when a thread did not end in time."""
        self._begun = True
        self._pause.stop()
        self._steps.clear()
        return self._tasks.shutdown()

    def _load(self, control: Control) -> None:
        for name in self._modules:
            try:
                call_abandonable(f"loading {name}", partial(importlib.import_module, name), control.should_stop, id)
            except Abandoned:
                raise Cancelled from None

    @Slot()
    def _on_loaded(self) -> None:
        self._pause.start()

    @Slot()
    def _on_failed(self) -> None:
        self.ended.emit()

    @Slot()
    def _on_idle(self) -> None:
        if self._steps:
            self._steps.pop(0)()
        else:
            self._pause.stop()
            self.ended.emit()
